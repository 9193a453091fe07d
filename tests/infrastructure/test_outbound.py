"""Systems outside: which events they get, how often they are called, with which secrets, and who may do what for it."""

import json
import re

import pytest

from c360_core.bus_events import CONTRACTS, BusEvent
from config.activation import MOST_WEBHOOKS, LoyaltySettings, TierSettings
from lambdas.shared.outbound.batch import PAUSES
from lambdas.webhooks.settings import Destination
from stacks.activation.outbound.loyalty import checked
from tests.infrastructure.assembly import listed, resolve, statements

RECEIVERS = ("WebhooksPartner", "LoyaltySystem")


def of(assembly, kind, beginning):
    return [one.properties for one in assembly.resources(kind, "activation") if one.logical_id.startswith(beginning)]


def test_each_receiver_has_a_rule_for_what_it_is_told_and_nothing_else(everything):
    [partner] = of(everything, "AWS::Events::Rule", "WebhooksPartner")
    [subscriber] = everything.settings.activation.webhooks
    assert set(partner["EventPattern"]["detail-type"]) == {CONTRACTS[one].detail_type for one in subscriber.events}
    [system] = of(everything, "AWS::Events::Rule", "LoyaltySystem")
    assert system["EventPattern"]["detail-type"] == [CONTRACTS[BusEvent.SEGMENTS_CHANGED].detail_type]
    segments = {one.segment for one in everything.settings.activation.loyalty.tiers}
    assert set(system["EventPattern"]["detail"]["changed"]) == segments
    assert {resolve(one["EventBusName"]) for one in (partner, system)} != {"default"}


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_an_event_is_tried_as_often_as_there_are_pauses_and_once_more(everything, receiver):
    [events] = [one for one in of(everything, "AWS::SQS::Queue", receiver) if "RedrivePolicy" in one]
    assert events["RedrivePolicy"]["maxReceiveCount"] == len(PAUSES) + 1
    assert sum(PAUSES) < events["MessageRetentionPeriod"]


@pytest.mark.parametrize("function", ["Webhooks", "Loyalty"])
def test_a_function_moves_messages_of_its_own_queues_alone(everything, function):
    moving = [
        (set(listed(statement["Action"])), re.sub(r"[0-9A-F]{8}\b.*", "", resolve(statement["Resource"])))
        for resource, statement in statements(everything)
        if resource.logical_id.startswith(f"{function}Function")
        and {"sqs:ChangeMessageVisibility", "sqs:SendMessage"} & set(listed(statement["Action"]))
    ]
    assert len(moving) == 2
    assert all(place.startswith(function) for _, place in moving)


def test_the_announcer_is_called_with_what_somebody_waits_for_and_only_about_people(everything):
    [mapping] = of(everything, "AWS::Lambda::EventSourceMapping", "AnnouncerChanges")
    [one] = mapping["FilterCriteria"]["Filters"]
    keys = json.loads(one["Pattern"])["dynamodb"]["Keys"]
    assert keys["PK"] == {"S": [{"prefix": "PERSON#"}]}
    # Segments for the loyalty system, messages for the subscriber, and nothing for a kind that nobody asked for.
    assert keys["SK"] == {"S": ["PROFILE", {"prefix": "MESSAGE#"}]}


def test_the_changes_of_a_table_have_two_readers_at_most(assembly):
    """DynamoDB throttles a shard of a table's changes that more than two read."""
    read = [
        resolve(one.properties["EventSourceArn"])
        for one in assembly.resources("AWS::Lambda::EventSourceMapping")
        if "StreamArn" in resolve(one.properties["EventSourceArn"])
    ]
    assert max(map(read.count, read)) <= 2


def test_the_variables_of_the_function_fit_with_as_many_subscribers_as_settings_may_name():
    """Lambda takes 4 KB of variables."""
    text = "x" * 32
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{text}-AbCdEf"
    queue = f"https://sqs.us-east-1.amazonaws.com/123456789012/{'q' * 80}"
    url = "https://" + "u" * 248
    one = Destination(name=text, url=url, secret_arn=arn, queue_url=queue, dead_letters_url=queue)
    assert len(one.model_dump_json()) * MOST_WEBHOOKS < 4096 - 400  # which the function's other variables take


def test_a_tier_or_a_segment_that_nobody_knows_is_named():
    def settings(segment, tier):
        return LoyaltySettings(url="https://a.example.com/", tiers=(TierSettings(segment=segment, tier=tier),))

    assert checked(settings("high_spenders", "gold")).of({"high_spenders"}) == "gold"
    with pytest.raises(ValueError, match=r"`rich` is no segment of .*; write one of active_shoppers"):
        checked(settings("rich", "gold"))
    with pytest.raises(ValueError, match=r"`diamond` is no tier of .*; write one of basic, silver, gold"):
        checked(settings("high_spenders", "diamond"))


def test_without_its_settings_nothing_is_left(assembly):
    activation = assembly.settings.activation
    found = {
        name: bool(of(assembly, "AWS::Lambda::Function", f"{name}Function"))
        for name in ("Announcer", "Webhooks", "Loyalty")
    }
    wanted = {"Webhooks": bool(activation.webhooks), "Loyalty": activation.loyalty.url is not None}
    assert found == {**wanted, "Announcer": any(wanted.values())}
