"""A model is asked about one customer with what the Feature Store keeps, and every silence says why."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from c360_aws.feature_scorer import FeatureScorer, ScorerUnavailableError
from c360_core.features import FeatureKind

KINDS = {"person_id": FeatureKind.STRING, "orders": FeatureKind.INTEGRAL, "spend": FeatureKind.FRACTIONAL}
RECORD = [
    {"FeatureName": "person_id", "ValueAsString": "p_1"},
    {"FeatureName": "orders", "ValueAsString": "3"},
    {"FeatureName": "recorded_at", "ValueAsString": "2026-03-03T08:00:00.000Z"},
]


class Store:
    """Has a record of one person, or an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def get_record(self, **request: str) -> dict[str, Any]:
        if self.error:
            raise self.error
        assert request["FeatureGroupName"] == "group"
        return {"Record": RECORD} if request["RecordIdentifierValueAsString"] == "p_1" else {}


class Runtime:
    """Answers, or does not."""

    def __init__(self, answer: bytes = b'{"person_id": "p_1", "score": 0.12345678}\n', error: Exception | None = None):
        self.answer, self.error, self.asked = answer, error, list[dict[str, Any]]()

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.error:
            raise self.error
        return {"Body": io.BytesIO(self.answer)}


def scorer(runtime: Runtime, store: Store | None = None) -> FeatureScorer:
    endpoints = {"churn": "c360-dev-churn", "value": "c360-dev-value"}
    return FeatureScorer(store=store or Store(), runtime=runtime, group="group", endpoints=endpoints, kinds=KINDS)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


def test_the_model_of_the_score_is_asked_with_the_features_as_numbers() -> None:
    runtime = Runtime()
    scored = scorer(runtime).score("p_1", "expected_value")

    assert scored is not None
    [asked] = runtime.asked
    assert asked["EndpointName"] == "c360-dev-value"
    assert json.loads(asked["Body"]) == {"person_id": "p_1", "orders": 3, "spend": None} == dict(scored.features)
    assert (scored.value, scored.recorded_at) == (0.123457, "2026-03-03T08:00:00.000Z")


def test_nobody_is_asked_about_whom_nothing_is_kept() -> None:
    runtime = Runtime()

    assert scorer(runtime).score("p_2", "churn_risk") is None
    assert runtime.asked == []


@pytest.mark.parametrize(
    ("runtime", "store", "why"),
    [
        (Runtime(), Store(refused("ResourceNotFound")), r"the features could not be read \(ResourceNotFound\)"),
        (Runtime(error=refused("ValidationError")), None, r"the endpoint of churn did not answer \(ValidationError\)"),
        (Runtime(error=ConnectTimeoutError(endpoint_url="https://x")), None, r"did not answer \(ConnectTimeoutError\)"),
        (Runtime(answer=b"{}"), None, r"the answer about churn_risk cannot be read \(KeyError\)"),
        (Runtime(answer=b"oops"), None, r"cannot be read \(JSONDecodeError\)"),
    ],
)
def test_without_an_answer_it_says_who_did_not_give_one(runtime: Runtime, store: Store | None, why: str) -> None:
    with pytest.raises(ScorerUnavailableError, match=why):
        scorer(runtime, store).score("p_1", "churn_risk")
