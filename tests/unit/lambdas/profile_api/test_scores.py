"""Scores of the profile API: the model in service is asked about one customer, and the answer says what it was told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_aws.feature_scorer import Scored, ScorerUnavailableError
from lambdas.profile_api import handler
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, TABLE, Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEATURES = {"person_id": PERSON, "cut_on": "2026-03-01", "orders": 3, "csat_12_months": None}
SCORED = Scored(value=0.25, recorded_at="2026-03-03T08:00:00.000Z", features=FEATURES)
SCORER = {"group": "c360-dev-customers", "endpoints": {"churn": "c360-dev-churn"}, "kinds": {"orders": "Integral"}}


class Answers:
    """Answers about a score as a test says."""

    def __init__(self, answer: Callable[[str], Scored | None]) -> None:
        self.answer, self.asked = answer, list[tuple[str, str]]()

    def score(self, person_id: str, score: str) -> Scored | None:
        self.asked.append((person_id, score))
        return self.answer(score)


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = cloud.secrets.create_secret(Name="hash", SecretString="0" * 32)["ARN"]
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("HASH_SECRET_ARN", secret)
    monkeypatch.setenv("LINK_TEMPLATES", "{}")
    monkeypatch.setenv("SCORER", json.dumps(SCORER))
    cloud.put_profile(profile(), now=NOW)


def ask(score: str = "churn_risk", person: str = PERSON) -> tuple[int, dict[str, Any]]:
    answer = handler.handle(http_event("GET", f"/v1/customers/{person}/scores/{score}"), LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def answered(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Scored | None]) -> Answers:
    answers = Answers(answer)
    monkeypatch.setattr(handler, "_scorer", lambda _settings: answers)
    handler._scores.cache_clear()
    return answers


def unavailable(_score: str) -> Scored | None:
    raise ScorerUnavailableError("the endpoint of churn did not answer (ModelError)")


def test_a_score_comes_with_what_the_model_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answered(monkeypatch, lambda _: SCORED)

    assert ask() == (
        200,
        {
            "person_id": PERSON,
            "score": "churn_risk",
            "value": 0.25,
            "as_of": "2026-03-01",
            "recorded_at": "2026-03-03T08:00:00.000Z",
            "features": {"orders": 3, "csat_12_months": None},
        },
    )
    assert answers.asked == [(PERSON, "churn_risk")]


@pytest.mark.parametrize(
    ("answer", "score", "person", "status", "code"),
    [
        (lambda _: None, "churn_risk", PERSON, 404, "NO_FEATURES"),
        (unavailable, "churn_risk", PERSON, 503, "NO_SCORE_NOW"),
        (lambda _: SCORED, "sentiment", PERSON, 404, "UNKNOWN_SCORE"),
        (lambda _: SCORED, "churn_risk", "p_nobody", 404, "UNKNOWN_CUSTOMER"),
    ],
)
def test_without_a_score_it_says_why(  # each of them has a name
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[str], Scored | None],
    score: str,
    person: str,
    status: int,
    code: str,
) -> None:
    answered(monkeypatch, answer)
    found, problem = ask(score, person)
    assert (found, problem["code"]) == (status, code)
    assert problem["fix"]


def test_where_no_features_are_kept_the_switch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCORER")
    handler._scores.cache_clear()
    status, problem = ask()
    assert (status, problem["code"]) == (404, "NO_SCORER")
    assert "analytics.models.feature_store" in problem["fix"]


def test_the_store_of_the_settings_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    handler._scores.cache_clear()
    scorer = handler._scores().scorer
    assert getattr(scorer, "group", None) == SCORER["group"]
    handler._scores.cache_clear()
