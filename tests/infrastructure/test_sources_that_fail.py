"""A source that is down, slow, out of quota or out of consent is tried again, then reported by name with its runbook.

The table has every way by which data arrives; what one source does concerns no other.
"""

import json
import re
from dataclasses import dataclass

import pytest

from c360_core.names import Arrival
from tests.docs.documents import ROOT, table
from tests.infrastructure.assembly import definition, resolve, states

RUNBOOKS = ROOT / "docs" / "runbooks"
# Kafka is no way of a source yet.
WAYS = {way for way in Arrival if way is not Arrival.KAFKA}


@dataclass(frozen=True, kw_only=True)
class Way:
    """How failures of the sources of one way are met.

    Attributes:
        machine: part of the ids of its state machines.
        step: the states that are tried again when the work fails; empty where the next run of a schedule repeats it.
        names: what tells the source in the message: the subject has it, or the failure in the message does.
        runbook: the page.
        alarm: what the description of the alarm says.
    """

    machine: str
    steps: tuple[str, ...]
    names: str
    runbook: str
    alarm: str


READ = {
    # A landed file is its source's: the error of a run names each file that failed, with the folder of its source.
    Arrival.FILES: Way(machine="FileIngestion", steps=("Ingest",), names="failure", runbook="files-are-not-ingested.md",
                       alarm="an execution of IngestFile failed"),
    Arrival.JDBC: Way(machine="Databases", steps=("Extract",), names="subject",
                      runbook="a-database-is-not-read.md", alarm="an execution of Extract{source} failed"),
    Arrival.DATA_EXCHANGE: Way(machine="DataExchange", steps=("EachNamed", "EachListed"), names="subject",
                               runbook="a-product-is-not-exported.md", alarm="an execution of Export{source} failed"),
    # AppFlow itself waits where a vendor asks it to; then the next run of the flow's schedule repeats the failed one.
    Arrival.APPFLOW: Way(machine="SaasWatch", steps=(), names="failure", runbook="a-vendor-is-not-read.md",
                         alarm="an execution of WatchFlows failed"),
}  # fmt: skip


def machines(assembly, way):
    found = [
        each for each in assembly.resources("AWS::StepFunctions::StateMachine", "collection")
        if READ[way].machine in each.logical_id
    ]  # fmt: skip
    assert found, way
    return found


def sources_of(assembly, agreed, way):
    """Return the sources of an environment that arrive in one way."""
    collection = assembly.settings.collection
    switched = {
        Arrival.JDBC: lambda source: source.server.name in collection.databases,
        Arrival.APPFLOW: lambda source: any(source.name in each.sources for each in collection.saas.values()),
        Arrival.DATA_EXCHANGE: lambda source: source.name in collection.data_exchange.products,
    }
    is_on = switched.get(way, lambda _: True)
    return sorted(s.name for s in agreed.sources.values() if s.server.arrival is way and is_on(s))


def message_of(machine):
    """Return what is published when an execution fails: subject, and the message."""
    [tell] = [state for name, state in definition(machine)["States"].items() if name == "TellFailure"]
    return tell["Parameters"]["Subject"], tell["Parameters"]["Message"]


def described(assembly):
    return [each.properties["AlarmDescription"] for each in assembly.resources("AWS::CloudWatch::Alarm")]


def runbooks_of(alarm):
    """Return the first runbook that the table of alarms has for a description."""
    rows = table(RUNBOOKS / "README.md", "alarms")
    return next(go_to for words, go_to in rows if any(word in alarm for word in re.findall("`(.+?)`", words)))


def test_every_way_of_a_source_has_a_row(agreed):
    assert {source.server.arrival for source in agreed.sources.values()} == {*READ, Arrival.HTTP} == WAYS


@pytest.mark.parametrize("way", READ)
def test_a_source_that_fails_is_tried_again_with_growing_pauses(everything, way):
    for machine in machines(everything, way):
        found = states(definition(machine))
        for step in READ[way].steps:
            [again] = [retry for retry in found[step]["Retry"] if "States.TaskFailed" in retry["ErrorEquals"]]
            assert again["MaxAttempts"] >= 1, (machine, step)
            assert again["MaxAttempts"] == 1 or again["BackoffRate"] > 1, (machine, step)
        # A service that is busy or out of quota refused the request: it is made again, more and more slowly.
        for name, state in found.items():
            if ":aws-sdk:" in resolve(state.get("Resource", "")) or "startJobRun" in resolve(state.get("Resource", "")):
                assert any(retry["MaxAttempts"] >= 6 and retry["BackoffRate"] > 1 for retry in state["Retry"]), name


@pytest.mark.parametrize("way", READ)
def test_then_one_message_names_the_source_and_the_runbook(everything, agreed, way):
    row, sources = READ[way], sources_of(everything, agreed, way)
    assert sources
    told = [message_of(machine) for machine in machines(everything, way)]
    for _, message in told:
        assert message["runbook"] == f"docs/runbooks/{row.runbook}"
        assert message["failure.$"] == "$.failure"
    assert (RUNBOOKS / row.runbook).is_file()
    if row.names == "subject":
        subjects = [subject for subject, _ in told]
        assert [sum(source in subject for subject in subjects) for source in sources] == [1] * len(sources)
    alarms = described(everything)
    for source in sources:
        said = row.alarm.format(source=source.title().replace("_", ""))
        assert sum(said in alarm for alarm in alarms) == 1, said
        assert row.runbook in runbooks_of(said)


def test_a_vendor_that_takes_back_its_consent_is_told_by_its_flow(everything, agreed):
    """AppFlow deactivates a flow that it may not run any more; otherwise the count of failed runs tells."""
    [machine] = machines(everything, Arrival.APPFLOW)
    found = states(definition(machine))
    for told in ("DeactivatedSource", "FailedSource"):
        cause = found[told]["Parameters"]["cause.$"]
        assert "$.flow" in cause
        assert "docs/runbooks/a-vendor-is-not-read.md" in cause
    # Once: the run before those that failed did not fail.
    [choice] = found["FailedTooOften"]["Choices"]
    assert "Not" in choice["And"][-1]
    rules = [each.properties for each in everything.resources("AWS::Events::Rule", "collection")]
    named = [rule["EventPattern"]["detail"]["flow-name"] for rule in rules if "flow-name" in json.dumps(rule)]
    assert {name for each in named for name in each} == {
        f"c360-everything-{source}" for source in sources_of(everything, agreed, Arrival.APPFLOW)
    }


@pytest.mark.parametrize("way", [Arrival.JDBC, Arrival.DATA_EXCHANGE])
def test_each_source_has_a_state_machine_of_its_own(everything, agreed, way):
    """So the failure of one ends no other's run."""
    assert len(machines(everything, way)) == len(sources_of(everything, agreed, way))


def test_sources_and_webhooks_that_the_collector_turns_away_raise_one_alarm(everything, agreed):
    """They wait and send again; the unit tests of the collector see the status 503 and its `Retry-After`."""
    assert any(source.server.webhook for source in agreed.sources.values())
    found = [
        each.properties for each in everything.resources("AWS::CloudWatch::Alarm")
        if "the collector turns sources away" in each.properties["AlarmDescription"]
    ]  # fmt: skip
    [alarm] = found
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/ApiGateway", "5xx", "Sum")
    assert [dimension["Name"] for dimension in alarm["Dimensions"]] == ["ApiId"]
    assert "sources-are-turned-away" in runbooks_of(alarm["AlarmDescription"])
    stage = everything.one("AWS::ApiGatewayV2::Stage", "collection").properties
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
