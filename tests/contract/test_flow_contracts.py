"""A contract says which object a flow reads; a wrong word is refused with the file, the field and the fix."""

import pytest

from c360_core.names import Arrival, Connector
from tests.contract.conftest import assert_names_problem, change_contract
from tools.contracts import ContractsError, load_and_check

CASES_FILE = "salesforce_cases.odcs.yaml"
GA4 = "ga4_sessions.odcs.yaml"


def said(**values):
    """Change what the server says; None takes a property out."""

    def change(contract):
        [server] = contract["servers"]
        kept = {entry["property"]: entry["value"] for entry in server["customProperties"]} | values
        server["customProperties"] = [{"property": k, "value": v} for k, v in kept.items() if v is not None]

    return change


def field(column, value):
    def change(contract):
        [fields] = [e["value"] for e in contract["servers"][0]["customProperties"] if e["property"] == "fields"]
        fields[column] = value

    return change


def without_field(column):
    def change(contract):
        [fields] = [e["value"] for e in contract["servers"][0]["customProperties"] if e["property"] == "fields"]
        del fields[column]

    return change


def file_format(**values):
    def change(contract):
        [entry] = [e for e in contract["customProperties"] if e["property"] == "fileFormat"]
        entry["value"] = entry["value"] | values

    return change


def frequency(value, unit):
    return lambda contract: contract["slaProperties"][0].update(value=value, unit=unit)


FILTER = {"field": "Type", "type": "picklist", "operator": "EQUAL_TO", "values": ["A"]}
MASK = {"column": "subject", "part": "all", "length": 5}
WRONG = {
    "another vendor": (said(connector="Slack"), "connector", "is no connector", "use one of Salesforce, SAPOData"),
    "no connector": (said(connector=None), "connector", "is missing", "appflow needs it"),
    "no object": (said(object=None), "object", "is missing", "appflow needs it"),
    "an object with a space": (said(object="My Case"), "object", "no name of an object", "without spaces"),
    "misspelt": (said(incremental="x"), "incremental", "is unknown", "incrementalField"),
    "a column that is not there": (field("colour", "Colour__c"), "fields.colour", "is no column", "use one of case_id"),
    "a column that nothing fills": (without_field("topic"), "fields.topic", "is missing", "which field of the vendor"),
    "a field that fills two": (field("topic", "Subject"), "fields.topic", "another column, too", "one column"),
    "a field that is no text": (field("topic", 5), "fields.topic", "no name of a field", "as the vendor does"),
    "an unknown type": (said(fieldTypes={"topic": "colour"}), "fieldTypes.topic", "no type", "use one of string"),
    "an increment that is not read": (said(incrementalField="CreatedBy"), "incrementalField", "is not read", "fills a"),
    "history without increments": (said(incrementalField=None), "historyFrom", "each run reads all", "incremental"),
    "history since a word": (said(historyFrom="ever"), "historyFrom", "is no date", "'2020-01-01'"),
    "runs each minute": (frequency(1, "m"), "", "too short", "five at least"),
    "runs each ninety seconds": (frequency(390, "s"), "", "too short", "whole minutes"),
    "a file of commas": (file_format(type="csv"), "fileFormat.type", "not what a flow writes", "json_lines"),
    "names in the file": (file_format(columns={"topic": "Type"}), "fileFormat.columns", "contract's names", "`fields`"),
    "a condition without values": (said(filters=[{**FILTER, "values": []}]), "filters.0.values", "no list", "quotes"),
    "a condition with a comma": (said(filters=[{**FILTER, "values": ["a,b"]}]), "filters.0.values", "comma", "else"),
    "a condition of a number": (said(filters=[{**FILTER, "values": [1]}]), "filters.0.values", "no list", "quotes"),
    "half a condition": (said(filters=[{"field": "Type"}]), "filters.0", "no condition", "field, type"),
    "an unknown operator": (said(filters=[{**FILTER, "operator": "IS"}]), "filters.0.operator", "cannot", "one"),
    "conditions that are no list": (said(filters={"a": 1}), "filters", "is no list", "write a list"),
    "a mask of a number": (said(masks=[{**MASK, "column": "csat"}]), "masks.0.column", "cannot be masked", "texts"),
    "a mask of who it is": (said(masks=[{**MASK, "column": "email"}]), "masks.0.column", "nobody any more", "no key"),
    "a mask of the key": (said(masks=[{**MASK, "column": "case_id"}]), "masks.0.column", "nobody any more", "no key"),
    "a mask of the middle": (said(masks=[{**MASK, "part": "middle"}]), "masks.0.part", "is unknown", "all, first"),
    "a mask of nothing": (said(masks=[{**MASK, "length": 0}]), "masks.0.length", "out of range", "up to 512"),
    "half a mask": (said(masks=[{"column": "subject"}]), "masks.0", "no mask", "column, part, length"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "where", "message", "fix"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_flow_names_file_field_and_fix(directory, change, where, message, fix):
    assert_names_problem(directory, CASES_FILE, change, f"servers.salesforce.{where}", message, fix)


def test_marketo_compares_numbers_alone(directory):
    one = {**FILTER, "field": "activityTypeId", "operator": "EQUAL_TO"}
    change, field_name = said(filters=[one]), "servers.marketo.filters.0.operator"
    assert_names_problem(directory, "marketo_activities.odcs.yaml", change, field_name, "cannot compare", "LESS_THAN")


def test_a_connection_leads_to_one_vendor(directory):
    def change(contract):
        contract["servers"][0]["server"] = "salesforce"

    change_contract(directory, GA4, change)

    with pytest.raises(ContractsError, match=r"servers\.salesforce\.connector: is `Salesforce`, and in ga4_sessions"):
        load_and_check(directory)


def test_a_flow_is_compiled_with_how_it_is_read(contracts):
    found = {source.name: saas for source, saas in contracts.saas_sources()}

    assert {saas.connector for saas in found.values()} == set(Connector)
    cases = found["salesforce_cases"]
    assert contracts.source("salesforce_cases").server.arrival is Arrival.APPFLOW
    assert (cases.object, cases.incremental_field, cases.history_from) == ("Case", "SystemModstamp", "2020-01-01")
    assert (cases.types["case_id"], cases.types["opened_at"], cases.types["text"]) == ("id", "datetime", "textarea")
    assert cases.filters[0].values == ("Internal",)
    assert (cases.masks[0].column, cases.masks[0].part) == ("subject", "first")
    for source, saas in contracts.saas_sources():
        assert tuple(saas.fields) == source.table.file_columns


def test_people_and_what_they_did_arrive_as_such(contracts):
    """Contacts, leads and partners become identity records; cases, activities, orders and sessions interactions."""
    roles = {
        source.name: {field.identity_role for field in source.table.fields if field.identity_role}
        for source, _ in contracts.saas_sources()
    }
    for people in ("salesforce_contacts", "marketo_leads", "sap_business_partners"):
        assert roles[people] >= {"given_name", "family_name", "email"}
    known = {source.name for source in contracts.people_sources()}
    assert {"marketo_activities", "ga4_sessions"}.isdisjoint(known)  # they name browsers, which are nobody yet
    assert {"salesforce_contacts", "marketo_leads", "crm_contacts", "erp_orders", "demographics"} <= known
    published = {source.name: {one.event_type for one in source.publish} for source, _ in contracts.saas_sources()}
    assert published["salesforce_cases"] == {"case_opened", "case_closed"}
    assert published["sap_sales_orders"] == {"order_placed", "order_returned"}
    assert published["marketo_activities"] == {"page_viewed", "message_opened", "message_clicked"}
    assert published["ga4_sessions"] == {"page_viewed"}
