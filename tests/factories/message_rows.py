"""Invented messages as `message_answers` has them: people in several zones, each with an hour for reading."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

ZONES: Final = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles")
FIRST: Final = pd.Timestamp("2025-06-02 00:00", tz="UTC")
DAYS: Final = 240  # clocks change in them, there and back
USUAL: Final = 19


def zone_of(number: int) -> str:
    """Return where a person lives."""
    return ZONES[number % len(ZONES)]


def hour_of(number: int) -> int:
    """Return the hour that suits a person: for most the usual one, for every third another."""
    return USUAL if number % 3 else (9 + number) % 12 + 8


def messages(people: int, each: int, *, seed: int = 1, tells: bool = True) -> pd.DataFrame:
    """Return messages at any hour of the day, from 8 to 21 where the person lives.

    Args:
        people: so many.
        each: messages to each of them.
        seed: of chance.
        tells: whether the hour has to do with the answer.
    """
    chance = np.random.default_rng(seed)
    made = [_of(number, each, chance, tells=tells) for number in range(people)]
    return pd.concat(made, ignore_index=True)


def _of(number: int, each: int, chance: np.random.Generator, *, tells: bool) -> pd.DataFrame:
    zone = zone_of(number)
    hour, minute = chance.integers(8, 21, each), chance.integers(0, 60, each)
    first = FIRST.tz_convert(zone).normalize()
    local = [
        (first + pd.DateOffset(days=int(day))).replace(hour=int(at), minute=int(late))
        for day, at, late in zip(chance.integers(1, DAYS, each), hour, minute, strict=True)
    ]
    sent = pd.Series(pd.DatetimeIndex(local).tz_convert("UTC"))
    away = np.abs(hour - hour_of(number))
    likely = np.where(away == 0, 0.6, np.where(away == 1, 0.35, 0.1)) if tells else np.full(each, 0.25)
    answered = sent + pd.Timedelta(minutes=40)
    return pd.DataFrame(
        {
            "person_id": f"p{number:04}",
            "message_id": [f"m{number:04}-{one}" for one in range(each)],
            "channel": "email",
            "sent_at": sent.dt.tz_localize(None),
            "answered_at": answered.where(chance.random(each) < likely).dt.tz_localize(None),
            "time_zone": zone,
        }
    )


def as_lake(frame: pd.DataFrame) -> Sequence[Mapping[str, object]]:
    """Return the rows as the mart has them."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {name: value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]
