"""Plays: which signal about a person calls for which message, to whom, and within which limits.

`contracts/plays.yaml` is the file that people write. The build checks it and compiles it into `plays.json`, which the
decision function carries; both have the same form and are read here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from c360_core.consent import Channel, Purpose
from c360_core.contracts import load
from c360_core.decision import Task, Template
from c360_core.names import TableName
from c360_core.segment import FieldType, Group, profile_fields
from c360_core.written import Known, Written, WrittenError

PLAYS_FILE: Final = Path(__file__).with_name("plays.json")
BUILD_HINT: Final = "run `python -m tools.contracts.plays` to build it from contracts/plays.yaml"
MOST_PLAYS: Final = 200
MOMENT: Final = "moment"
SENTIMENT: Final = "sentiment"  # the score in which a text's sentiment arrives
DEFAULT_PRIORITY: Final = 50
HIGHEST_PRIORITY: Final = 100
MOST_HOLDOUT: Final = 50  # percent
MOST_DAYS: Final = 365
MOST_MESSAGES: Final = 1_000_000_000
# What a play may have.
FIELDS: Final = (
    "name",
    "description",
    "priority",
    "signal",
    "audience",
    "message",
    "task",
    "purpose",
    "channels",
    "holdout_percent",
    "at_most",
    "not_after",
    "offers",
    "budget",
)


class PlayError(WrittenError):
    """A play is wrong; the message names the file, the play, the field and the fix."""


class SignalKind(StrEnum):
    """What can call for a decision. All of them are seen in a change of a person's profile."""

    PROFILE_CHANGE = "profile_change"
    SEGMENT_ENTRY = "segment_entry"
    SEGMENT_EXIT = "segment_exit"
    SCORE = "score"
    SENTIMENT = "sentiment"


class Period(StrEnum):
    """For how long a budget is; days and months are those of UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """A profile came to fulfil a condition.

    Attributes:
        now: must be true of the profile as it is.
        before: must be true of the profile as it was; a person who was unknown fulfils it.
        changed: columns of which at least one changed; empty: it does not matter.
        dated_by: the column that says when it happened; None, or no value: the time of the person's latest event.
        once_per: a column whose value is what the decision is about, or `moment` for the person and the time.
    """

    now: Group
    before: Group | None = None
    changed: tuple[str, ...] = ()
    dated_by: str | None = None
    once_per: str = MOMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChange:
    """A person came into a segment, or left it."""

    segment: str
    entered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCrossing:
    """A score came to be at least, or at most, a value. Sentiment is the score of that name."""

    score: str
    at_least: Decimal | None = None
    at_most: Decimal | None = None

    def holds(self, value: Decimal | None) -> bool:
        """Tell whether a value is beyond the threshold; an unknown one is not."""
        if value is None:
            return False
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


Signal = ProfileChange | SegmentChange | ScoreCrossing


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who may get a play, beside those whom consent and limits exclude."""

    query: Group | None = None
    in_segments: tuple[str, ...] = ()
    not_in_segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many messages per person within so many days, counted back from the moment of the decision."""

    messages: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAfter:
    """A play is silent for so many days after another one was about the same person."""

    plays: tuple[str, ...]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a message may offer. Amounts are in the currency of the playbook's people, `chance` is a score from 0 to 1.

    Attributes:
        value: what it brings when it is taken.
        cost: what it costs when it is taken.
        chance: the score that says how likely this person takes it; None: everybody takes it.
    """

    name: str
    value: Decimal
    cost: Decimal
    chance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many messages of a play, to all people together, in each day or month."""

    messages: int
    per: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One play.

    Attributes:
        name: also the reason with which its decisions begin, in capitals, and their trigger.
        channels: in the order in which they are tried.
        priority: 0 to 100; of several plays for one change the highest decides first.
        holdout_percent: of the people who would get it and do not, so that its effect can be measured.
        message, purpose, channels: missing from a play that asks for a task.
        task: whom of our own people it asks for something instead; consent and the limits of contact are not asked.
        at_most: a cap on this play's own messages to a person, or tasks about the person.
        not_after: plays after which it is silent.
        offers: of which the one with the highest expected value is made; without one of value there is no message.
        budget: of all people together.
    """

    name: str
    description: str
    signal: Signal
    audience: Audience
    message: Template | None
    purpose: Purpose | None
    channels: tuple[Channel, ...]
    task: Task | None = None
    priority: int = DEFAULT_PRIORITY
    holdout_percent: Decimal = Decimal(0)
    at_most: Cap | None = None
    not_after: NotAfter | None = None
    offers: tuple[Offer, ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhappy:
    """Whoever wrote something as unhappy as this gets no marketing, until something happier is heard of the person.

    Attributes:
        at_most: the score `sentiment`, from -1 to 1.
        except_messages: what makes up for it, and goes out all the same.
    """

    at_most: Decimal
    except_messages: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds for all plays and channels together; hours are local ones of the person, 0 to 23."""

    quiet_from: int
    quiet_until: int
    default_time_zone: str
    cap: Cap
    unhappy: Unhappy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """All plays, those of the highest priority first, and the limits of all."""

    limits: Limits
    plays: tuple[Play, ...]

    def play(self, name: str) -> Play | None:
        """Return the play of a name, or None."""
        return next((play for play in self.plays if play.name == name), None)


def period_of(budget: Budget, at: datetime) -> str:
    """Return the day or month, in UTC, to whose budget a moment belongs: `2026-03-02` or `2026-03`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d" if budget.per is Period.DAY else "%Y-%m")


@cache
def known_fields() -> Mapping[str, FieldType]:
    """Return the columns of the compiled contract that conditions may name, read once per process."""
    return profile_fields(load().product(TableName.PROFILES).table)


@cache
def load_playbook(path: Path = PLAYS_FILE) -> Playbook:
    """Read the plays that the build compiled to JSON, once per process.

    Raises:
        PlayError: the file is missing, is not JSON, or does not fit the profile.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PlayError(f"{path}: the compiled plays are missing; {BUILD_HINT}") from error
    except ValueError as error:
        raise PlayError(f"{path}: not JSON ({error}); {BUILD_HINT}") from error
    return parse_playbook(document, Known(fields=known_fields()), file=path.name)


def parse_playbook(document: Any, known: Known, *, file: str) -> Playbook:
    """Check a document of plays and build them.

    Args:
        document: `{"limits": {...}, "plays": [...]}`.
        known: what plays may name.
        file: where the document is from, for messages.

    Raises:
        PlayError: something is unknown, missing, of the wrong type or there twice.
    """
    whole = Written(document, file=file, owner="the file", known=known, error=PlayError)
    whole.only("limits", "plays")
    limits = parse_limits(document, file=file)
    entries = document.get("plays")
    if not isinstance(entries, list) or not entries:
        raise whole.wrong(
            "plays", "a list with at least one play is missing", "write `plays:` with `- name: ...` below"
        )
    if len(entries) > MOST_PLAYS:
        raise whole.wrong("plays", f"{len(entries)} plays are too many", f"write {MOST_PLAYS} at most")
    plays = [_play(entry, file, known) for entry in entries]
    names = [play.name for play in plays]
    for play in plays:
        here = Written({}, file=file, owner=f"play `{play.name}`", known=known, error=PlayError)
        if names.count(play.name) > 1:
            raise here.wrong("name", "is there twice", "rename one of them")
        for other in play.not_after.plays if play.not_after else ():
            if other not in names or other == play.name:
                others = ", ".join(sorted({*names} - {play.name})) or "none"
                raise here.wrong("not_after.plays", f"`{other}` is no other play", f"use one of: {others}")
    return Playbook(limits=limits, plays=tuple(sorted(plays, key=lambda play: -play.priority)))


def parse_limits(document: Any, *, file: str) -> Limits:
    """Read the limits of a document of plays alone.

    Raises:
        PlayError: something is unknown, missing or of the wrong type.
    """
    whole = Written(document, file=file, owner="the file", known=Known(fields={}), error=PlayError)
    limits = whole.map("limits", owner="limits")
    limits.only("quiet_hours", "cap", "unhappy")
    quiet = limits.map("quiet_hours")
    quiet.only("from", "until", "default_time_zone")
    zone = quiet.text("default_time_zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        fix = "write a name such as Europe/Berlin"
        raise quiet.wrong("default_time_zone", f"`{zone}` is no time zone", fix) from error
    return Limits(
        quiet_from=quiet.whole("from", 0, 23),
        quiet_until=quiet.whole("until", 0, 23),
        default_time_zone=zone,
        cap=_cap(limits.map("cap")),
        unhappy=_unhappy(limits.map("unhappy")) if limits.has("unhappy") else None,
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def _play(entry: Any, file: str, known: Known) -> Play:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise PlayError(f"{file}: a play: field `name`: is missing in {entry!r}; write `name: ...`")
    play = Written(entry, file=file, owner=f"play `{entry['name']}`", known=known, error=PlayError)
    play.only(*FIELDS)
    holdout = play.amount("holdout_percent", default="0")
    if not 0 <= holdout <= MOST_HOLDOUT:
        raise play.wrong("holdout_percent", f"{holdout} is too little or too much", f"write 0 to {MOST_HOLDOUT}")
    task = _task(play)
    return Play(
        name=play.name("name"),
        description=play.text("description"),
        signal=_signal(play.map("signal")),
        audience=read_audience(play.map("audience")) if play.has("audience") else Audience(),
        message=None if task else play.one_of(Template, "message", entry.get("message"), _messages(known)),
        purpose=None if task else play.one_of(Purpose, "purpose", entry.get("purpose")),
        channels=() if task else _channels(play),
        task=task,
        priority=play.whole("priority", 0, HIGHEST_PRIORITY, default=DEFAULT_PRIORITY),
        holdout_percent=holdout,
        at_most=_cap(play.map("at_most")) if play.has("at_most") else None,
        not_after=_not_after(play.map("not_after")) if play.has("not_after") else None,
        offers=_offers(play),
        budget=_budget(play.map("budget")) if play.has("budget") else None,
    )


def _messages(known: Known) -> tuple[Template, ...]:
    """Return the messages with which a journey begins: a decision for another one would start nothing."""
    return tuple(one for one in Template if known.messages is None or one in known.messages)


def _task(play: Written) -> Task | None:
    """Return whom a play asks for something; a play with a task has nothing that is about a message."""
    if not play.has("task"):
        return None
    for field in ("message", "purpose", "channels", "offers"):
        if play.has(field):
            raise play.wrong(field, "is about a message, and the play asks for a task", "write one or the other")
    return play.one_of(Task, "task", play.document["task"])


def _signal(signal: Written) -> Signal:
    signal.only(*SignalKind)
    if len(signal.document) != 1:
        raise PlayError(
            f"{signal.file}: {signal.owner}: field `signal`: a play has exactly one signal, this one has "
            f"{len(signal.document)}; write another play for another signal"
        )
    kind = SignalKind(next(iter(signal.document)))
    return _SIGNALS[kind](signal.map(kind))


def _profile_change(signal: Written) -> ProfileChange:
    signal.only("now", "before", "changed", "dated_by", "once_per")
    dated_by = signal.text("dated_by") if signal.has("dated_by") else None
    if dated_by is not None and signal.known.fields.get(dated_by) is not FieldType.TIME:
        times = ", ".join(sorted(name for name, kind in signal.known.fields.items() if kind is FieldType.TIME))
        raise signal.wrong("dated_by", f"`{dated_by}` is no time of a profile", f"use one of: {times}")
    once_per = signal.text("once_per") if signal.has("once_per") else MOMENT
    return ProfileChange(
        now=signal.condition("now"),
        before=signal.condition("before") if signal.has("before") else None,
        changed=tuple(signal.column("changed", one) for one in signal.texts("changed")),
        dated_by=dated_by,
        once_per=once_per if once_per == MOMENT else signal.column("once_per", once_per),
    )


def _segment_entry(signal: Written) -> SegmentChange:
    signal.only("segment")
    return SegmentChange(segment=signal.segment("segment", signal.text("segment")), entered=True)


def _segment_exit(signal: Written) -> SegmentChange:
    signal.only("segment")
    return SegmentChange(segment=signal.segment("segment", signal.text("segment")), entered=False)


def _score(signal: Written) -> ScoreCrossing:
    signal.only("score", "at_least", "at_most")
    return _crossing(signal, signal.name("score"))


def _sentiment(signal: Written) -> ScoreCrossing:
    signal.only("at_least", "at_most")
    return _crossing(signal, SENTIMENT)


def _crossing(signal: Written, score: str) -> ScoreCrossing:
    low = signal.amount("at_least") if signal.has("at_least") else None
    high = signal.amount("at_most") if signal.has("at_most") else None
    if low is None and high is None:
        raise signal.wrong("at_least", "a threshold is missing", "write `at_least`, `at_most` or both")
    if low is not None and high is not None and low > high:
        raise signal.wrong("at_least", f"{low} is above at_most {high}", "exchange them")
    return ScoreCrossing(score=score, at_least=low, at_most=high)


_SIGNALS: Final[Mapping[SignalKind, Callable[[Written], Signal]]] = {
    SignalKind.PROFILE_CHANGE: _profile_change,
    SignalKind.SEGMENT_ENTRY: _segment_entry,
    SignalKind.SEGMENT_EXIT: _segment_exit,
    SignalKind.SCORE: _score,
    SignalKind.SENTIMENT: _sentiment,
}


def read_audience(audience: Written) -> Audience:
    """Read who belongs to an audience."""
    audience.only("query", "in_segments", "not_in_segments")
    inside, outside = audience.segments("in_segments"), audience.segments("not_in_segments")
    if both := sorted({*inside} & {*outside}):
        raise audience.wrong("in_segments", f"`{both[0]}` is in not_in_segments, too", "take it out of one")
    return Audience(
        query=audience.condition("query") if audience.has("query") else None,
        in_segments=inside,
        not_in_segments=outside,
    )


def _channels(play: Written) -> tuple[Channel, ...]:
    named = play.texts("channels")
    if not named:
        raise play.wrong("channels", "at least one channel is missing", "write such as [email]")
    sending = play.known.channels
    allowed = [one for one in Channel if one is not Channel.ANY and (sending is None or one in sending)]
    return tuple(play.one_of(Channel, "channels", one, allowed) for one in named)


def _cap(cap: Written) -> Cap:
    cap.only("messages", "days")
    return Cap(messages=cap.whole("messages", 1, 100), days=cap.whole("days", 1, MOST_DAYS))


def _unhappy(rule: Written) -> Unhappy:
    rule.only("at_most", "except_messages")
    at_most = rule.amount("at_most")
    if not -1 <= at_most <= 1:
        raise rule.wrong("at_most", f"{at_most} is no sentiment", "write one from '-1' to '1'")
    messages = rule.texts("except_messages")
    return Unhappy(
        at_most=at_most,
        except_messages=tuple(rule.one_of(Template, "except_messages", one) for one in messages),
    )


def _not_after(rule: Written) -> NotAfter:
    rule.only("plays", "days")
    plays = rule.texts("plays")
    if not plays:
        raise rule.wrong("plays", "at least one play is missing", "write such as [unhappy_case]")
    return NotAfter(plays=plays, days=rule.whole("days", 1, MOST_DAYS))


def _offers(play: Written) -> tuple[Offer, ...]:
    entries = play.document.get("offers", [])
    if not isinstance(entries, list):
        raise play.wrong("offers", f"expected a list, got {entries!r}", "write `- name: ...` lines")
    offers = []
    for number, entry in enumerate(entries, 1):
        offer = Written(
            entry, file=play.file, owner=play.owner, known=play.known, path=f"offers.{number}.", error=PlayError
        )
        offer.only("name", "value", "cost", "chance")
        chance = offer.name("chance") if offer.has("chance") else None
        value, cost = offer.amount("value"), offer.amount("cost", default="0")
        offers.append(Offer(name=offer.name("name"), value=value, cost=cost, chance=chance))
        if value < 0 or cost < 0:
            raise offer.wrong("value" if value < 0 else "cost", "is below 0", "write 0 or more")
    names = [offer.name for offer in offers]
    if len(set(names)) != len(names):
        raise play.wrong("offers", "two have one name", "rename one of them")
    return tuple(offers)


def _budget(budget: Written) -> Budget:
    budget.only("messages", "per")
    return Budget(
        messages=budget.whole("messages", 1, MOST_MESSAGES),
        per=budget.one_of(Period, "per", budget.document.get("per")),
    )
