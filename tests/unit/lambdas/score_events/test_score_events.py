"""Scores become events under each customer's identifiers, once each, however often and in however many calls."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_aws.event_stream import StreamUnavailableError
from c360_aws.stream_writer import StreamRecord
from c360_core.profile import Profile
from lambdas.score_events import handler
from lambdas.score_events.logic import ScoreLineError, ScorePublisher, Scoring
from lambdas.shared.lines import unbroken
from tests.factories.profiles import profile
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud

AT = datetime(2026, 3, 3, 8, tzinfo=UTC)
SCORING = Scoring(score="churn_risk", model="churn 4", scored_at=AT)


class People:
    """Profiles of some people."""

    def __init__(self, *known: Profile) -> None:
        self._known = {one.person_id: one for one in known}

    def profiles(self, person_ids: Iterable[str]) -> Mapping[str, Profile]:
        return {name: self._known[name] for name in person_ids if name in self._known}


class Stream:
    """A stream that may refuse."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses, self.records = refuses, list[StreamRecord]()

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        if self.refuses:
            return tuple(range(len(records)))
        self.records.extend(records)
        return ()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(one.data) for one in self.records]


def line(person: str, score: object = 0.1234567, cut: str = "2026-03-01") -> bytes:
    return json.dumps({"person_id": person, "cut_on": cut, "score": score}).encode()


def of(person: str, number: int) -> Profile:
    return profile(person, email=f"{person}@mail.org", loyalty_id=f"L{number:07}", crm_id=f"C{number:07}")


def publisher(stream: Stream) -> ScorePublisher:
    nobody = profile("p_4", email=None, phone=None, loyalty_id=None, crm_id=None, case_customer_id=None)
    return ScorePublisher(view=People(of("p_1", 1), of("p_2", 2), nobody), stream=stream)


def test_a_score_is_an_event_of_the_customer_as_exact_as_a_profile_keeps_it() -> None:
    stream = Stream()
    progress = publisher(stream).publish([line("p_1")], SCORING, after=0)
    [event] = stream.events()
    assert (event["event_type"], event["source"], event["occurred_at"]) == (
        "score_computed",
        "engagement_events",
        "2026-03-03T08:00:00.000Z",
    )
    assert event["payload"] == {"score": "churn_risk", "value": 0.123457, "model": "churn 4"}
    assert event["identifiers"]["loyalty_id"] == ["L0000001"]
    assert (progress.lines, progress.events, progress.unknown, progress.done) == (1, 1, 0, True)


def test_whom_nobody_knows_or_can_name_has_no_event() -> None:
    stream = Stream()
    progress = publisher(stream).publish([line("p_1"), line("p_3"), line("p_4")], SCORING, after=0)
    assert (progress.events, progress.unknown) == (1, 2)


def test_calls_go_on_where_the_one_before_has_ended() -> None:
    stream, lines = Stream(), [line("p_1"), line("p_2"), line("p_1", cut="2026-02-01")]
    first = publisher(stream).publish(lines, SCORING, after=0, most=2)
    assert (first.lines, first.done) == (2, False)
    last = publisher(stream).publish(lines, SCORING, after=first.lines, most=2)
    assert (last.lines, last.done) == (3, True)
    assert len({event["event_id"] for event in stream.events()}) == 3


def test_an_id_tells_score_version_cut_and_person_apart_and_nothing_else() -> None:
    stream = Stream()
    later = Scoring(score="churn_risk", model="churn 4", scored_at=datetime(2026, 3, 9, tzinfo=UTC))
    other = Scoring(score="churn_risk", model="churn 5", scored_at=AT)
    for scoring in (SCORING, later, other):
        publisher(stream).publish([line("p_1")], scoring, after=0)
    first, again, of_another = (event["event_id"] for event in stream.events())
    assert first == again != of_another


def test_what_the_stream_refuses_is_published_again() -> None:
    with pytest.raises(StreamUnavailableError):
        publisher(Stream(refuses=True)).publish([line("p_1")], SCORING, after=0)


@pytest.mark.parametrize("wrong", [b"{", b'{"person_id": "p_1"}', line("p_1", "much"), line("p_1", None)])
def test_a_line_without_a_score_says_which_it_is(wrong: bytes) -> None:
    with pytest.raises(ScoreLineError, match="line 2"):
        publisher(Stream()).publish([line("p_1"), wrong], SCORING, after=0)


def test_lines_are_whole_however_a_file_comes() -> None:
    whole = b"one\n\ntwo\nthree"
    for size in (1, 3, 100):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert list(unbroken(pieces)) == [b"one", b"two", b"three"]


def test_the_function_reads_the_batch_and_the_profiles(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    for number in range(150):  # more than one request of profiles takes
        cloud.put_profile(of(f"p_{number}", number), now=AT)
    monkeypatch.setattr(handler, "_publisher", lambda: ScorePublisher(view=cloud.reader, stream=stream))
    body = b"\n".join(line(f"p_{number}") for number in range(160))

    class Bucket:
        def get_object(self, **_named: str) -> dict[str, Any]:
            class Body(io.BytesIO):
                def iter_chunks(self) -> Iterable[bytes]:
                    return iter(lambda: self.read(64), b"")

            return {"Body": Body(body)}

    monkeypatch.setattr(handler.aws, "s3", Bucket)
    event = {"score": "churn_risk", "model": "churn 1", "scored_at": "2026-03-03T08:00:00Z", "lines": 0}
    answer = handler.handle({**event, "bucket": "b", "key": "k"}, LambdaContext())
    assert answer == {"lines": 160, "done": True}
    assert len(stream.records) == 150
