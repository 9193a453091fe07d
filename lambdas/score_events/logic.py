"""Scores as events: lines that a batch has written become events under each customer's identifiers.

The id of an event follows from the score, the version of the model, the cut and the person: a repetition is known.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final, Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_core.profile import Profile
from c360_core.profile_columns import SCORE_SCALE

EVENT_TYPE: Final = "score_computed"
LINES_PER_CALL: Final = 20_000
_PAGE: Final = 500
_STEP: Final = Decimal(1).scaleb(-SCORE_SCALE)


class ScoreLineError(ValueError):
    """A line that no score can be read from; the message says where."""


class ProfileView(Protocol):
    """What is known of people."""

    def profiles(self, person_ids: Iterable[str]) -> Mapping[str, Profile]:
        """Return the profiles of the people who have one, by the ids that were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What was scored.

    Attributes:
        score: the name of the score.
        model: the name and the version of the model.
        scored_at: when; the same for all calls about one batch.
    """

    score: str
    model: str
    scored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch is published.

    Attributes:
        lines: read so far.
        events: published by this call.
        unknown: people of this call without a profile, or with none that an event could name.
        done: whether nothing is left.
    """

    lines: int
    events: int
    unknown: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePublisher:
    """Publishes scores."""

    view: ProfileView
    stream: EventStream

    def publish(self, lines: Iterable[bytes], scoring: Scoring, *, after: int, most: int = LINES_PER_CALL) -> Progress:
        """Publish the scores of some lines.

        Args:
            lines: of the whole batch.
            scoring: what was scored.
            after: how many lines are published already.
            most: how many this call takes.

        Raises:
            ScoreLineError: a line has no person, cut or number.
            StreamUnavailableError: the stream refused some; publish the same lines again.
        """
        taken = islice(enumerate(lines, start=1), after, after + most)
        read = events = 0
        while page := list(islice(taken, _PAGE)):
            read += len(page)
            events += self._page(page, scoring)
        return Progress(lines=after + read, events=events, unknown=read - events, done=read < most)

    def _page(self, page: Sequence[tuple[int, bytes]], scoring: Scoring) -> int:
        scores = [_score(number, line) for number, line in page]
        profiles = self.view.profiles(person for person, _, _ in scores)
        records = [
            record
            for person, cut, value in scores
            if person in profiles
            and (
                record := engagement_record(
                    EVENT_TYPE,
                    profile=profiles[person],
                    subject=f"{scoring.score}:{scoring.model}:{cut}:{person}",
                    occurred_at=scoring.scored_at,
                    payload={"score": scoring.score, "value": float(value), "model": scoring.model},
                )
            )
            is not None
        ]
        if refused := self.stream.publish(records):
            raise StreamUnavailableError(f"{scoring.score}: the events stream refused {len(refused)} scores")
        return len(records)


def _score(number: int, line: bytes) -> tuple[str, str, Decimal]:
    """Return the person, the cut and the value of a line, as exactly as a profile keeps it."""
    try:
        row: Mapping[str, Any] = json.loads(line, parse_float=Decimal)
        return str(row["person_id"]), str(row["cut_on"]), Decimal(row["score"]).quantize(_STEP)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise ScoreLineError(f"line {number} of the batch: expected person_id, cut_on and a number as score") from error
