"""A vendor's records arrive in a deployed lake by its flow: once, changed ones anew, wrong ones in quarantine."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyiceberg.catalog import load_catalog

from c360_core.names import TableName, Zone, database_name, flow_name
from config.settings import ENVIRONMENTS_FOLDER, load
from tests.factories import vendors
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.principals import Principal
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION
from twin.vendors.salesforce import SalesforceServer

CONTACTS, CASES = "salesforce_contacts", "salesforce_cases"
COUNT = 5
PATIENCE_SECONDS = 300
FAILURES = 2


class World:
    """An emulator with `dev` that reads an organization of Salesforce."""

    def __init__(self, running: emulator.Emulator, vendor: SalesforceServer, folder: Path) -> None:
        self.running, self.vendor, self.folder = running, vendor, folder
        self._deploy()

    def _deploy(self) -> None:
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        assets = placeholder_assets(self.folder / "assets")
        for part in ("glue_lib", "lambdas"):
            shutil.rmtree(assets.root / part)
            (assets.root / part).symlink_to(BUILD / "assets" / part)
        values = yaml.safe_load((ENVIRONMENTS_FOLDER / "dev.yaml").read_text(encoding="utf-8"))
        values["collection"] |= {
            "saas": {
                "salesforce": {
                    "sources": [CONTACTS, CASES], "secret": "c360/salesforce", "address": self.vendor.address,
                },
            },
            "failed_flow_runs": FAILURES,
            "files": {"batch_seconds": 1},
        }  # fmt: skip
        settings = self.folder / "settings"
        settings.mkdir()
        (settings / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        synthesize(load("dev", settings), assets, self.folder / "out")
        secret = json.dumps({"access_token": "an old one", "refresh_token": self.vendor.consent})
        self.running.client("secretsmanager").create_secret(Name="c360/salesforce", SecretString=secret)
        account = self.running.client("sts").get_caller_identity()["Account"]
        self._cdk("bootstrap", f"aws://{account}/{REGION}")
        self._cdk("deploy", "--all", "--require-approval", "never")

    def _cdk(self, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(self.folder / "out")], log_path=log, variables=variables)

    def run(self, source: str) -> dict[str, Any]:
        """Let a flow run, by activating it anew, and return its execution."""
        flows, name = self.running.client("appflow"), flow_name("dev", source)
        if flows.describe_flow(flowName=name)["flowStatus"] == "Active":
            flows.stop_flow(flowName=name)
        flows.start_flow(flowName=name)
        ended = until(
            f"the flow of {source} ended",
            lambda: flows.describe_flow_execution_records(flowName=name)["flowExecutions"][0],
            lambda seen: seen["executionStatus"] != "InProgress",
            seconds=PATIENCE_SECONDS,
        )
        return dict(ended)

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

    def arrived(self, what: str, table: str, is_there: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, Any]:
        """Wait until a raw table is as it should be; return its rows by their key."""
        found = until(
            what,
            lambda: {row["contact_id"]: row for row in self.rows(Zone.RAW, table)},
            is_there,
            seconds=PATIENCE_SECONDS,
        )
        return dict(found)

    def watched(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many failed runs were looked at; return the executions, the newest first."""
        states = self.running.client("stepfunctions")
        [machine] = [
            each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"] if "Watch" in each["name"]
        ]
        found = until(
            f"{count} failed runs were looked at",
            lambda: states.list_executions(stateMachineArn=machine)["executions"],
            lambda seen: len(seen) == count and all(one["status"] != "RUNNING" for one in seen),
            seconds=PATIENCE_SECONDS,
        )
        return sorted(found, key=lambda one: one["startDate"], reverse=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    held = {
        "Contact": [vendors.contact(number) for number in range(1, COUNT + 1)],
        "Case": [vendors.case(1), vendors.case(2)],
    }
    with (
        SalesforceServer(held, calls_per_token=2, busy=1) as vendor,
        emulator.running(BUILD / "twin" / "flows") as started,
    ):
        yield World(started, vendor, tmp_path_factory.mktemp("flows"))


def test_contacts_arrive_once_whatever_is_run_again_and_wrong_ones_in_quarantine(world: World) -> None:
    held = world.vendor.objects["Contact"]
    assert world.run(CONTACTS)["executionStatus"] == "Successful"
    rows = world.arrived(f"{COUNT} contacts are in the lake", CONTACTS, lambda seen: len(seen) == COUNT)
    assert {row["crm_id"] for row in rows.values()} == {f"C{number:06d}" for number in range(1, COUNT + 1)}
    assert world.vendor.statuses.count(429) == 1

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    held[0] |= {"SystemModstamp": now}  # touched and the same
    held[1] |= {"SystemModstamp": now, "LastName": "Married"}
    held.append(vendors.contact(6, MailingStateCode="Illinois", SystemModstamp=now))
    ended = world.run(CONTACTS)
    assert ended["executionResult"]["recordsProcessed"] == 3
    rows = world.arrived(
        "the change is in the lake", CONTACTS, lambda seen: "Married" in {row["last_name"] for row in seen.values()}
    )
    assert len(world.rows(Zone.RAW, CONTACTS)) == COUNT
    [rejected] = [
        row for row in world.rows(Zone.QUARANTINE, TableName.REJECTED) if row["source"] == CONTACTS
    ]  # the wrong one, with its reason
    assert "state" in rejected["reason"]
    assert f"{CONTACTS}/{flow_name('dev', CONTACTS)}/{ended['executionId']}/" in rows["003xx0000000002"]["source_file"]

    assert world.run(CONTACTS)["executionResult"]["recordsProcessed"] == 0


def test_a_vendor_that_is_down_is_reported_once_and_the_other_flow_goes_on(world: World) -> None:
    world.vendor.is_down = True
    assert world.run(CASES)["executionStatus"] == "Error"
    assert world.watched(1)[0]["status"] == "SUCCEEDED"  # the next run may read it
    world.run(CASES)
    failed = world.watched(2)[0]
    assert failed["status"] == "FAILED"
    world.run(CASES)
    assert world.watched(3)[0]["status"] == "SUCCEEDED"  # it was reported

    world.vendor.is_down = False
    assert world.run(CONTACTS)["executionStatus"] == "Successful"
    assert world.run(CASES)["executionResult"]["recordsProcessed"] == 2
    states = world.running.client("stepfunctions")
    history = json.dumps(states.get_execution_history(executionArn=failed["executionArn"])["events"], default=str)
    assert f"the flow {flow_name('dev', CASES)} failed {FAILURES} times" in history
    assert "a-vendor-is-not-read.md" in history
