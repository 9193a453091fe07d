"""Sentiment and tasks: what reads texts and where they go, and who opens tasks with which key."""

import json

from c360_core.texts import written_events
from tests.infrastructure import needs
from tests.infrastructure.assembly import listed, resolve, statements

SCORING = set(needs.SCORE_TEXTS.actions)


def texts(assembly):
    return [
        one.properties
        for one in assembly.resources("AWS::Lambda::EventSourceMapping", "activation")
        if one.logical_id.startswith("Sentiment")
    ]


def test_the_function_is_called_with_texts_alone_and_at_once(everything):
    [mapping] = texts(everything)
    [one] = mapping["FilterCriteria"]["Filters"]
    assert json.loads(one["Pattern"]) == {"data": {"event_type": list(written_events())}}
    assert mapping["MaximumBatchingWindowInSeconds"] == 0
    assert resolve(mapping["EventSourceArn"]).endswith(":stream/c360-everything-events")


def test_only_the_scoring_may_ask_comprehend_and_only_about_texts_that_it_brings(everything):
    asking = [
        statement
        for _, statement in statements(everything)
        if any(action.startswith("comprehend:") for action in listed(statement["Action"]))
    ]
    assert [(set(one["Action"]), one["Resource"]) for one in asking] == [(SCORING, "*")]


def test_tasks_go_over_https_with_a_generated_key_and_tell_nothing_of_the_person_but_the_id(everything):
    [system] = everything.resources("AWS::Events::ApiDestination")
    assert system.properties["InvocationEndpoint"].startswith("https://")
    [connection] = everything.resources("AWS::Events::Connection")
    key = connection.properties["AuthParameters"]["ApiKeyAuthParameters"]
    assert key["ApiKeyName"] == "x-api-key"
    assert resolve(key["ApiKeyValue"]).startswith("{{resolve:secretsmanager:ServiceTasksKey")
    [told] = (
        target["InputTransformer"]["InputPathsMap"]
        for rule in everything.resources("AWS::Events::Rule", "activation")
        for target in rule.properties["Targets"]
        if "InputTransformer" in target and "decision_id" in json.dumps(target["InputTransformer"])
    )
    assert set(told.values()) == {
        f"$.detail.{name}" for name in ("decision_id", "person_id", "trigger", "reasons", "decided_at")
    }


def test_without_its_switch_nothing_is_left(assembly):
    settings = assembly.settings.activation
    assert bool(texts(assembly)) == settings.sentiment.deployed
    for kind in ("AWS::Events::ApiDestination", "AWS::Events::Connection"):
        assert bool(list(assembly.resources(kind))) == (settings.service_tasks.url is not None)
