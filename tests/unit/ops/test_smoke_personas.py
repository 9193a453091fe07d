"""The smoke test asks as each persona, and finds every way in which it reads what it may not."""

from typing import Any

import pytest

from ops.smoke import CheckResult, DeployedEnvironment
from tests.fakes.deployment import OPERATORS, WORKGROUP, World, answered, denied


@pytest.fixture
def world() -> World:
    return World()


def failed(outcomes: dict[str, CheckResult]) -> list[str]:
    return [name for name, outcome in outcomes.items() if outcome.outcome == "failed"]


def of_personas(outcomes: dict[str, CheckResult]) -> dict[str, CheckResult]:
    return {name: outcome for name, outcome in outcomes.items() if name.startswith("persona ")}


def test_a_persona_that_may_do_what_it_should_passes(world: World) -> None:
    outcomes = of_personas(world.outcomes())

    assert {outcome.outcome for outcome in outcomes.values()} == {"ok"}
    assert outcomes["persona reads"].found.startswith("MarketingAnalyst reads ")
    assert outcomes["persona zones"].found == "MarketingAnalyst is refused raw, quarantine"
    assert outcomes["persona results"].found == f"MarketingAnalyst is refused {OPERATORS}"


def test_one_column_of_every_closed_class_is_asked_for(world: World) -> None:
    outcomes = world.outcomes()

    closed = outcomes["persona columns"].found
    assert closed == "MarketingAnalyst is refused identity_records.first_name, identity_records.birth_date"
    assert all(sql.startswith("SELECT count(") for workgroup, sql in world.analyst.asked if workgroup == WORKGROUP)


@pytest.mark.parametrize(
    ("operation", "answer", "name", "said"),
    [
        ("list_objects_v2", {}, "persona buckets", "MarketingAnalyst may list raw"),
        ("get_object", {}, "persona buckets", "MarketingAnalyst may read curated"),
        ("get_object", answered("NoSuchKey"), "persona buckets",
         "MarketingAnalyst: read landing was answered with NoSuchKey, and not refused"),
        ("list_objects_v2", {}, "persona results", "MarketingAnalyst may list the results of c360-dev-operators"),
        ("get_object", {}, "persona results", "MarketingAnalyst may read the results of c360-dev-operators"),
        ("get_query_results", {}, "persona results", "MarketingAnalyst may read the answers in c360-dev-operators"),
        ("get_query_execution", {}, "persona results", "MarketingAnalyst may see the queries in c360-dev-operators"),
        ("list_query_executions", {}, "persona results", "MarketingAnalyst may list the queries of c360-dev-operators"),
        ("start_query_execution", {}, "persona results", "MarketingAnalyst may ask in c360-dev-operators"),
    ],
)  # fmt: skip
def test_what_is_not_refused_is_named_without_data(
    world: World, operation: str, answer: Any, name: str, said: str
) -> None:
    world.analyst.opened[operation] = answer

    outcomes = world.outcomes()

    assert name in failed(outcomes)
    assert set(failed(outcomes)) <= {"persona buckets", "persona results"}
    assert said in outcomes[name].found
    assert outcomes[name].fix


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ('"first_name"', "persona columns", 'MarketingAnalyst may SELECT count("first_name") FROM c360_dev_curated.'),
        ("c360_dev_raw", "persona zones", "MarketingAnalyst may SELECT count(*) FROM c360_dev_raw."),
        ("c360_dev_quarantine", "persona zones", "MarketingAnalyst may SELECT count(*) FROM c360_dev_quarantine."),
    ],
)
def test_a_query_that_is_not_refused_is_found(world: World, text: str, name: str, said: str) -> None:
    del world.analyst.reasons[text]

    outcomes = world.outcomes()

    assert failed(outcomes) == [name]
    assert said in outcomes[name].found


def test_a_query_that_fails_for_another_reason_proves_no_refusal(world: World) -> None:
    world.analyst.reasons['"first_name"'] = "GENERIC_INTERNAL_ERROR: try again"
    world.analyst.reasons["c360_dev_raw"] = "Query exhausted resources at this scale factor"

    outcomes = world.outcomes()

    assert failed(outcomes) == ["persona columns", "persona zones"]
    assert "which is no refusal" in outcomes["persona columns"].found


def test_a_column_that_is_missing_is_no_hidden_table(world: World) -> None:
    world.analyst.reasons['"first_name"'] = "TABLE_NOT_FOUND: line 1:14: Table does not exist"

    assert failed(world.outcomes()) == ["persona columns"]


def test_a_persona_that_reads_nothing_is_found(world: World) -> None:
    world.analyst.reasons["SELECT"] = "Access denied when writing output to the results"

    outcomes = world.outcomes()

    assert failed(outcomes) == ["persona reads"]
    assert "Access denied when writing output" in outcomes["persona reads"].found


def test_who_may_not_assume_the_role_learns_why_and_what_to_do(world: World) -> None:
    def refuse(**_: Any) -> None:
        raise denied("AssumeRole")

    world.answers["assume_role"] = refuse

    outcomes = of_personas(world.outcomes())

    assert {outcome.outcome for outcome in outcomes.values()} == {"skipped"}
    assert {outcome.found for outcome in outcomes.values()} == {
        "arn:aws:iam::1:role/Analyst may not be assumed: not you"
    }
    assert all("governance.marketing_analyst_role_arns" in outcome.fix for outcome in outcomes.values())


def test_a_persona_without_a_workgroup_of_its_own_is_not_asked_for_others_results(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeployedEnvironment, "workgroup", lambda *_: OPERATORS)

    assert world.outcomes()["persona results"].outcome == "skipped"
