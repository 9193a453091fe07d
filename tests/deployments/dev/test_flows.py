"""A vendor's records arrive in a deployed lake by its flow: once, changed ones anew, wrong ones in quarantine."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.names import TableName, Zone, flow_name
from tests.deployments.dev.conftest import CASES, CONTACTS, COUNT, FAILURES, Dev
from tests.deployments.small_dev import PATIENCE_SECONDS
from tests.factories import vendors
from twin.scenario.waiting import until


class World:
    """The deployment, which reads an organization of Salesforce."""

    def __init__(self, dev: Dev) -> None:
        self.dev, self.vendor = dev, dev.salesforce

    def run(self, source: str) -> dict[str, Any]:
        """Let a flow run, by activating it anew, and return its execution."""
        flows, name = self.dev.client("appflow"), flow_name("dev", source)
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

    def arrived(self, what: str, table: str, is_there: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, Any]:
        """Wait until a raw table is as it should be; return its rows by their key."""
        found = until(
            what,
            lambda: {row["contact_id"]: row for row in self.dev.rows(Zone.RAW, table)},
            is_there,
            seconds=PATIENCE_SECONDS,
        )
        return dict(found)

    def watched(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many failed runs were looked at; return the executions, the newest first."""
        machine = self.dev.machine("Watch")
        found = until(
            f"{count} failed runs were looked at",
            lambda: self.dev.executions(machine),
            lambda seen: len(seen) == count and all(one["status"] != "RUNNING" for one in seen),
            seconds=PATIENCE_SECONDS,
        )
        return list(found)


@pytest.fixture(scope="module")
def world(dev: Dev) -> World:
    return World(dev)


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
    assert len(world.dev.rows(Zone.RAW, CONTACTS)) == COUNT
    [rejected] = [
        row for row in world.dev.rows(Zone.QUARANTINE, TableName.REJECTED) if row["source"] == CONTACTS
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
    states = world.dev.client("stepfunctions")
    history = json.dumps(states.get_execution_history(executionArn=failed["executionArn"])["events"], default=str)
    assert f"the flow {flow_name('dev', CASES)} failed {FAILURES} times" in history
    assert "a-vendor-is-not-read.md" in history
