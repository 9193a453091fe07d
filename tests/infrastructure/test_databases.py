"""Databases: on, each has a private, encrypted way in and its sources a schedule; off, nothing is left."""

import json
import shutil

import pytest
import yaml

import app
from c360_core import contracts as compiled
from config.settings import SettingsError, load
from stacks.collection.databases import UnusedDatabaseError
from tests.infrastructure.assembly import definition, empty_app, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.estate import ACCOUNT, REGION, Estate
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.integrations import INTEGRATIONS, lacking, unclaimed, uses
from tests.infrastructure.policies import Policies
from tools.contracts import CONTRACTS_DIRECTORY, load_and_check

OWN = {"vpc_id": "vpc-0a1b2c3d", "subnet_id": "subnet-0a1b2c3d", "availability_zone": "us-east-1a"}
DATABASES = {
    "erp": {"host": "erp.example.internal", "port": 5432, "secret": "c360/erp"},
    "erp_accounts": {"host": "accounts.example.internal", "port": 3306, "secret": "c360/accounts", "network": OWN},
}
NETWORK = {"deployed": True, "cidr": "10.20.0.0/16"}


def written(folder, databases, network=NETWORK):
    values = {"foundation": {"network": network}, "collection": {"databases": databases}}
    (folder / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def on(tmp_path_factory):
    settings = load("dev", written(tmp_path_factory.mktemp("settings"), DATABASES))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(settings, assets, tmp_path_factory.mktemp("out"))


def test_off_leaves_nothing_behind(customary):
    assert not customary.settings.collection.databases
    assert not list(customary.resources("AWS::Glue::Connection"))
    left = [str(each) for each in customary.resources(pillar="collection") if "Databases" in each.logical_id]
    assert left == []
    assert not [label for label in customary.costs if "databases" in label]


def test_every_pack_accepts_it_and_no_acknowledgement_is_idle(on):
    assert [finding for finding in open_findings(on.report) if "Databases" in str(finding)] == []
    assert [each for each in unused_acknowledgements(on.folder, on.report) if "Databases" in str(each)] == []


def test_a_connection_has_its_secret_its_encryption_and_its_subnet(on):
    found = {resolve(each.properties["ConnectionInput"]["Name"]): each.properties["ConnectionInput"]
             for each in on.resources("AWS::Glue::Connection")}  # fmt: skip
    assert set(found) == {"c360-dev-erp", "c360-dev-erp_accounts"}
    assert found["c360-dev-erp"]["ConnectionProperties"] == {
        "JDBC_CONNECTION_URL": "jdbc:postgresql://erp.example.internal:5432/erp",
        "JDBC_ENFORCE_SSL": "true",
        "SECRET_ID": "c360/erp",
    }
    accounts = found["c360-dev-erp_accounts"]
    assert (
        accounts["ConnectionProperties"]["JDBC_CONNECTION_URL"]
        == "jdbc:mysql://accounts.example.internal:3306/accounts"
    )
    assert accounts["PhysicalConnectionRequirements"]["SubnetId"] == OWN["subnet_id"]
    assert accounts["PhysicalConnectionRequirements"]["AvailabilityZone"] == OWN["availability_zone"]


def test_readers_reach_each_other_the_database_and_aws_alone(on):
    """AWS: the group of a connection lets its own members in on all TCP ports."""
    rules = [each.properties for each in on.resources("AWS::EC2::SecurityGroupIngress", "collection")]
    assert len(rules) == 2
    for rule in rules:
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 0, 65535)
        assert rule["SourceSecurityGroupId"] == rule["GroupId"]
    groups = [each.properties for each in on.resources("AWS::EC2::SecurityGroup", "collection")]
    ports = [sorted(rule["FromPort"] for rule in group["SecurityGroupEgress"]) for group in groups]
    assert sorted(ports) == [[443, 3306], [443, 5432]]


def test_the_network_reaches_what_the_job_calls(on):
    services = {resolve(each.properties["ServiceName"]).rpartition(".")[2]
                for each in on.resources("AWS::EC2::VPCEndpoint")}  # fmt: skip
    assert services >= {"glue", "secretsmanager", "logs", "monitoring", "s3", "dynamodb"}


def test_the_job_runs_in_its_connection_and_may_do_what_aws_documents(on):
    estate = Estate(on)
    policies = Policies(estate)
    ours = [use for use in uses(estate) if use.resource.pillar == "collection" and use.kind in INTEGRATIONS]
    needed = [call for use in ours for call in INTEGRATIONS[use.kind](estate, use)]
    assert [f"{call.party} {action} {call.resource}" for call in needed for action in lacking(policies, call)] == []
    assert unclaimed(estate) == []
    assert "resource AWS::Glue::Connection" in {use.kind for use in uses(estate)}
    jobs = [each for each in on.resources("AWS::Glue::Job", "collection") if "Databases" in each.logical_id]
    assert len(jobs) == 2
    for job in jobs:
        [connection] = job.properties["Connections"]["Connections"]
        assert job.properties["DefaultArguments"]["--connection"] == connection


def test_a_job_reads_no_other_secret_and_writes_no_other_folder(on):
    policies = Policies(Estate(on))
    [role] = [name for name in policies.of_roles if "DatabasesErpJob" in name]
    statements = policies.of_roles[role]

    def resources(action):
        return {each for one in statements if action in one.actions for each in one.resources}

    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:c360/erp-??????"
    assert resources("secretsmanager:GetSecretValue") == {secret}
    assert {each.partition("/")[2] for each in resources("s3:PutObject")} == {"erp_orders/*"}
    assert {each.rpartition("/")[2] for each in resources("glue:GetConnection")} == {
        f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog", "c360-dev-erp",
    }  # fmt: skip


def test_each_source_is_read_and_compared_at_its_pace_and_retried(on):
    rules = {
        each.properties["Description"]: each.properties for each in on.resources("AWS::Events::Rule", "collection")
    }
    assert rules["Time for the increment of erp_orders"]["ScheduleExpression"] == "rate(15 minutes)"
    assert rules["Time for the increment of erp_customers"]["ScheduleExpression"] == "rate(1 hour)"
    assert rules["Time for the comparison of erp_orders"]["ScheduleExpression"] == "rate(1 day)"
    [target] = rules["Time for the comparison of erp_orders"]["Targets"]
    assert json.loads(target["Input"]) == {"mode": "comparison", "accept_deletions": "no"}
    machine = on.one("AWS::StepFunctions::StateMachine", "collection", "ErpOrders")
    extract = states(definition(machine))["Extract"]
    assert extract["Parameters"]["Arguments"]["--source"] == "erp_orders"
    retried = {error: retry["MaxAttempts"] for retry in extract["Retry"] for error in retry["ErrorEquals"]}
    assert retried["States.TaskFailed"] == 3


def test_alarms_and_costs_name_the_sources(on):
    alarms = [each.properties["AlarmDescription"] for each in on.resources("AWS::CloudWatch::Alarm")]
    for name in ("ExtractErpOrders", "ExtractErpCustomers"):
        assert [text for text in alarms if f"an execution of {name} failed" in text]
    text = json.dumps([each.document for each in on.resources("AWS::StepFunctions::StateMachine", "collection")])
    assert "erp_orders could not be read from its database" in text
    assert sum(usd for label, usd in on.costs.items() if "read from databases" in label) == pytest.approx(
        107.07, abs=0.1
    )


@pytest.mark.parametrize(
    ("databases", "network", "message"),
    [
        ({"erp": {"host": "h", "port": 5432, "secret": "s"}}, {"deployed": False}, "erp needs foundation.network"),
        ({"erp": {"host": "jdbc:postgresql://h", "port": 1, "secret": "s"}}, NETWORK, "collection.databases.erp.host"),
        ({"erp": {"host": "h", "port": 1, "secret": "s", "pass": "x"}}, NETWORK, "allowed here: host, network, port"),
        ({"erp": {"host": "h", "port": 1, "secret": "s", "network": {"vpc": "v"}}}, NETWORK,
         "allowed here: availability_zone, subnet_id, vpc_id"),
    ],
)  # fmt: skip
def test_wrong_settings_say_what_is_wrong(tmp_path, databases, network, message):
    with pytest.raises(SettingsError, match=message):
        load("dev", written(tmp_path, databases, network))


def test_a_database_that_no_contract_reads_is_refused(tmp_path):
    settings = load("dev", written(tmp_path, {"crm": DATABASES["erp"]}))
    with pytest.raises(UnusedDatabaseError, match=r"collection\.databases\.crm: no contract has a server of this name"):
        app.build(empty_app(tmp_path / "out"), settings, placeholder_assets(tmp_path / "assets"))


def test_a_new_contract_needs_no_code(tmp_path, monkeypatch):
    """A source that is read from another database: one contract and one setting."""
    folder = tmp_path / "contracts"
    shutil.copytree(CONTRACTS_DIRECTORY, folder)
    contract = yaml.safe_load((folder / "erp_orders.odcs.yaml").read_text(encoding="utf-8"))
    contract |= {"name": "web_orders", "id": "c360-web-orders"}
    contract["schema"][0]["name"] = "web_orders"
    for promise in contract["slaProperties"]:
        promise["element"] = promise.get("element", "").replace("erp_orders", "web_orders")
    [server] = contract["servers"]
    server |= {"server": "web_shop", "type": "mysql", "host": "${web_shop.host}", "port": "${web_shop.port}"}
    del server["schema"]
    (folder / "web_orders.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    changed = load_and_check(folder).contracts
    monkeypatch.setattr(compiled, "load", lambda: changed)
    settings = load("dev", written(tmp_path, {"web_shop": {**DATABASES["erp"], "host": "shop.example.internal"}}))

    assembly = synthesize(settings, placeholder_assets(tmp_path / "assets"), tmp_path / "out")

    [connection] = assembly.resources("AWS::Glue::Connection")
    properties = connection.properties["ConnectionInput"]["ConnectionProperties"]
    assert properties["JDBC_CONNECTION_URL"] == "jdbc:mysql://shop.example.internal:5432/erp"
    assert len([r for r in assembly.resources("AWS::Events::Rule") if "web_orders" in r.properties["Description"]]) == 2
    tables = json.dumps([each.document for each in assembly.resources("AWS::Glue::Table", "collection")])
    assert "web_orders" in tables
