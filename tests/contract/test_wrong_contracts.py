"""A wrong contract is refused with the file, the field and the fix."""

import pytest

from tests.contract.conftest import assert_names_problem, change_contract
from tools.contracts import ContractsError, load_and_check, main

CRM = "crm_contacts.odcs.yaml"
WEB = "web_events.odcs.yaml"
EVENTS = "events.odcs.yaml"


def column(contract, name):
    return next(field for field in contract["schema"][0]["properties"] if field["name"] == name)


def custom(contract, name):
    return next(entry for entry in contract["customProperties"] if entry["property"] == name)


def publish(contract):
    return custom(contract, "publish")["value"][0]


def live_within(value):
    return lambda contract: contract["customProperties"].append({"property": "liveWithinHours", "value": value})


def kept(**changes):
    said = {"property": "retention", "value": 3, "unit": "y", "element": "crm_contacts.updated_at", **changes}
    return lambda contract: contract["slaProperties"].append(said)


def duplicate(contract):
    contract["schema"][0]["properties"].append(dict(column(contract, "email")))


def untype_payload(contract):
    payload = next(element for element in contract["schema"] if element["name"] == "order_placed")
    del payload["properties"][0]["logicalType"]


def payload_field(contract, event_type, name):
    element = next(element for element in contract["schema"] if element["name"] == event_type)
    return next(field for field in element["properties"] if field["name"] == name)


CASES = {
    "unknown classification": (CRM, lambda c: column(c, "email").update(classification="secret"),
        "crm_contacts.email.classification", "`secret` is unknown", "none, pseudonymous, direct, sensitive"),
    "unknown logical type": (CRM, lambda c: column(c, "email").update(logicalType="banana"),
        "crm_contacts.email.logicalType", "'banana'", "use one of string"),
    "misspelt key": (CRM, lambda c: column(c, "email").update(clasification="direct"),
        "crm_contacts.email", "clasification", "correct its spelling"),
    "logical type without projection": (CRM, lambda c: column(c, "email_opt_in").update(logicalType="time"),
        "crm_contacts.email_opt_in.logicalType", "`time` is unknown", "use one of string"),
    "missing logical type": (EVENTS, untype_payload,
        "order_placed.order_id.logicalType", "is missing", "say what"),
    "missing classification": (CRM, lambda c: column(c, "email").pop("classification"),
        "crm_contacts.email.classification", "`None` is unknown", "use one of none"),
    "missing required": (CRM, lambda c: column(c, "email").pop("required"),
        "crm_contacts.email", "does not say whether it is required", "required: true"),
    "missing consent purpose": (CRM, lambda c: column(c, "email").pop("customProperties"),
        "crm_contacts.email.consentPurpose", "missing on personal data", "use one of service"),
    "unknown identity role": (CRM, lambda c: column(c, "city")["customProperties"][1].update(value="town"),
        "crm_contacts.city.identityRole", "`town` is unknown", "use one of given_name"),
    "unknown default country": (CRM,
        lambda c: c["customProperties"].append({"property": "defaultCountry", "value": "Germany"}),
        "defaultCountry", "`Germany` is no country", "ISO 3166"),
    "impossible earliest birth date": (CRM,
        lambda c: c["customProperties"].append({"property": "earliestBirthDate", "value": "1899-02-30"}),
        "earliestBirthDate", "`1899-02-30` is no date", "1905-01-01"),
    "missing owner": (CRM, lambda c: c.pop("team"),
        "team.name", "no owner", "name the team"),
    "missing cadence": (CRM, lambda c: c.pop("slaProperties"),
        "slaProperties.frequency", "missing", "how often"),
    "retention of half a year": (CRM, kept(value=0.5),
        "slaProperties.retention", "`0.5 y` is no retention", "a whole number from 1 and one of d, y"),
    "retention in months": (CRM, kept(unit="M"),
        "slaProperties.retention", "`3 M` is no retention", "a whole number from 1 and one of d, y"),
    "retention after what is no time": (CRM, kept(element="crm_contacts.email"),
        "slaProperties.retention", "`crm_contacts.email` is no time", "element: crm_contacts.<timestamp column>"),
    "retention after a column of another table": (CRM, kept(element="erp_orders.updated_at"),
        "slaProperties.retention", "`erp_orders.updated_at` is no time", "element: crm_contacts.<timestamp column>"),
    "unknown kind": (CRM, lambda c: custom(c, "kind").update(value="table"),
        "kind", "`table` is unknown", "use one of events, stream, file, product"),
    "misspelt custom property": (WEB, lambda c: c["customProperties"].append({"property": "eventtypes", "value": []}),
        "eventtypes", "is unknown", "correct its spelling"),
    "name differs from file": (CRM, lambda c: c.update(name="contacts"),
        "name", "not the name of the file", "use `crm_contacts`"),
    "version that is none": (CRM, lambda c: c.update(version="one"),
        "version", "`one`", "major.minor.patch"),
    "duplicate field": (CRM, duplicate,
        "crm_contacts.email", "there 2 times", "keep one"),
    "event type outside the closed list": (WEB, lambda c: custom(c, "eventTypes")["value"].append("page_seen"),
        "eventTypes", "`page_seen` is not in events.odcs.yaml", "use one of page_viewed"),
    "unknown identifier type": (WEB, lambda c: custom(c, "identifiers")["value"].append("fingerprint"),
        "identifiers", "`fingerprint` is unknown", "use one of loyalty_id"),
    "partition key that is no identifier": (WEB, lambda c: custom(c, "partitionKey").update(value="case_system_id"),
        "partitionKey", "not among the identifiers", "use one of loyalty_id"),
    "publish names a missing column": (CRM, lambda c: publish(c)["identifiers"].update(email="mail"),
        "publish.consent_changed.identifiers.email", "no column `mail`", "use one of crm_id"),
    "publish expression names a missing column": (CRM, lambda c: publish(c)["payload"].update(granted="opted_in"),
        "publish.consent_changed.payload.granted", "no column `opted_in`", "use one of crm_id"),
    "publish condition is not SQL": (CRM, lambda c: publish(c).update(when="email_opt_in IS NOT ("),
        "publish.consent_changed.when", "is not Spark SQL", "correct the expression"),
    "publish identifier cannot be normalised": (CRM, lambda c: publish(c)["identifiers"].update(phone="postal_code"),
        "publish.consent_changed.identifiers.phone", "cannot be normalised as phone", "identityRole is phone"),
    "publish leaves out a required field": (CRM, lambda c: publish(c)["payload"].pop("granted"),
        "publish.consent_changed.payload.granted", "needs this field", "map a column"),
    "publish fills an unknown field": (CRM, lambda c: publish(c)["payload"].update(when="consent_at"),
        "publish.consent_changed.payload.when", "has no such field", "use one of purpose"),
    "publish of a type it may not send": (CRM, lambda c: publish(c).update(eventType="identified"),
        "publish.identified", "not among the eventTypes", "add it there"),
    "publish without a time": (CRM, lambda c: publish(c).pop("occurredAt"),
        "publish.consent_changed.occurredAt", "is missing", "add it"),
    "pattern with a backslash": (CRM, lambda c: column(c, "state")["logicalTypeOptions"].update(pattern=r"^\w{2}$"),
        "crm_contacts.state.pattern", "backslash", "use a class"),
    "pattern without ends": (CRM, lambda c: column(c, "state")["logicalTypeOptions"].update(pattern="[A-Z]"),
        "crm_contacts.state.pattern", "matches a part", "write ^...$"),
    "pattern that is none": (CRM, lambda c: column(c, "state")["logicalTypeOptions"].update(pattern="^(A$"),
        "crm_contacts.state.pattern", "is no regular expression", "correct it"),
    "pattern that Java reads differently": (
        CRM, lambda c: column(c, "state")["logicalTypeOptions"].update(pattern="^(?P<a>[A-Z])$"),
        "crm_contacts.state.pattern", "`(?P<a>[A-Z`, which Python and Java", "use literals"),
    "bound that is no number": (
        "support_cases.odcs.yaml", lambda c: column(c, "csat")["logicalTypeOptions"].update(minimum=float("nan")),
        "support_cases.csat.minimum", "no number that every engine reads", "whole number"),
    "enum value with a quote": (
        "support_cases.odcs.yaml", lambda c: column(c, "channel")["enum"].append({"value": '6" pipe'}),
        "support_cases.channel.enum", "which DQDL and Deequ cannot hold", "leave them out"),
    "unknown part of the file format": (CRM, lambda c: custom(c, "fileFormat")["value"].update(separator=";"),
        "fileFormat.separator", "is unknown", "use one of type"),
    "bound with an exponent": ("profiles.odcs.yaml",
        lambda c: column(c, "spend").update(logicalTypeOptions={"minimum": 1e30}),
        "profiles.spend.minimum", "`1e+30` is no number that every engine reads", "plain digits"),
    "double quotes in a quality rule": (CRM,
        lambda c: c["schema"][0]["quality"][1].update(query='SELECT count(*) FROM {object} WHERE state = "IA"'),
        "crm_contacts.quality", "double quote", "single quotes"),
    "row count that is a truth": (CRM, lambda c: c["schema"][0]["quality"][0].update(mustBeGreaterThan=True),
        "crm_contacts.quality.0", "is not valid", "Open Data Contract Standard"),
    "field with a quote in its name": (CRM, lambda c: column(c, "city").update(name='ci"ty'),
        'crm_contacts.ci"ty', "no name for all engines", "letters, digits"),
    "column of the file that the contract lacks": (CRM,
        lambda c: custom(c, "fileFormat")["value"].update(columns={"surname": "LastName"}),
        "fileFormat.columns.surname", "is no column of the contract", "use one of crm_id, first_name"),
    "times without a zone": (CRM, lambda c: custom(c, "fileFormat")["value"].pop("zone"),
        "fileFormat.zone", "is missing", "name the IANA zone"),
    "file format of a stream": (WEB,
        lambda c: c["customProperties"].append({"property": "fileFormat", "value": {"delimiter": ";"}}),
        "fileFormat", "is unknown", "remove it"),
    "two answers that may be overwritten": (CRM,
        lambda c: custom(c, "publish")["value"].append({**publish(c), "idSuffix": "again"}),
        "publish", "both have a changedAt", "contract of their own"),
    "what happens once and is overwritten": (CRM, lambda c: publish(c).update(happensOnce=True),
        "publish.consent_changed.changedAt", "means nothing", "keep one"),
    "number without digits": ("profiles.odcs.yaml", lambda c: column(c, "spend").pop("physicalType"),
        "profiles.spend.physicalType", "needs its digits", "decimal(14,2)"),
    "bounds the wrong way round": (
        "support_cases.odcs.yaml", lambda c: column(c, "csat")["logicalTypeOptions"].update(minimum=9),
        "support_cases.csat.minimum", "above the maximum", "swap them"),
    "live for less than nothing": (CRM, live_within(-1),
        "liveWithinHours", "`-1` is no age", "whole hours from 0 (all of it is history) to 720"),
    "live for parts of hours": (CRM, live_within(1.5),
        "liveWithinHours", "`1.5` is no age", "whole hours"),
    "live for a time with a unit": (CRM, live_within("48h"),
        "liveWithinHours", "`48h` is no age", "whole hours"),
    "live for a truth": (CRM, live_within(True),
        "liveWithinHours", "`True` is no age", "whole hours"),
    "live for too long": (CRM, live_within(721),
        "liveWithinHours", "`721` is no age", "to 720"),
    "rare files that do not say what is live": (CRM, lambda c: c["slaProperties"][0].update(value=16),
        "liveWithinHours", "two cadences are too old", "say what is still live"),
    "live rows of a source without rows": (WEB, live_within(48),
        "liveWithinHours", "is unknown", "remove it"),
    "a policy that nobody knows": (WEB, lambda c: custom(c, "unplanned").update(value="drop"),
        "unplanned", "`drop` is no policy", "use one of quarantine, keep"),
    "events kept as nothing": (WEB, lambda c: custom(c, "eventTypes")["value"].remove("custom_event"),
        "unplanned", "`custom_event`, which the source may not send", "add it to the eventTypes"),
    "a policy for rows": (CRM, lambda c: c["customProperties"].append({"property": "unplanned", "value": "keep"}),
        "unplanned", "is unknown", "remove it"),
    "money that is no text": (EVENTS, lambda c: payload_field(c, "cart_updated", "quantity").update(
        customProperties=[{"property": "money", "value": "positive"}]),
        "cart_updated.quantity.money", "`positive` is no kind of money", "on a string"),
    "money of an unknown kind": (EVENTS, lambda c: payload_field(c, "order_returned", "total").update(
        customProperties=[{"property": "money", "value": "negative"}]),
        "order_returned.total.money", "`negative` is no kind of money", "use one of positive, magnitude"),
    "events of any age": (EVENTS, lambda c: c["customProperties"].remove(custom(c, "earliest")),
        "earliest", "is missing", "kind events needs it"),
    "earliest in no zone": (EVENTS, lambda c: custom(c, "earliest").update(value="1990-01-01"),
        "earliest", "`1990-01-01` is no time in UTC", "write '1990-01-01T00:00:00Z'"),
    "earliest on no day": (EVENTS, lambda c: custom(c, "earliest").update(value="1990-02-30T00:00:00Z"),
        "earliest", "is no time in UTC", "write '1990-01-01T00:00:00Z'"),
    "no key": (CRM, lambda c: column(c, "crm_id").pop("unique"),
        "crm_contacts", "has no key", "unique: true"),
    "column that the ingestion adds": (CRM, lambda c: column(c, "updated_at").update(name="loaded_at"),
        "crm_contacts.loaded_at", "the ingestion adds", "rename it"),
    "partition on no column": ("interactions.odcs.yaml", lambda c: custom(c, "partition").update(value="day(at)"),
        "partition", "`day(at)` names no time column", "day(<timestamp column>)"),
    "unknown zone": ("profiles.odcs.yaml", lambda c: custom(c, "zone").update(value="gold"),
        "zone", "`gold` is unknown", "use one of landing"),
    "quality rule without projection": (CRM, lambda c: c["schema"][0]["quality"][1].update(mustBe=3),
        "crm_contacts.quality", "no projection", "with mustBe 0"),
    "quality rule over a missing column": (
        CRM,
        lambda c: c["schema"][0]["quality"][1].update(query="SELECT count(*) FROM {object} WHERE changed < 1"),
        "crm_contacts.quality", "no column `changed`", "use one of crm_id"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "change", "field", "message", "fix"), CASES.values(), ids=CASES.keys())
def test_wrong_contract_names_file_field_and_fix(directory, file, change, field, message, fix):
    assert_names_problem(directory, file, change, field, message, fix)


def test_all_problems_are_reported_in_one_run(directory):
    change_contract(directory, CRM, lambda c: c.pop("team"))
    change_contract(directory, WEB, lambda c: custom(c, "identifiers")["value"].append("fingerprint"))

    with pytest.raises(ContractsError) as caught:
        load_and_check(directory)

    assert {problem.file for problem in caught.value.problems} == {CRM, WEB}


def test_broken_yaml_names_the_line(directory):
    (directory / CRM).write_text("apiVersion: v3.2.0\nname: [unclosed\n")

    with pytest.raises(ContractsError, match=r"crm_contacts\.odcs\.yaml: -: not YAML: .*line"):
        load_and_check(directory)


def test_key_written_twice_is_refused(directory):
    path = directory / CRM
    path.write_text(path.read_text() + "version: 2.0.0\n")

    with pytest.raises(ContractsError, match="key `version` is written twice"):
        load_and_check(directory)


def test_missing_event_list_is_named(directory):
    (directory / EVENTS).unlink()

    with pytest.raises(ContractsError, match=r"events\.odcs\.yaml: -: is missing"):
        load_and_check(directory)


def test_command_line_ends_with_1_and_one_line_per_problem(directory, tmp_path, caplog):
    change_contract(directory, CRM, lambda c: c.pop("team"))
    output = tmp_path / "contracts.json"

    assert main(["--directory", str(directory), "--output", str(output)]) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "crm_contacts.odcs.yaml: team.name: the contract has no owner; name the team that answers for the data"
    ]
    assert not output.exists()


def test_check_writes_nothing(directory, tmp_path):
    output = tmp_path / "contracts.json"

    assert main(["--check", "--directory", str(directory), "--output", str(output)]) == 0
    assert not output.exists()
