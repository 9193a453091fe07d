"""Learns the hour of the day in which each person answers messages, tries it on later messages, and scores everybody.

python -m c360_ml.send_hours --messages FOLDER --output FOLDER
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from c360_ml import rows, script
from c360_ml.errors import InputError
from c360_ml.hour_trial import ANSWERED, HOUR, PERSON, SENT_AT, Rules, evaluate
from c360_ml.hours import Counts, Habits, learn
from c360_ml.targets import CUT

EVALUATION: Final = "evaluation.json"
SCORES: Final = "scores.jsonl"
ANSWERED_AT: Final = "answered_at"
ZONE: Final = "time_zone"
_NEEDED: Final = (PERSON, SENT_AT, ANSWERED_AT, ZONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the messages must be.

    Attributes:
        answer: within so much time an answer is one to the hour: what is read the next morning says nothing of it.
        held_out: the share of the messages, the latest ones, on which the habits are tried.
        messages: so many of them at least on either side, with at least so many answers as people of a class.
        answers: so many on either side.
    """

    answer: pd.Timedelta
    held_out: float
    messages: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What came of the messages: a report, and for each person the best hour if the report approves."""

    evaluation: dict[str, Any]
    scores: pd.DataFrame


def local(messages: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Return the messages with the hour at which their person got them, and whether that hour was answered.

    Messages to people whose time zone nobody knows are left out: nobody knows what hour it was.

    Raises:
        InputError: there is none left.
    """
    sent = pd.to_datetime(messages[SENT_AT], utc=True)
    waited = pd.to_datetime(messages[ANSWERED_AT], utc=True) - sent
    hour = pd.Series(-1, index=messages.index, dtype="int64")
    for name, some in sent.groupby(messages[ZONE]):
        zone = _zone(str(name))
        if zone is not None:
            hour.loc[some.index] = some.dt.tz_convert(zone).dt.hour
    found = pd.DataFrame(
        {PERSON: messages[PERSON].astype(str), SENT_AT: sent, HOUR: hour, ANSWERED: waited.le(limits.answer)}
    )
    known = found[found[HOUR] >= 0].sort_values([SENT_AT, PERSON], kind="stable").reset_index(drop=True)
    if known.empty:
        raise InputError("messages: of nobody who got any a time zone is known; profiles need `time_zone`")
    return known


def run(messages: pd.DataFrame, limits: Limits, rules: Rules) -> Learned:
    """Learn from the earlier messages, try that on the later ones, and learn once more from all of them.

    Raises:
        InputError: there are too few messages or answers on either side.
    """
    known = local(messages, limits)
    cut = known[SENT_AT].iloc[min(int(len(known) * (1 - limits.held_out)), len(known) - 1)]
    earlier, later = known[known[SENT_AT] < cut], known[known[SENT_AT] >= cut]
    # Of whom nothing was known, nothing was foretold.
    later = later[later[PERSON].isin(earlier[PERSON])]
    for name, part in (("earlier", earlier), ("later", later)):
        _check(name, part, limits)
    evaluation = {
        "target": "hours",
        "held_out": cut.date().isoformat(),
        **evaluate(learn(_counts(earlier)), earlier, _counts(later), rules),
    }
    habits = learn(_counts(known))
    evaluation["hours"] = [
        {"hour": hour, "sent": int(habits.sent[hour]), "answered": float(habits.everybody[hour])}
        for hour in range(len(habits.sent))
    ]
    return Learned(evaluation=evaluation, scores=_scores(habits, known, rules))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("send_hours", __doc__)
    script.add_seed(options)
    add = script.add_folder
    add(
        options,
        "messages",
        default=script.PROCESSING / "input" / "messages",
        about="Parquet files of `message_answers`",
    )
    add(options, "output", default=script.PROCESSING / "output", about=f"gets {EVALUATION} and {SCORES}, in folders")
    options.add_argument("--answer-hours", type=float, default=3.0, help="within which an answer is one to the hour")
    options.add_argument("--held-out", type=float, default=0.25, help="share of the messages, the latest ones")
    options.add_argument("--least-messages", type=int, default=200, help="on either side of the time that is held out")
    options.add_argument("--least-answers", type=int, default=20, help="on either side")
    options.add_argument("--least-in-hour", type=float, default=20, help="messages to everybody in an hour to choose")
    options.add_argument("--bootstraps", type=int, default=200, help="samples for the limits of each measure")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    limits = Limits(
        answer=pd.Timedelta(hours=options.answer_hours),
        held_out=options.held_out,
        messages=options.least_messages,
        answers=options.least_answers,
    )
    rules = Rules(least=options.least_in_hour, times=options.bootstraps, seed=options.seed)
    messages = rows.read_table(options.messages, _NEEDED, "message_answers")
    learned = run(messages, limits, rules)
    _write(learned, options.output)
    told = {name: learned.evaluation[name] for name in ("loss", "chosen", "verdict")}
    script.LOG.info("%s", json.dumps(told))


def _write(learned: Learned, output: Path) -> None:
    place = output / "evaluation" / EVALUATION
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(learned.evaluation, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    rows.write_lines(learned.scores, output / "scores" / SCORES)


def _check(name: str, part: pd.DataFrame, limits: Limits) -> None:
    answers = int(part[ANSWERED].sum())
    if len(part) < limits.messages or not limits.answers <= answers <= len(part) - limits.answers:
        raise InputError(
            f"messages: the {name} part has {len(part)} messages with {answers} answers, and {limits.messages} with "
            f"{limits.answers} answers are needed, and as many without; wait for more, or lower --least-messages and "
            "--least-answers"
        )


def _counts(part: pd.DataFrame) -> Counts:
    return Counts.of(part[PERSON], part[HOUR].to_numpy(dtype=np.int64), part[ANSWERED].to_numpy(dtype=bool))


def _scores(habits: Habits, known: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    return pd.DataFrame(
        {
            PERSON: list(habits.people),
            CUT: known[SENT_AT].max().date().isoformat(),
            "score": habits.best(habits.own, rules.least),
        }
    )


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None  # a source sent something else than a time zone


if __name__ == "__main__":
    sys.exit(main())
