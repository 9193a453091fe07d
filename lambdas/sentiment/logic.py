"""From the events of a batch to scores of what customers wrote.

A text is handed to the analyser and to nothing else: it is neither stored nor logged, and no error quotes it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol

from c360_aws.engagement import SOURCE, identified_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_aws.stream_writer import StreamRecord
from c360_core.contracts import load
from c360_core.identity.keys import usable
from c360_core.interaction import RejectedEventError, check, parse
from c360_core.moments import moment
from c360_core.names import IdentifierType
from c360_core.play import SENTIMENT
from c360_core.texts import TEXT, written_events

MODEL: Final = "amazon-comprehend"


class Unscored(Enum):
    """Why an event gives no score; none of these is an error."""

    OTHER_EVENT = "other_event"
    INVALID = "invalid"
    HISTORY = "history"
    NO_TEXT = "no_text"
    NOBODY = "nobody"
    UNSUPPORTED_LANGUAGE = "unsupported_language"


class AnalysisError(RuntimeError):
    """A text was not analysed; the message never quotes it."""


class BusyAnalyserError(AnalysisError):
    """The analyser had no time for a text; deliver the event again."""


class RefusedTextError(AnalysisError):
    """The analyser will never take a text; its position goes to the dead-letter queue."""


Verdict = Decimal | Unscored | AnalysisError


class Analyser(Protocol):
    """What says how happy texts sound."""

    def verdicts(self, texts: Sequence[str]) -> Sequence[Verdict]:
        """Return for each text a score from -1 (unhappy) to 1 (happy), why there is none, or what went wrong.

        Raises:
            ClientError: nothing can be analysed, for example because a permission is missing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenText:
    """What a customer wrote, and by which event we know.

    Attributes:
        identifiers: those of the event that an event of ours may carry.
        occurred_at: when it was written.
        received_at: when it came in, if the event says so.
    """

    source: str
    event_id: str
    words: str
    identifiers: Mapping[str, Sequence[str]]
    occurred_at: datetime
    received_at: datetime | None
    trace_id: str | None

    @property
    def subject(self) -> str:
        """What a score is about: the same however often the event is seen."""
        return f"{self.source}|{self.event_id}|{SENTIMENT}"


@dataclass(slots=True, kw_only=True)
class Scoring:
    """What came of a batch.

    Attributes:
        again: errors by the positions of records that must be delivered again.
        refused: errors by the positions of records that no retry helps.
        unscored: how many events gave no score, by reason.
        scored: how many texts got a score that is on the stream now.
        slowest: seconds from the receipt of a text to its score on the stream, of the slowest; None without any.
    """

    again: dict[str, Exception] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)
    unscored: Counter[Unscored] = field(default_factory=Counter)
    scored: int = 0
    slowest: float | None = None


def score_batch(
    records: Iterable[tuple[str, bytes]], analyser: Analyser, stream: EventStream, *, clock: Callable[[], datetime]
) -> Scoring:
    """Score what the events of a batch say, and publish the scores.

    An event that comes again gives an event of the same id, which `clean` drops. Within a batch it is scored once.

    Args:
        records: positions and bodies.
        analyser: scores texts.
        stream: takes the scores.
        clock: tells the present.
    """
    outcome, now = Scoring(), clock()
    texts: dict[str, WrittenText] = {}
    places: dict[str, list[str]] = {}
    for position, body in records:
        text = written_text(body, now=now)
        if isinstance(text, Unscored):
            outcome.unscored[text] += 1
        else:
            texts.setdefault(text.subject, text)
            places.setdefault(text.subject, []).append(position)
    found = list(texts.values())
    verdicts = analyser.verdicts([text.words for text in found]) if found else ()
    scores: list[tuple[WrittenText, Decimal]] = []
    for text, verdict in zip(found, verdicts, strict=True):
        match verdict:
            case Decimal():
                scores.append((text, verdict))
            case Unscored():
                outcome.unscored[verdict] += 1
            case RefusedTextError():
                outcome.refused |= dict.fromkeys(places[text.subject], verdict)
            case _:
                outcome.again |= dict.fromkeys(places[text.subject], verdict)
    _publish(scores, stream, places, outcome, clock)
    return outcome


def _publish(
    scores: Sequence[tuple[WrittenText, Decimal]],
    stream: EventStream,
    places: Mapping[str, Sequence[str]],
    outcome: Scoring,
    clock: Callable[[], datetime],
) -> None:
    records = [score_record(text, value, now=clock()) for text, value in scores]
    lost = set(stream.publish(records)) if records else set()
    now = clock()
    for index, (text, _) in enumerate(scores):
        if index in lost:
            refusal = StreamUnavailableError(f"the score of {text.source} {text.event_id}: the stream refused it")
            outcome.again |= dict.fromkeys(places[text.subject], refusal)
            continue
        outcome.scored += 1
        if text.received_at is not None:
            outcome.slowest = max(outcome.slowest or 0.0, (now - text.received_at).total_seconds())


def written_text(body: bytes, *, now: datetime) -> WrittenText | Unscored:
    """Return what a customer wrote in an event, or why there is nothing to score.

    The stream has what sources sent, unchecked. What breaks its contract is `clean`'s to report.
    """
    try:
        event = check(parse(body), now=now)
    except RejectedEventError:
        return Unscored.INVALID
    if event["event_type"] not in written_events():
        return Unscored.OTHER_EVENT
    if event.get("replay_id"):
        return Unscored.HISTORY
    words = str(event["payload"].get(TEXT) or "").strip()
    if not words:
        return Unscored.NO_TEXT
    identifiers = _carried(event["identifiers"])
    if all(kind is IdentifierType.IP for kind, _ in usable(identifiers)):
        return Unscored.NOBODY
    received = event.get("received_at")
    return WrittenText(
        source=event["source"],
        event_id=event["event_id"],
        words=words,
        identifiers=identifiers,
        occurred_at=moment(event["occurred_at"]),
        received_at=None if received is None else moment(received),
        trace_id=event.get("trace_id"),
    )


def score_record(text: WrittenText, value: Decimal, *, now: datetime) -> StreamRecord:
    """Return the score of a text as an event, which is as old as the text: of two texts the newer one counts."""
    return identified_record(
        "score_computed",
        identifiers=text.identifiers,
        subject=text.subject,
        occurred_at=text.occurred_at,
        received_at=max(now, text.occurred_at),
        payload={"score": SENTIMENT, "value": float(value), "model": MODEL},
        otherwise=text.subject,
        trace_id=text.trace_id,
    )


def _carried(identifiers: Mapping[str, Any]) -> dict[str, list[str]]:
    allowed = load().source(SOURCE).identifiers
    return {kind: list(values) for kind, values in identifiers.items() if kind in allowed}
