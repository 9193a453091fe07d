"""Flows of vendors: on, each source has a flow that reads what its contract says; off, nothing is left."""

import json
import shutil
from datetime import UTC, datetime

import pytest
import yaml

import app
from c360_core import contracts as compiled
from config.settings import SettingsError, load
from stacks.collection.saas.flows import UnusedConnectionError, rate
from tests.factories import vendors
from tests.infrastructure.assembly import definition, empty_app, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.estate import Estate
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.integrations import INTEGRATIONS, lacking, unclaimed, uses
from tests.infrastructure.policies import Policies
from tools.contracts import CONTRACTS_DIRECTORY, load_and_check
from twin.providers.appflow.plan import Plan
from twin.providers.appflow.readers import Profile, Window, read
from twin.vendors.google import GoogleServer
from twin.vendors.marketo import MarketoServer
from twin.vendors.salesforce import SalesforceServer
from twin.vendors.sap import SapServer

CONNECTIONS = {
    "salesforce": {
        "sources": ["salesforce_contacts", "salesforce_cases"],
        "secret": "c360/salesforce",
        "address": "https://example.my.salesforce.com",
    },
    "sap": {
        "sources": ["sap_business_partners", "sap_sales_orders"],
        "secret": "c360/sap",
        "address": "https://sap.example.com",
    },
    "marketo": {"sources": ["marketo_leads", "marketo_activities"], "profile": "by-hand"},
    "analytics": {"sources": ["ga4_sessions"], "secret": "c360/google", "report": "properties/1234"},
}
SOURCES = [source for connection in CONNECTIONS.values() for source in connection["sources"]]
# AppFlow API Reference, FlowName; and User Guide, Quotas for Amazon AppFlow.
MOST_FLOWS, MOST_NAME = 1000, 256


def written(folder, connections, **collection):
    values = {"collection": {"saas": connections, **collection}}
    (folder / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def on(tmp_path_factory):
    settings = load("dev", written(tmp_path_factory.mktemp("settings"), CONNECTIONS))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(settings, assets, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def flows(on):
    """The properties of each flow, with every reference resolved, by its source."""
    estate = Estate(on)
    found = {one.properties["FlowName"]: one.properties for one in estate.of_type("AWS::AppFlow::Flow")}
    return {name.removeprefix("c360-dev-"): properties for name, properties in found.items()}


def test_off_leaves_nothing_behind(customary):
    assert not customary.settings.collection.saas
    assert not list(customary.resources("AWS::AppFlow::Flow"))
    left = [str(each) for each in customary.resources(pillar="collection") if "Saas" in each.logical_id]
    assert left == []
    assert "appflow" not in json.dumps(customary.templates["foundation"])
    assert not [label for label in customary.costs if "vendors" in label]


def test_every_pack_accepts_it_and_no_acknowledgement_is_idle(on):
    assert [finding for finding in open_findings(on.report) if "Saas" in str(finding)] == []
    assert [each for each in unused_acknowledgements(on.folder, on.report) if "Saas" in str(each)] == []


def test_each_source_of_the_settings_has_a_flow_and_no_other(on, flows):
    assert sorted(flows) == sorted(SOURCES)
    assert len(flows) < MOST_FLOWS
    for name, properties in flows.items():
        assert len(properties["FlowName"]) <= MOST_NAME
        assert properties["FlowStatus"] == "Active"  # CloudFormation leaves a scheduled flow as a draft otherwise
        assert properties["KMSArn"].startswith("arn:aws:kms:")
        [destination] = properties["DestinationFlowConfigList"]
        s3 = destination["DestinationConnectorProperties"]["S3"]
        assert s3["BucketPrefix"] == name  # by its first folder the ingestion knows a file
        assert s3["S3OutputFormatConfig"]["FileType"] == "JSON"
        assert s3["S3OutputFormatConfig"]["AggregationConfig"] == {"AggregationType": "SingleFile"}


def test_schedule_and_increment_follow_the_contract(flows):
    trigger = flows["salesforce_contacts"]["TriggerConfig"]
    assert trigger["TriggerType"] == "Scheduled"  # AppFlow reads increments in flows with a schedule alone
    assert trigger["TriggerProperties"] == {
        "DataPullMode": "Incremental",
        "FirstExecutionFrom": datetime(2020, 1, 1, tzinfo=UTC).timestamp(),
        "FlowErrorDeactivationThreshold": 100,
        "ScheduleExpression": "rate(1hours)",
        "TimeZone": "UTC",
    }
    config = flows["salesforce_contacts"]["SourceFlowConfig"]
    assert config["IncrementalPullConfig"] == {"DatetimeTypeFieldName": "SystemModstamp"}
    assert [rate(seconds) for seconds in (900, 3600, 5400, 86400)] == [
        "rate(15minutes)", "rate(1hours)", "rate(90minutes)", "rate(1days)",
    ]  # fmt: skip


def test_tasks_follow_the_contract_and_begin_with_the_projection(flows):
    """AppFlow refuses a flow without a projection, and reads no field that it does not name."""
    tasks = flows["salesforce_cases"]["Tasks"]
    assert (tasks[0]["TaskType"], tasks[0]["ConnectorOperator"]) == ("Filter", {"Salesforce": "PROJECTION"})
    named = {field for task in tasks[1:] for field in task["SourceFields"]}
    assert named <= set(tasks[0]["SourceFields"])
    [condition] = [task for task in tasks[1:] if task["TaskType"] == "Filter"]
    assert condition["ConnectorOperator"] == {"Salesforce": "NOT_EQUAL_TO"}
    assert {one["Key"]: one["Value"] for one in condition["TaskProperties"]} == {
        "DATA_TYPE": "picklist", "VALUE": "Internal",
    }  # fmt: skip
    [mask] = [task for task in tasks if task["TaskType"] == "Mask"]
    assert (mask["SourceFields"], mask["ConnectorOperator"]) == (["Subject"], {"Salesforce": "MASK_FIRST_N"})
    mapped = {task["DestinationField"]: task["SourceFields"] for task in tasks if task["TaskType"] == "Map"}
    columns = compiled.load().source("salesforce_cases").table.file_columns
    assert set(mapped) == set(columns)
    assert mapped["case_number"] == ["CaseNumber"]


def test_google_is_a_custom_connector_whose_report_the_settings_name(flows):
    """The connector `Googleanalytics` reads what Google has shut; GA4 has one of its own."""
    config = flows["ga4_sessions"]["SourceFlowConfig"]
    assert (config["ConnectorType"], config["ApiVersion"]) == ("CustomConnector", "v1beta")
    assert config["SourceConnectorProperties"] == {"CustomConnector": {"EntityName": "properties/1234"}}


def test_no_template_has_a_credential(on):
    profiles = {one.properties["ConnectorProfileName"]: one.properties
                for one in on.resources("AWS::AppFlow::ConnectorProfile")}  # fmt: skip
    assert set(profiles) == {"c360-dev-salesforce", "c360-dev-sap", "c360-dev-analytics"}
    for profile in profiles.values():
        said = json.dumps(profile["ConnectorProfileConfig"]["ConnectorProfileCredentials"])
        values = [value for value in said.split('"') if value.startswith("{{")]
        assert values
        assert all(value.startswith("{{resolve:secretsmanager:c360/") for value in values)
        assert "KMSArn" in profile
    waits = {one.properties["FlowName"]: one.document.get("DependsOn") for one in on.resources("AWS::AppFlow::Flow")}
    assert "Profile" in str(waits["c360-dev-sap_sales_orders"])


def test_appflow_may_land_files_of_its_sources_for_this_account_alone(on):
    estate = Estate(on)
    policies = Policies(estate)
    ours = [use for use in uses(estate) if use.resource.pillar == "collection" and "AppFlow" in use.kind]
    assert len([use for use in ours if use.kind.endswith("Flow")]) == len(SOURCES)
    needed = [call for use in uses(estate) if use.resource.pillar == "collection" and use.kind in INTEGRATIONS
              for call in INTEGRATIONS[use.kind](estate, use)]  # fmt: skip
    assert [f"{call.party} {action} {call.resource}" for call in needed for action in lacking(policies, call)] == []
    assert unclaimed(estate) == []
    text = json.dumps([one.document for one in on.resources("AWS::S3::BucketPolicy", "foundation")])
    assert text.count("appflow.amazonaws.com") == 2
    assert "salesforce_contacts/*" in text


def test_a_source_that_fails_again_and_again_is_reported_once(on):
    machine = on.one("AWS::StepFunctions::StateMachine", "collection", "SaasWatch")
    found = states(definition(machine))
    asked = found["AskForRuns"]
    assert asked["Parameters"] == {"FlowName.$": "$.flow", "MaxResults": 4}
    [choice] = found["FailedTooOften"]["Choices"]
    assert len(choice["And"]) == 4
    assert "Not" in choice["And"][3]
    assert "docs/runbooks/a-vendor-is-not-read.md" in found["FailedSource"]["Parameters"]["cause.$"]
    rules = {each.properties["Description"]: each.properties["EventPattern"]
             for each in on.resources("AWS::Events::Rule", "collection") if "Saas" in each.logical_id}  # fmt: skip
    ended = rules["A run of a flow failed: is its source to be reported?"]
    assert ended["detail"]["status"] == [{"anything-but": ["Execution Successful"]}]
    assert sorted(ended["detail"]["flow-name"]) == sorted(f"c360-dev-{source}" for source in SOURCES)
    role = [text for text in Policies(Estate(on)).of_roles if "SaasWatchMachineRole" in text]
    assert len(role) == 1


def test_costs_name_the_sources(on):
    """A run costs 0.001 USD, also one that finds nothing: three are hourly, one each quarter, three daily."""
    [(label, usd)] = [(label, usd) for label, usd in on.costs.items() if "vendors" in label]
    assert label == "7 sources read from vendors"
    assert usd == pytest.approx((3 * 730 + 4 * 730 + 3 * 730 / 24) * 0.001)


# ---- the deployed flows read what vendors hold


def records(flow, connector, label, properties, credentials):
    plan = Plan.of(flow)
    window = Window(since=datetime.fromtimestamp(plan.first_from, UTC), until=datetime(2026, 4, 1, tzinfo=UTC))
    profile = Profile(connector=connector, label=label, properties=properties, credentials=credentials)
    return list(plan.records(read(plan, profile, window, lambda _: None)))


@pytest.mark.enable_socket
def test_the_flows_of_salesforce_read_contacts_and_cases(flows):
    contacts = [vendors.contact(number) for number in range(1, 6)]
    cases = [vendors.case(1), vendors.case(2), vendors.case(3, Type="Internal")]
    with SalesforceServer({"Contact": contacts, "Case": cases}, calls_per_token=2, busy=1) as server:
        said = (
            "Salesforce",
            None,
            {"InstanceUrl": server.address},
            {"AccessToken": "x", "RefreshToken": server.consent},
        )
        found = records(flows["salesforce_contacts"], *said)
        assert [one["crm_id"] for one in found] == [f"C{number:06d}" for number in range(1, 6)]
        assert found[0]["email_opt_out"] is True
        assert "phone" not in found[0]
        opened = records(flows["salesforce_cases"], *said)
    assert [one["case_number"] for one in opened] == ["00000001", "00000002"]
    assert {one["subject"] for one in opened} == {"********11111111 was charged twice"}
    assert opened[1]["csat"] == 4


@pytest.mark.enable_socket
@pytest.mark.parametrize("version", [2, 4])
def test_the_flows_of_sap_read_partners_and_orders(flows, version):
    paths = {name: flows[name]["SourceFlowConfig"]["SourceConnectorProperties"]["SAPOData"]["ObjectPath"]
             for name in ("sap_business_partners", "sap_sales_orders")}  # fmt: skip
    held = {
        paths["sap_business_partners"]: [vendors.partner(n) for n in range(1, 6)]
        + [vendors.partner(9, BusinessPartnerCategory="2")],
        paths["sap_sales_orders"]: [vendors.sales_order(n) for n in range(1, 4)],
    }
    with SapServer(held, version=version, busy=1) as server:
        properties = {"ApplicationHostUrl": server.address, "ClientNumber": "100"}
        user = {"BasicAuthCredentials": {"Username": server.user, "Password": server.password}}
        partners = records(flows["sap_business_partners"], "SAPOData", None, properties, user)
        orders = records(flows["sap_sales_orders"], "SAPOData", None, properties, user)
    assert [one["partner_id"] for one in partners] == ["1", "2", "3", "4", "5"]  # an organization is no person
    assert "phone" not in partners[0]
    assert partners[0]["updated_at"] in {"2026-03-01T10:00:00.000Z", "2026-03-01T10:00:00Z"}
    assert [(one["order_number"], one["total"], one["status"]) for one in orders] == [
        ("1", "10.50", "C"), ("2", "20.50", "R"), ("3", "30.50", "C"),
    ]  # fmt: skip


@pytest.mark.enable_socket
def test_the_flows_of_marketo_read_leads_and_activities(flows):
    leads = [vendors.lead(number) for number in range(1, 4)]
    did = [vendors.activity(1, 1), vendors.activity(2, 10), vendors.activity(3, 11), vendors.activity(4, 12)]
    with MarketoServer(leads, did, calls_per_token=5, busy=1) as server:
        properties = {"InstanceUrl": server.address}
        client = {"ClientId": server.client, "ClientSecret": server.secret}
        people = records(flows["marketo_leads"], "Marketo", None, properties, client)
        actions = records(flows["marketo_activities"], "Marketo", None, properties, client)
    assert [(one["lead_id"], one["unsubscribed"]) for one in people] == [(1, True), (2, False), (3, False)]
    assert [(one["activity_id"], one["activity_type"]) for one in actions] == [("1", 1), ("2", 10), ("3", 11)]


@pytest.mark.enable_socket
def test_the_flow_of_google_reads_sessions(flows):
    rows = [vendors.session(number) for number in range(1, 6)]
    with GoogleServer(rows, metrics=["screenPageViews"], calls_per_token=2, busy=1) as server:
        properties = {"OAuth2Properties": {"TokenUrl": f"{server.address}/token"}}
        said = {"AccessToken": "x", "RefreshToken": server.consent, "ClientId": "c", "ClientSecret": "s"}
        found = records(flows["ga4_sessions"], "CustomConnector", "GoogleAnalytics4", properties, {"Oauth2": said})
    assert [one["session_key"] for one in found] == ["s1", "s2", "s3", "s4", "s5"]
    assert found[0]["page_views"] == 1


# ---- settings and contracts


@pytest.mark.parametrize(
    ("connections", "message"),
    [
        ({"salesforce": {"sources": ["salesforce_cases"]}}, "name a `profile` that exists, or a `secret`"),
        ({"salesforce": {"sources": ["x"], "profile": "p", "secret": "s"}}, "and not both"),
        ({"salesforce": {"sources": [], "profile": "p"}}, r"collection\.saas\.salesforce\.sources"),
        ({"salesforce": {"sources": ["x"], "secret": "s", "address": "example.com"}}, "address"),
        ({"salesforce": {"sources": ["x"], "profile": "p", "token": "t"}}, "allowed here: address, profile, report"),
    ],
)
def test_wrong_settings_say_what_is_wrong(tmp_path, connections, message):
    with pytest.raises(SettingsError, match=message):
        load("dev", written(tmp_path, connections))


@pytest.mark.parametrize(
    ("connections", "message"),
    [
        ({"salesforce": {"sources": ["crm_contacts"], "profile": "p"}}, "no contract `crm_contacts` has a server"),
        ({"sap": {"sources": ["sap_sales_orders"], "secret": "s"}}, r"sap\.address: is missing"),
        ({"analytics": {"sources": ["ga4_sessions"], "profile": "p"}}, r"analytics\.report: is missing"),
    ],
)
def test_a_connection_that_does_not_fit_the_contracts_is_refused(tmp_path, connections, message):
    settings = load("dev", written(tmp_path, connections))
    with pytest.raises(UnusedConnectionError, match=message):
        app.build(empty_app(tmp_path / "out"), settings, placeholder_assets(tmp_path / "assets"))


def test_a_new_contract_needs_no_code(tmp_path, monkeypatch):
    """A source of another organization of Salesforce: one contract and one setting."""
    folder = tmp_path / "contracts"
    shutil.copytree(CONTRACTS_DIRECTORY, folder)
    contract = yaml.safe_load((folder / "salesforce_contacts.odcs.yaml").read_text(encoding="utf-8"))
    contract |= {"name": "b2b_contacts", "id": "c360-b2b-contacts"}
    contract["schema"][0]["name"] = "b2b_contacts"
    contract["servers"][0]["server"] = "b2b"
    (folder / "b2b_contacts.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    changed = load_and_check(folder).contracts
    monkeypatch.setattr(compiled, "load", lambda: changed)
    settings = load("dev", written(tmp_path, {"b2b": {"sources": ["b2b_contacts"], "profile": "by-hand"}}))

    assembly = synthesize(settings, placeholder_assets(tmp_path / "assets"), tmp_path / "out")

    [flow] = assembly.resources("AWS::AppFlow::Flow")
    assert resolve(flow.properties["FlowName"]) == "c360-dev-b2b_contacts"
    assert flow.properties["SourceFlowConfig"]["ConnectorProfileName"] == "by-hand"
    assert not list(assembly.resources("AWS::AppFlow::ConnectorProfile"))
