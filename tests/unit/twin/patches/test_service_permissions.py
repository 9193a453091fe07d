"""What AWS does on its own, it does only where a role or the resource's own policy lets it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ministack.services import iam, lambda_svc, sns, sqs

from tests.unit.twin.emulator.test_roles import a_role, statement
from twin.emulator.reader_rights import REVIEW_SECONDS, MappingRights, reading_rights
from twin.emulator.resource_names import arn
from twin.patches import alarm_actions, api_integrations, mapping_roles, rule_targets
from twin.settings import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
QUEUE, DEAD = arn("sqs", "letters"), arn("sqs", "dead")
RULE = {"Arn": arn("events", "rule/own/decided")}
MACHINE = arn("states", "stateMachine:journey")
STREAM = arn("kinesis", "stream/changes")
KINESIS_READS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    iam._roles.pop_scoped(ACCOUNT, None, "Runner", None)


def by(service: str, action: str, source: str) -> dict[str, Any]:
    """Return a resource's policy that lets a service act for one source."""
    condition = {"ArnLike": {"aws:SourceArn": source}}
    principal = {"Principal": {"Service": service}}
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition, **principal}]}


def queues(monkeypatch: pytest.MonkeyPatch, policies: Mapping[str, Any]) -> None:
    monkeypatch.setattr(
        sqs, "queue_policy_for_arn", lambda name: (policies[name], ACCOUNT) if name in policies else None
    )


class Delivery:
    """Notes where events went."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.dead: list[str] = []

    def give(self, target: Mapping[str, Any]) -> None:
        invoke = rule_targets.permitted(
            lambda to, *_: self.delivered.append(to["Arn"]), lambda queue, _event: self.dead.append(queue)
        )
        invoke(target, {"detail": {}}, RULE)


@pytest.mark.parametrize(("source", "arrives"), [(RULE["Arn"], True), (f"{RULE['Arn']}-of-others", False)])
def test_a_queue_takes_events_of_the_rules_that_its_policy_names(
    monkeypatch: pytest.MonkeyPatch, source: str, arrives: bool
) -> None:
    queues(monkeypatch, {QUEUE: by(rule_targets.SERVICE, "sqs:SendMessage", source)})
    delivery = Delivery()

    delivery.give({"Arn": QUEUE})

    assert delivery.delivered == ([QUEUE] if arrives else [])


def test_what_a_target_may_not_have_goes_to_its_dead_letter_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    queues(monkeypatch, {DEAD: by(rule_targets.SERVICE, "sqs:SendMessage", RULE["Arn"])})
    delivery = Delivery()

    delivery.give({"Arn": QUEUE, "DeadLetterConfig": {"Arn": DEAD}})

    assert (delivery.delivered, delivery.dead) == ([], [DEAD])


@pytest.mark.parametrize(
    ("trusts", "machine", "arrives"),
    [
        (rule_targets.SERVICE, MACHINE, True),
        (rule_targets.SERVICE, f"{MACHINE}-of-others", False),
        ("states.amazonaws.com", MACHINE, False),
    ],
)
def test_a_state_machine_is_started_under_the_role_of_the_target(trusts: str, machine: str, arrives: bool) -> None:
    a_role(statement("states:StartExecution", machine), trusts=trusts)
    delivery = Delivery()

    delivery.give({"Arn": MACHINE, "RoleArn": ROLE})

    assert delivery.delivered == ([MACHINE] if arrives else [])


@pytest.mark.parametrize(("action", "arrives"), [("events:InvokeApiDestination", True), ("events:PutEvents", False)])
def test_an_api_destination_is_called_under_the_role_of_the_target(action: str, arrives: bool) -> None:
    destination = arn("events", "api-destination/desk/1")
    a_role(statement(action, destination), trusts=rule_targets.SERVICE)
    delivery = Delivery()

    delivery.give({"Arn": destination, "RoleArn": ROLE})

    assert delivery.delivered == ([destination] if arrives else [])


def test_who_calls_a_target_can_tell_the_rule_and_the_event() -> None:
    a_role(statement("states:StartExecution", MACHINE), trusts=rule_targets.SERVICE)
    seen: list[Any] = []
    invoke = rule_targets.permitted(lambda *_: seen.append(rule_targets.DELIVERING.get()), lambda *_: None)

    invoke({"Arn": MACHINE, "RoleArn": ROLE}, {"detail": {"one": 1}}, RULE)

    assert seen == [(RULE["Arn"], {"detail": {"one": 1}})]
    assert rule_targets.DELIVERING.get() == ("", {})


@pytest.mark.parametrize(("route", "status"), [("GET /v1/customers", 200), ("PUT /v1/customers", 500)])
def test_an_api_calls_a_function_only_for_the_routes_that_its_policy_names(
    monkeypatch: pytest.MonkeyPatch, route: str, status: int
) -> None:
    named = arn("execute-api", "api/*/GET/v1/customers")
    policy = by(api_integrations.SERVICE, "lambda:InvokeFunction", named)
    monkeypatch.setattr(lambda_svc, "function_policy_for_arn", lambda _: (policy, ACCOUNT))

    async def answer(*_: Any, **__: Any) -> api_integrations.Response:
        return 200, {}, b""

    invoke = api_integrations.permitted(answer, lambda address: address)
    request = ("/v1/customers", route.partition(" ")[0], {}, b"", {}, route)

    got = asyncio.run(invoke({"integrationUri": arn("lambda", "function:api")}, "api", "$default", *request))

    assert got[0] == status


def test_an_alarm_publishes_only_on_topics_whose_policies_let_it(monkeypatch: pytest.MonkeyPatch) -> None:
    open_, closed = arn("sns", "open"), arn("sns", "closed")
    policies = {open_: json.dumps(by(alarm_actions.SERVICE, "sns:Publish", "*")), closed: ""}
    monkeypatch.setattr(sns, "topic_policy_for_arn", lambda name: (policies[name], ACCOUNT))
    told: list[Mapping[str, Any]] = []

    alarm = {"AlarmName": "late", "AlarmActions": [open_, closed]}
    alarm_actions.permitted(lambda alarm, *_: told.append(alarm))(alarm, "OK", "ALARM", "late")

    assert told[0]["AlarmActions"] == [open_]


@pytest.mark.parametrize("without", KINESIS_READS)
def test_a_mapping_whose_role_lacks_one_permission_is_not_made(without: str) -> None:
    a_role(*(statement(f"kinesis:{action}", STREAM) for action in KINESIS_READS if action != without))
    create = mapping_roles.tried(lambda *_: "made", lambda _function: ROLE)

    with pytest.raises(mapping_roles.SourceUnreadableError, match=f"lacks kinesis:{without};"):
        create("Mapping", {"EventSourceArn": STREAM, "FunctionName": "f"}, "stack")


def test_a_mapping_whose_role_may_read_is_made() -> None:
    a_role(*(statement(f"kinesis:{action}", STREAM) for action in KINESIS_READS))
    create = mapping_roles.tried(lambda *_: "made", lambda _function: ROLE)

    assert create("Mapping", {"EventSourceArn": STREAM, "FunctionName": "f"}, "stack") == "made"


def test_a_role_that_loses_a_permission_is_noticed_at_the_next_look() -> None:
    clock, mapping = [0.0], {"UUID": "u", "EventSourceArn": STREAM}
    rights = MappingRights(reading_rights, clock=lambda: clock[0])
    a_role(*(statement(f"kinesis:{action}", STREAM) for action in KINESIS_READS))
    seen = [rights.may_read(mapping, ROLE)]

    a_role()
    seen.append(rights.may_read(mapping, ROLE))
    clock[0] += REVIEW_SECONDS
    seen.append(rights.may_read(mapping, ROLE))

    assert seen == [True, True, False]
