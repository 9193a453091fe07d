"""The laptop's Comprehend: shapes and limits as AWS documents them, scores by VADER, and what it does not know."""

from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from twin.emulator.wire import ServiceError
from twin.providers.comprehend.service import BYTES, DOCUMENTS, Comprehend

MODEL = botocore.session.get_session().get_service_model("comprehend")
LUHN = "4111 1111 1111 1111"


def call(operation: str, **request: Any) -> dict[str, Any]:
    """Call an operation; the answer has the shape of AWS's own model."""
    answer: dict[str, Any] = getattr(Comprehend(), xform_name(operation))(request)
    shape = MODEL.operation_model(operation).output_shape
    assert not ParamValidator().validate(answer, shape).has_errors()
    return answer


def test_the_parts_of_a_score_add_up_and_name_the_largest() -> None:
    texts = ["I love it!", "It is awful and I hate it.", "On a Tuesday.", "Great food, terrible service."]
    found = call("BatchDetectSentiment", TextList=texts, LanguageCode="en")["ResultList"]
    assert [one["Sentiment"] for one in found[:3]] == ["POSITIVE", "NEGATIVE", "NEUTRAL"]
    for one in found:
        assert sum(one["SentimentScore"].values()) == pytest.approx(1)
    assert found[3]["SentimentScore"]["Mixed"] > 0.2


def test_languages_are_named_with_their_chances() -> None:
    texts = ["The parcel arrived broken.", "Das Paket kam zerbrochen an.", "El paquete llegó roto a mi casa."]
    found = call("BatchDetectDominantLanguage", TextList=texts)["ResultList"]
    assert [one["Languages"][0]["LanguageCode"] for one in found] == ["en", "de", "es"]
    assert all(0 < one["Languages"][0]["Score"] <= 1 for one in found)


def test_personal_data_is_found_by_its_form() -> None:
    text = f"I am a@b.example, +1 415-555-0101, {LUHN}, from 192.0.2.1, see https://b.example/x"
    found = call("DetectPiiEntities", Text=text, LanguageCode="en")["Entities"]
    assert {one["Type"]: text[one["BeginOffset"] : one["EndOffset"]] for one in found} == {
        "EMAIL": "a@b.example",
        "PHONE": "+1 415-555-0101",
        "CREDIT_DEBIT_NUMBER": LUHN,
        "IP_ADDRESS": "192.0.2.1",
        "URL": "https://b.example/x",
    }
    labels = call("ContainsPiiEntities", Text=text, LanguageCode="en")["Labels"]
    assert {one["Name"] for one in labels} == {one["Type"] for one in found}


def test_a_number_that_is_no_card_stays() -> None:
    assert call("DetectPiiEntities", Text="order 4111 1111 1111 1112", LanguageCode="en")["Entities"] == []


def test_what_vader_cannot_score_is_refused_by_name() -> None:
    with pytest.raises(ServiceError, match="scores the sentiment of en alone, and not de") as refused:
        call("BatchDetectSentiment", TextList=["Gut."], LanguageCode="de")
    assert refused.value.code == "UnsupportedLanguageException"


def test_personal_data_is_found_in_the_languages_of_aws_alone() -> None:
    with pytest.raises(ServiceError, match="not fr"):
        call("DetectPiiEntities", Text="Bonjour", LanguageCode="fr")


def test_a_document_that_is_too_large_fails_alone() -> None:
    answer = call("BatchDetectSentiment", TextList=["Good.", "x" * (BYTES + 1)], LanguageCode="en")
    assert [one["Index"] for one in answer["ResultList"]] == [0]
    assert [one["Index"] for one in answer["ErrorList"]] == [1]


@pytest.mark.parametrize(
    ("texts", "code"),
    [(["x"] * (DOCUMENTS + 1), "BatchSizeLimitExceededException"), (["x", ""], "InvalidRequestException")],
)
def test_a_request_beyond_the_limits_is_refused(texts: list[str], code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        call("BatchDetectSentiment", TextList=texts, LanguageCode="en")
    assert refused.value.code == code
