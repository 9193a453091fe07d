"""A platform engineer adds a source of each kind: a contract and a setting, and the data arrives; no code changes.

The contracts are those below `new_contracts/`, and that of the list in CONTRIBUTING.md, in a copy of the tree. What is
typed are the commands of that list and of the deployment.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from c360_core.names import TableName, Zone, database_name, flow_name, reference_table
from tests.docs.lists import steps
from tests.walkthrough.place import Place
from twin.emulator import emulator
from twin.engines.databases import DatabaseServer, run_postgresql, start_postgresql
from twin.principals import Principal
from twin.scenario.collect import signed
from twin.scenario.deployment import Deployment
from twin.scenario.vendor import Vendor
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION
from twin.vendors.salesforce import SalesforceServer

NEW_CONTRACTS = Path(__file__).parent / "new_contracts"
CONTRACT_COMMANDS = (
    "./c360 contracts ids",
    ".venvs/twin/bin/python -m tools.contracts",
    ".venvs/twin/bin/python -m tools.contracts --check",
)
DATA_SET = "d1e0c11mate0000000000000000000004"
TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 300
MEMBERS = (
    "CREATE TABLE members (member_number text PRIMARY KEY, email text, newsletter boolean, updated_at timestamptz);",
    "INSERT INTO members VALUES ('M000001', 'ann@example.com', true, '2026-03-01 10:00:00+00'), "
    "('M000002', 'bob@example.com', NULL, '2026-03-01 10:00:00+00'), "
    "('wrong', 'eve@example.com', true, '2026-03-01 10:00:00+00');",
)
SUBSCRIPTIONS = (
    {
        "Id": "a0Sxx0000000001",
        "Email__c": "cat@example.com",
        "Subscribed__c": True,
        "SystemModstamp": "2026-03-01T10:00:00.000+0000",
    },
    {
        "Id": "wrong",
        "Email__c": "eve@example.com",
        "Subscribed__c": True,
        "SystemModstamp": "2026-03-01T10:00:00.000+0000",
    },
)
NEWSLETTER = """subscriber_id,email,subscribed,subscribed_at
N000001,dan@example.com,true,2026-03-01T10:00:00Z
wrong,eve@example.com,true,2026-03-01T10:00:00Z
"""
CLIMATE = """zone_id,postal_code,climate
Z000001,10115,cold
Z000002,99999,tropical
"""
PAGE = {
    "type": "page",
    "messageId": "k-1",
    "anonymousId": "visitor-1",
    "name": "Home",
    "properties": {"url": "https://kiosk.example.com/"},
}
# Of each source that arrives as files: its key, and the keys of its good rows; each has a wrong one, too.
ARRIVED = {
    "newsletter_subscribers": ("subscriber_id", {"N000001"}),
    "warehouse_members": ("member_number", {"M000001", "M000002"}),
    "salesforce_subscriptions": ("subscription_id", {"a0Sxx0000000001"}),
    "climate_zones": ("zone_id", {"Z000001"}),
}
TOLD = {
    ("kiosk_events", "page_viewed"): 1,
    ("newsletter_subscribers", "consent_changed"): 1,
    ("warehouse_members", "consent_changed"): 1,
    ("salesforce_subscriptions", "consent_changed"): 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A deployment of the copy of the tree."""

    running: emulator.Emulator
    deployment: Deployment

    def rows(self, zone: Zone, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table of the lake."""
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        values = {**held, "endpoint": settings.endpoint}
        properties = {f"{part}.{name}": value for part in ("glue", "s3") for name, value in values.items()}
        catalog = load_catalog("lake", type="glue", **properties)
        return list(catalog.load_table((database_name("dev", zone), table)).scan().to_arrow().to_pylist())

    def events(self) -> list[tuple[str, str]]:
        """Return source and type of the events on their stream."""
        kinesis, stream = self.running.client("kinesis"), self.deployment.outputs["EventsStreamName"]
        found: list[tuple[str, str]] = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            start = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            records = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=1000)["Records"]
            told = [json.loads(record["Data"]) for record in records]
            found += [(event["source"], event["event_type"]) for event in told]
        return found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    folder = tmp_path_factory.mktemp("warehouse")
    start_postgresql(folder, database="warehouse", password="of the reader").stop()
    run_postgresql(folder, *MEMBERS, database="warehouse")
    server = start_postgresql(folder, database="warehouse", password="of the reader")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def world(database: DatabaseServer) -> Iterator[World]:
    with (
        SalesforceServer({"Subscription__c": SUBSCRIPTIONS}) as vendor,
        emulator.running(BUILD / "twin" / "kinds") as started,
    ):
        place = Place.around(started)
        before = _code_of(place.tree)
        _add_contracts(place.tree)
        _add_settings(place.tree, started, database, vendor)
        _keep_secrets(started, database, vendor)
        account = started.client("sts").get_caller_identity()["Account"]
        with place.terminal("kinds") as terminal:
            for typed in (*CONTRACT_COMMANDS, "./c360 synth --env dev"):
                terminal.type(typed)
        assert _code_of(place.tree) == before
        for line in (["bootstrap", f"aws://{account}/{REGION}"], ["deploy", "--all", "--require-approval", "never"]):
            emulator.cdk(
                [*line, "--app", str(place.tree / "build" / "cdk.out" / "dev")],
                log_path=started.settings.logs / "cdk.log",
                variables=started.settings.client_environment(),
            )
        yield World(running=started, deployment=Deployment.of(started))


def _code_of(tree: Path) -> dict[Path, str]:
    """Return the code of a tree, by file."""
    skipped = {".venvs", "build"}
    paths = [path for path in tree.rglob("*.py") if path.relative_to(tree).parts[0] not in skipped]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def _add_contracts(tree: Path) -> None:
    for path in NEW_CONTRACTS.glob("*.odcs.yaml"):
        assert not (tree / "contracts" / path.name).exists()
        shutil.copy(path, tree / "contracts")
    [contract] = steps("Add a source")[0].blocks
    (tree / contract.text.partition("\n")[0].removeprefix("# ")).write_text(contract.text, encoding="utf-8")


def _add_settings(tree: Path, running: emulator.Emulator, database: DatabaseServer, vendor: SalesforceServer) -> None:
    ec2 = running.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    network = {"vpc_id": vpc, "subnet_id": subnet, "availability_zone": f"{REGION}a"}
    path = tree / "config" / "environments" / "dev.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["collection"] |= {
        "databases": {
            "warehouse": {"host": "127.0.0.1", "port": database.port, "secret": "c360/warehouse", "network": network},
        },
        "saas": {
            "publishing": {
                "sources": ["salesforce_subscriptions"], "secret": "c360/publishing", "address": vendor.address,
            },
        },
        "data_exchange": {"products": {"climate_zones": DATA_SET}, "poll_seconds": 1, "retry_seconds": 1},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def _keep_secrets(running: emulator.Emulator, database: DatabaseServer, vendor: SalesforceServer) -> None:
    held = {
        "c360/warehouse": {
            "username": database.user,
            "password": database.password,
            "certificate": database.authority,
        },
        "c360/publishing": {"access_token": "an old one", "refresh_token": vendor.consent},
    }
    for name, values in held.items():
        running.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(values))


def _send_by_http(world: World) -> None:
    body = json.dumps({"batch": [PAGE]}).encode()
    headers = {"content-type": "application/json", **signed(body, world.deployment.credentials("kiosk_events"))}
    url = world.deployment.url("CollectorUrl")
    answer = httpx.post(f"{url}/v1/batch", content=body, headers=headers, timeout=TIMEOUT_SECONDS)
    assert [result["status"] for result in answer.json()["results"]] == ["accepted"], answer.text


def _read_database(world: World) -> None:
    states = world.running.client("stepfunctions")
    machines = [each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]]
    [machine] = [each for each in machines if "Databases" in each and "WarehouseMembersRun" in each]
    given = json.dumps({"mode": "increment", "accept_deletions": "no"})
    execution = states.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    ended = until(
        "the database was read",
        partial(states.describe_execution, executionArn=execution),
        lambda seen: seen["status"] != "RUNNING",
        seconds=PATIENCE_SECONDS,
    )
    assert ended["status"] == "SUCCEEDED", ended


def test_a_source_of_each_kind_arrives_by_its_contract_and_its_setting_alone(world: World) -> None:
    landing = world.deployment.outputs["LandingBucketName"]
    _send_by_http(world)
    world.deployment.client("s3", Principal.SOURCE).put_object(
        Bucket=landing, Key="newsletter_subscribers/day.csv", Body=NEWSLETTER.encode()
    )
    # The flow is active, and runs at the time of its schedule; activated anew, it runs at once.
    flows, flow = world.running.client("appflow"), flow_name("dev", "salesforce_subscriptions")
    flows.stop_flow(flowName=flow)
    flows.start_flow(flowName=flow)
    Vendor(world.running.settings).publish(DATA_SET, {"zones.csv": CLIMATE.encode()})
    _read_database(world)

    for source, (key, keys) in ARRIVED.items():
        rows = until(
            f"{source} is in the lake",
            partial(world.rows, Zone.RAW, source),
            bool,
            seconds=PATIENCE_SECONDS,
        )
        assert {row[key] for row in rows} == keys
    [zone] = until(
        "the reference table has the zone",
        partial(world.rows, Zone.CURATED, reference_table("climate_zones")),
        bool,
        seconds=PATIENCE_SECONDS,
    )
    assert (zone["climate"], zone["is_current"], bool(zone["postal_code_key"])) == ("cold", True, True)
    told = until("the events are on their stream", world.events, lambda seen: len(seen) >= len(TOLD), seconds=60)
    assert {each: told.count(each) for each in set(told)} == TOLD
    rejected = world.rows(Zone.QUARANTINE, TableName.REJECTED)
    assert {row["source"] for row in rejected} == set(ARRIVED)
    assert all(row["reason"] for row in rejected)
