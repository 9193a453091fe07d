"""Sentiment: what customers wrote becomes a score, once, and goes nowhere else."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from c360_aws.redaction import MASK
from c360_core.interaction import read_interaction
from c360_core.texts import written_events
from lambdas.sentiment import handler
from lambdas.sentiment.comprehend import (
    ATTEMPTS,
    BYTES_PER_DOCUMENT,
    DOCUMENTS_PER_CALL,
    ComprehendAnalyser,
    masked,
    score,
    split,
)
from lambdas.sentiment.logic import (
    AnalysisError,
    BusyAnalyserError,
    RefusedTextError,
    Scoring,
    Unscored,
    Verdict,
    score_batch,
    written_text,
)
from lambdas.shared import aws
from tests.factories.events import event
from tests.fakes.comprehend import MemoryComprehend
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, kinesis_event
from tests.unit.lambdas.conftest import EVENTS, HASH_SECRET, Cloud
from twin.shoppers.vocabulary import TOPICS, complaint

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FURIOUS = "This is terrible. My order never came, nobody called me back and I am furious."
GERMAN = "Das ist eine sehr schlechte Lieferung, ich bin wirklich enttäuscht von Ihnen."
FINNISH = "Tilaus saapui myöhässä ja olen todella pettynyt teidän palveluunne."
# VADER's own compound value of the text, looked up by hand.
FURIOUS_SCORE = Decimal("-0.778300")


def review(text: str | None = FURIOUS, **overrides: Any) -> dict[str, Any]:
    made = event("product_reviews", "review_posted", occurred_at="2026-11-30T11:59:58.000Z", **overrides)
    made["received_at"] = "2026-11-30T11:59:59.000Z"
    made["payload"]["text"] = text
    if text is None:
        del made["payload"]["text"]
    return made


def body(made: dict[str, Any]) -> bytes:
    return json.dumps(made).encode()


def scored(*events: dict[str, Any] | bytes, client: MemoryComprehend | None = None) -> tuple[Scoring, MemoryStream]:
    stream = MemoryStream()
    records = [(str(place), made if isinstance(made, bytes) else body(made)) for place, made in enumerate(events)]
    analyser = ComprehendAnalyser(client=client or MemoryComprehend(), pause=lambda _: None)
    return score_batch(records, analyser, stream, clock=lambda: NOW), stream


def verdicts(*texts: str, client: MemoryComprehend | None = None) -> list[Verdict]:
    return list(ComprehendAnalyser(client=client or MemoryComprehend(), pause=lambda _: None).verdicts(texts))


# --- which events ----------------------------------------------------------------------------------------------------


def test_all_events_with_the_words_of_a_customer_are_read() -> None:
    assert written_events() == ("brand_mentioned", "case_opened", "review_edited", "review_posted")


@pytest.mark.parametrize(
    ("source", "event_type"),
    [
        ("product_reviews", "review_posted"),
        ("product_reviews", "review_edited"),
        ("product_reviews", "brand_mentioned"),
        ("support_cases", "case_opened"),
        ("salesforce_cases", "case_opened"),
    ],
)
def test_a_text_becomes_a_score_that_its_contract_accepts(source: str, event_type: str) -> None:
    told = event(source, event_type)
    outcome, stream = scored(told)

    assert outcome.scored == 1
    [record] = stream.records
    found = read_interaction(record.data, secret=HASH_SECRET.encode(), now=datetime.now(UTC))
    assert (found.event_type, found.source) == ("score_computed", "engagement_events")
    assert json.loads(found.payload)["score"] == "sentiment"
    assert json.loads(found.identifiers) == told["identifiers"]


def test_somebody_known_by_a_network_alone_is_scored() -> None:
    told = event("product_reviews", "brand_mentioned", identifiers={"social_id": ["chirper:4711"]})
    _, stream = scored(told)
    assert [one["identifiers"] for one in stream.events()] == [{"social_id": ["chirper:4711"]}]


def test_a_score_has_the_time_of_its_text_and_the_same_id_every_time() -> None:
    told = review(trace_id="1-trace")
    outcome, stream = scored(told, told)
    _, again = scored(told)

    [one] = stream.events()
    assert (one["occurred_at"], one["trace_id"]) == ("2026-11-30T11:59:58.000Z", "1-trace")
    assert one["payload"] == {"score": "sentiment", "value": float(FURIOUS_SCORE), "model": "amazon-comprehend"}
    assert again.events()[0]["event_id"] == one["event_id"]
    assert outcome.slowest == 1.0
    assert scored(review())[1].events()[0]["event_id"] != one["event_id"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (review(None), Unscored.NO_TEXT),
        (review("  \n "), Unscored.NO_TEXT),
        (review(replay_id="history"), Unscored.HISTORY),
        (event("support_cases", "case_closed"), Unscored.OTHER_EVENT),
        (event("engagement_events", "score_computed"), Unscored.OTHER_EVENT),
        (review(identifiers={"email": ["none@none.com"]}), Unscored.NOBODY),
        ({**review(), "event_type": "review_liked"}, Unscored.INVALID),
        (b"<event/>", Unscored.INVALID),
    ],
)
def test_what_has_nothing_to_score_costs_nothing(told: dict[str, Any] | bytes, reason: Unscored) -> None:
    client = MemoryComprehend()
    outcome, stream = scored(told, client=client)
    assert (outcome.unscored, stream.records, client.calls) == (Counter([reason]), [], [])


def test_an_event_that_the_stream_refuses_comes_again() -> None:
    stream = MemoryStream(refuse={1})
    told = [review(), review("All is well.")]
    analyser = ComprehendAnalyser(client=MemoryComprehend())
    outcome = score_batch([("a", body(told[0])), ("b", body(told[1]))], analyser, stream, clock=lambda: NOW)
    assert (outcome.scored, list(outcome.again)) == (1, ["b"])


# --- what Comprehend is told, and what becomes of its answer ----------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"Positive": 0.75, "Negative": 0.05, "Neutral": 0.1, "Mixed": 0.1}, "0.7"),
        ({"Positive": 0.0, "Negative": 1.0, "Neutral": 0.0, "Mixed": 0.0}, "-1"),
        ({"Positive": 0.0, "Negative": 0.0, "Neutral": 1.0, "Mixed": 0.0}, "0"),
        ({"Positive": 0.1, "Negative": 0.1, "Neutral": 0.0, "Mixed": 0.8}, "0"),
        ({"Positive": 1.0000001, "Negative": 0.0, "Neutral": 0.0, "Mixed": 0.0}, "1"),
    ],
)
def test_a_score_is_positive_less_negative(parts: dict[str, float], expected: str) -> None:
    assert score(parts) == Decimal(expected)


def test_the_words_of_the_invented_customers_are_as_happy_as_their_satisfaction() -> None:
    mean = {}
    for satisfaction in range(1, 6):
        found = verdicts(*(complaint(topic, satisfaction, choice) for topic in TOPICS for choice in (0, 1)))
        mean[satisfaction] = sum(one for one in found if isinstance(one, Decimal)) / len(found)
    assert mean[1] < mean[2] < mean[3] < mean[4] < mean[5], mean
    assert mean[2] < 0 < mean[4], mean


def test_personal_data_is_taken_out_before_a_text_is_scored() -> None:
    client = MemoryComprehend()
    verdicts("I am ada@example.com, my card 4111 1111 1111 1111 was charged twice, call 415-555-0101.", client=client)
    assert client.scored() == [f"I am {MASK}, my card {MASK} was charged twice, call {MASK}."]
    everything = json.dumps([request for _, request in client.calls])
    assert "ada@example.com" not in everything, "an address does not leave at all"


def test_a_language_without_a_model_of_personal_data_is_masked_by_form_alone() -> None:
    client = MemoryComprehend()
    verdicts(f"{GERMAN} ada@example.com", client=client)
    assert client.asked("detect_pii_entities") == []
    assert client.scored() == [f"{GERMAN} {MASK}"]


def test_what_is_hardly_personal_data_stays() -> None:
    found = [
        {"BeginOffset": 0, "EndOffset": 3, "Score": 0.9, "Type": "NAME"},
        {"BeginOffset": 8, "EndOffset": 12, "Score": 0.2, "Type": "NAME"},
    ]
    assert masked("Ada and Rose came", found) == f"{MASK} and Rose came"


def test_a_language_that_comprehend_does_not_score_gives_no_score() -> None:
    assert verdicts(FINNISH, FURIOUS) == [Unscored.UNSUPPORTED_LANGUAGE, FURIOUS_SCORE]


def test_a_language_that_is_refused_gives_no_score() -> None:
    assert verdicts(GERMAN) == [Unscored.UNSUPPORTED_LANGUAGE], "the laptop's stand-in scores English alone"


def test_many_texts_go_out_as_many_at_a_time_as_a_request_takes() -> None:
    client = MemoryComprehend()
    found = verdicts(*[FURIOUS] * (DOCUMENTS_PER_CALL + 1), client=client)
    assert found == [FURIOUS_SCORE] * (DOCUMENTS_PER_CALL + 1)
    assert [len(one["TextList"]) for one in client.asked("batch_detect_sentiment")] == [DOCUMENTS_PER_CALL, 1]


def test_a_long_text_is_scored_in_pieces_of_which_each_counts_by_its_length() -> None:
    calm = "We received the parcel on a Tuesday in the warehouse. "
    text = FURIOUS + " " + calm * 200
    client = MemoryComprehend()
    [found] = verdicts(text, client=client)

    pieces = client.scored()
    assert len(pieces) > 1
    assert all(len(piece.encode()) <= BYTES_PER_DOCUMENT for piece in pieces)
    assert " ".join(pieces).split() == text.split()
    of_each = [verdict for piece in pieces for verdict in verdicts(piece) if isinstance(verdict, Decimal)]
    whole = sum(len(piece) for piece in pieces)
    expected = sum(one * len(piece) for one, piece in zip(of_each, pieces, strict=True)) / whole
    assert found == expected.quantize(Decimal("0.000001"))


@pytest.mark.parametrize("text", ["", "x", "ü" * 5_001, "one " * 3_000, "one" * 3_000])
def test_pieces_make_up_the_text_and_fit(text: str) -> None:
    pieces = list(split(text, 100))
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert all(len(piece.encode()) <= 100 for piece in pieces)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_document_that_fails_in_passing_is_sent_again_alone() -> None:
    client = MemoryComprehend(fails={FURIOUS: ["InternalServerException", "500"]})
    assert verdicts("All is well.", FURIOUS, client=client)[1] == FURIOUS_SCORE
    assert client.scored() == ["All is well.", FURIOUS, FURIOUS, FURIOUS]


def test_a_document_that_keeps_failing_comes_again_and_its_neighbour_is_scored() -> None:
    client = MemoryComprehend(fails={FURIOUS: ["InternalServerException"] * ATTEMPTS})
    told = [review(), review("I love it.")]
    outcome, stream = scored(*told, client=client)
    assert [type(fault) for fault in outcome.again.values()] == [BusyAnalyserError]
    assert (list(outcome.again), outcome.refused, len(stream.records)) == (["0"], {}, 1)


@pytest.mark.parametrize("code", ["TextSizeLimitExceededException", "400"])
def test_a_document_that_is_refused_is_set_aside(code: str) -> None:
    outcome, _ = scored(review(), client=MemoryComprehend(fails={FURIOUS: [code]}))
    assert [type(fault) for fault in outcome.refused.values()] == [RefusedTextError]


def test_a_text_that_spoils_a_request_costs_its_neighbours_nothing() -> None:
    others = [f"I love it, {number} times." for number in range(6)]
    client = MemoryComprehend(spoils={FURIOUS: "InvalidRequestException"})
    found = verdicts(*others[:3], FURIOUS, *others[3:], client=client)
    assert [type(one) for one in found] == [Decimal, Decimal, Decimal, RefusedTextError, Decimal, Decimal, Decimal]


@pytest.mark.parametrize("errors", [["ThrottlingException"], ["TooManyRequestsException", "InternalServerException"]])
def test_a_busy_service_is_asked_again(errors: list[str]) -> None:
    assert verdicts(FURIOUS, client=MemoryComprehend(next_errors=errors)) == [FURIOUS_SCORE]


def test_a_service_that_stays_busy_makes_the_events_come_again() -> None:
    client = MemoryComprehend(next_errors=["ThrottlingException"] * ATTEMPTS)
    [found] = verdicts(FURIOUS, client=client)
    assert isinstance(found, BusyAnalyserError)


def test_a_service_that_does_not_answer_makes_the_events_come_again() -> None:
    class Silent(MemoryComprehend):
        def batch_detect_dominant_language(self, **_: Any) -> dict[str, Any]:
            raise ReadTimeoutError(endpoint_url="https://comprehend")

    [found] = verdicts(FURIOUS, client=Silent())
    assert isinstance(found, BusyAnalyserError)


def test_a_missing_permission_fails_the_whole_batch() -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        verdicts(FURIOUS, client=MemoryComprehend(next_errors=["AccessDeniedException"]))


def test_no_error_quotes_a_text() -> None:
    client = MemoryComprehend(spoils={FURIOUS: "ValidationException"})
    [found] = verdicts(FURIOUS, client=client)
    assert isinstance(found, AnalysisError)
    assert "terrible" not in str(found)


# --- the function -----------------------------------------------------------------------------------------------------


@pytest.fixture
def comprehend(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> MemoryComprehend:
    made = MemoryComprehend()
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setattr(aws, "comprehend", lambda: made)
    monkeypatch.setattr("lambdas.sentiment.comprehend.FIRST_PAUSE_SECONDS", 0.0)
    assert cloud.records() == []
    return made


def handled(*events: dict[str, Any]) -> list[str]:
    """Deliver events as one batch; return the positions of those that must come again."""
    answer = handler.handle(kinesis_event([(str(n), body(one)) for n, one in enumerate(events)]), LambdaContext())
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_the_function_puts_scores_on_the_stream_and_logs_no_word(
    cloud: Cloud, comprehend: MemoryComprehend, log: io.StringIO
) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {**review(), "occurred_at": now, "received_at": now}
    assert handled(told, event("web_events", "page_viewed")) == []
    assert [one["payload"]["value"] for one in cloud.events()] == [float(FURIOUS_SCORE)]
    assert comprehend.scored() == [FURIOUS]
    assert "terrible" not in log.getvalue()
    assert "ada.lovelace" not in log.getvalue()


def test_the_function_sets_aside_what_is_refused_and_says_where_it_is(
    cloud: Cloud, comprehend: MemoryComprehend, log: io.StringIO
) -> None:
    comprehend.spoils = {FURIOUS: "InvalidRequestException"}
    assert handled(review("I love it."), review()) == []
    [letter] = cloud.set_aside()
    assert (letter["reason"], letter["KinesisBatchInfo"]["startSequenceNumber"]) == (
        "Comprehend: InvalidRequestException",
        "1",
    )
    assert len(cloud.events()) == 1
    assert "terrible" not in log.getvalue() + json.dumps(letter)


def test_the_function_asks_for_what_failed_in_passing_again(cloud: Cloud, comprehend: MemoryComprehend) -> None:
    comprehend.fails = {FURIOUS: ["InternalServerException"] * ATTEMPTS}
    assert handled(review("I love it."), review()) == ["1"]
    assert (len(cloud.events()), cloud.set_aside()) == (1, [])
    assert handled(review()) == [], "and when it comes again, it is scored"


def test_a_text_is_what_the_event_says() -> None:
    found = written_text(body(review(" I love it. ")), now=NOW)
    assert not isinstance(found, Unscored)
    assert found.words == "I love it."
