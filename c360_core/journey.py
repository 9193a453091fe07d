"""Journeys: what happens to a person after a decision for a message, step by step.

`contracts/journeys/*.yaml` are the files that people write. The build checks them and compiles them into
`journeys.json`, of which the state machines are made; all have the same form and are read here.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from c360_core.decision import Task, Template
from c360_core.delivery import Outcome
from c360_core.digests import digest
from c360_core.play import Audience, known_fields, read_audience
from c360_core.written import Known, Written, WrittenError

JOURNEYS_FILE: Final = Path(__file__).with_name("journeys.json")
BUILD_HINT: Final = "run `python -m tools.contracts.journeys` to build it from contracts/journeys"
MOST_JOURNEYS: Final = 50
MOST_STEPS: Final = 50
# Step Functions ends an execution after a year; quiet hours and a pause need room.
MOST_DAYS: Final = 300
MINUTES_PER_DAY: Final = 24 * 60
HUNDRED: Final = 100
# What a journey may have, and what a step may have beside its kind.
FIELDS: Final = ("name", "description", "version", "ended", "steps")
STEP_FIELDS: Final = ("then", "otherwise")
_LOT_DIGITS: Final = 12  # hex digits: as many places as nobody's share can be told from
_DURATION: Final = re.compile(r"([1-9][0-9]{0,3}) (minute|hour|day)s?")
_MINUTES: Final[Mapping[str, int]] = {"minute": 1, "hour": 60, "day": MINUTES_PER_DAY}


class JourneyError(WrittenError):
    """A journey is wrong; the message names the file, the step, the field and the fix."""


class Kind(StrEnum):
    """What a step does."""

    MESSAGE = "message"
    WAIT = "wait"
    WAIT_FOR = "wait_for"
    BRANCH = "branch"
    SPLIT = "split"
    TASK = "task"
    EXIT = "exit"


class Happening(StrEnum):
    """What a journey can wait for."""

    OPENED = "opened"
    CLICKED = "clicked"
    PURCHASE = "purchase"


# Whoever clicked or closed a message has opened it, whether that was reported or not.
OUTCOMES: Final[Mapping[Happening, frozenset[Outcome]]] = {
    Happening.OPENED: frozenset({Outcome.OPENED, Outcome.DISMISSED, Outcome.CLICKED}),
    Happening.CLICKED: frozenset({Outcome.CLICKED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message. `otherwise` is the step of those who do not get it; without one they leave."""

    name: str
    template: Template
    then: str
    otherwise: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return (self.then, *([] if self.otherwise is None else [self.otherwise]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which nothing happens."""

    name: str
    minutes: int
    then: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return (self.then,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Waits until one of these has happened, or the time is over.

    Attributes:
        happenings: of which the first that comes ends the waiting.
        of: the step whose message is opened or clicked; None where only purchases are waited for.
        minutes: how long at most.
        then: the step of those of whom something was heard.
        otherwise: the step of the others.
    """

    name: str
    happenings: tuple[Happening, ...]
    of: str | None
    minutes: int
    then: str
    otherwise: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return (self.then, self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A way of a branch. `document` is its condition as written, which the state machine carries."""

    when: Audience
    document: Mapping[str, Any]
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Goes the first way whose condition is true of the profile at this moment."""

    name: str
    arms: tuple[Arm, ...]
    otherwise: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return (*(arm.then for arm in self.arms), self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A way of a split, and the percentage of the people who go it."""

    percent: int
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts people by lot: the same person always goes the same way of the same step."""

    name: str
    shares: tuple[Share, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return tuple(share.then for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Asks our own people for something."""

    name: str
    task: Task
    then: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next."""
        return (self.then,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The end of the journey. `ending` says which."""

    name: str
    ending: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The steps that may come next: none."""
        return ()


Step = Send | Pause | WaitFor | Branch | Split | Ask | Exit
# Steps for which somebody must know the person.
HELPED: Final = (WaitFor, Branch, Split, Ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One journey.

    Attributes:
        version: goes up with each change of the steps.
        ended: nobody enters it any more; whoever is in it goes on to the end.
        steps: in the order of the file; the first is the message with which it begins.
    """

    name: str
    description: str
    version: int
    steps: tuple[Step, ...]
    ended: bool = False

    @property
    def first(self) -> Send:
        """The message with which the journey begins: a decision for it lets the person enter."""
        step = self.steps[0]
        if not isinstance(step, Send):
            raise JourneyError(f"{self.name}: the first step is no message")  # the parser lets none through
        return step

    def step(self, name: str) -> Step:
        """Return the step of a name."""
        return next(step for step in self.steps if step.name == name)


@cache
def load_journeys(path: Path = JOURNEYS_FILE) -> tuple[Journey, ...]:
    """Read the journeys that the build compiled to JSON, once per process.

    Raises:
        JourneyError: the file is missing, is not JSON, or does not fit the profile.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise JourneyError(f"{path}: the compiled journeys are missing; {BUILD_HINT}") from error
    except ValueError as error:
        raise JourneyError(f"{path}: not JSON ({error}); {BUILD_HINT}") from error
    known = Known(fields=known_fields())
    return parse_journeys({str(one.get("name")): one for one in document["journeys"]}, known, files=path.name)


def parse_journeys(documents: Mapping[str, Any], known: Known, *, files: str | None = None) -> tuple[Journey, ...]:
    """Check the documents of all journeys and build them, sorted by name.

    Args:
        documents: by the name of the file without its ending.
        known: what journeys may name.
        files: how messages call all files; None: each by its own name.

    Raises:
        JourneyError: something is unknown, missing, of the wrong type or there twice.
    """
    if len(documents) > MOST_JOURNEYS:
        raise JourneyError(f"contracts/journeys: {len(documents)} journeys are too many; write {MOST_JOURNEYS} at most")
    journeys = [
        parse_journey(document, known, file=files or f"{stem}.yaml", stem=stem)
        for stem, document in sorted(documents.items())
    ]
    begun: dict[Template, Journey] = {}
    for journey in journeys:
        other = begun.setdefault(journey.first.template, journey)
        if other is not journey:
            raise JourneyError(
                f"{files or f'{journey.name}.yaml'}: step `{journey.first.name}`: field `message`: "
                f"`{journey.first.template}` begins the journey `{other.name}`, too; begin one of them with another"
            )
    return tuple(journeys)


def parse_journey(document: Any, known: Known, *, file: str, stem: str) -> Journey:
    """Check the document of one journey and build it.

    Args:
        document: as it was written.
        known: what it may name.
        file: where it is from, for messages.
        stem: the name that it must have.

    Raises:
        JourneyError: something is unknown, missing, of the wrong type or there twice; or somebody would never come to
            an end, or never to a step.
    """
    whole = Written(document, file=file, owner=f"journey `{stem}`", known=known, error=JourneyError)
    whole.only(*FIELDS)
    name = whole.name("name")
    if name != stem:
        raise whole.wrong("name", f"`{name}` is not the name of the file", f"write {stem}, or rename the file")
    ended = whole.document.get("ended", False)
    if not isinstance(ended, bool):
        raise whole.wrong("ended", f"{ended!r} is no truth", "write true or false")
    journey = Journey(
        name=name,
        description=whole.text("description"),
        version=whole.whole("version", 1, 1_000_000),
        steps=_steps(whole),
        ended=ended,
    )
    _Ways(journey, whole).check()
    return journey


# --- reading steps ---------------------------------------------------------------------------------------------------


def _steps(whole: Written) -> tuple[Step, ...]:
    entries = whole.maps("steps")
    if len(entries) > MOST_STEPS:
        raise whole.wrong("steps", f"{len(entries)} steps are too many", f"write {MOST_STEPS} at most")
    names = [entry.name("name") for entry in entries]
    steps = []
    for place, entry in enumerate(entries):
        name = names[place]
        if names.count(name) > 1:
            raise entry.wrong("name", f"`{name}` is there twice", "rename one of them")
        step = entry.part(entry.document, "", owner=f"{whole.owner}: step `{name}`")
        kinds = [kind for kind in Kind if step.has(kind)]
        step.only("name", *Kind, *STEP_FIELDS)
        if len(kinds) != 1:
            found = ", ".join(kinds) or "none"
            raise step.wrong(
                "name", f"a step does exactly one thing, this one {found}", f"use one of: {', '.join(Kind)}"
            )
        after = names[place + 1] if place + 1 < len(names) else None
        steps.append(_KINDS[kinds[0]](step, _Next(step=step, names=tuple(names), after=after)))
    return tuple(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """Where a step leads."""

    step: Written
    names: tuple[str, ...]
    after: str | None

    def named(self, field: str, text: str) -> str:
        """Return a step by its name."""
        if text not in self.names:
            raise self.step.wrong(field, f"there is no step `{text}`", f"use one of: {', '.join(self.names)}")
        return text

    def of(self, field: str) -> str:
        """Return the step that a field names, or the next one in the file."""
        if self.step.has(field):
            return self.named(field, self.step.text(field))
        if self.after is None:
            raise self.step.wrong(field, "after it comes nothing", "name a step, or write one with `exit:` below it")
        return self.after

    def none(self, *fields: str) -> None:
        """Refuse fields that mean nothing for the kind of the step."""
        for field in fields:
            if self.step.has(field):
                raise self.step.wrong(field, "means nothing for such a step", "take it out")


def _send(step: Written, leads: _Next) -> Send:
    otherwise = leads.of("otherwise") if step.has("otherwise") else None
    template = step.one_of(Template, "message", step.document["message"])
    return Send(name=step.name("name"), template=template, then=leads.of("then"), otherwise=otherwise)


def _pause(step: Written, leads: _Next) -> Pause:
    leads.none("otherwise")
    return Pause(name=step.name("name"), minutes=_duration(step, "wait"), then=leads.of("then"))


def _wait_for(step: Written, leads: _Next) -> WaitFor:
    rule = step.map("wait_for")
    rule.only("any_of", "of", "at_most")
    happenings = tuple(rule.one_of(Happening, "any_of", one) for one in rule.texts("any_of"))
    if not happenings:
        raise rule.wrong("any_of", "nothing is waited for", f"use one of: {', '.join(Happening)}")
    about = set(happenings) & OUTCOMES.keys()
    if about and not rule.has("of"):
        raise rule.wrong("of", "whose message is it?", "name the step that sends it")
    if rule.has("of") and not about:
        raise rule.wrong("of", "a purchase is of no message", "take it out")
    return WaitFor(
        name=step.name("name"),
        happenings=happenings,
        of=leads.named("wait_for.of", rule.text("of")) if about else None,
        minutes=_duration(rule, "at_most"),
        then=leads.of("then"),
        otherwise=leads.of("otherwise"),
    )


def _branch(step: Written, leads: _Next) -> Branch:
    leads.none("then")
    arms = []
    for arm in step.maps("branch"):
        arm.only("when", "then")
        when = arm.map("when")
        if not when.document:
            raise arm.wrong("when", "there is no condition", "write `query`, `in_segments` or `not_in_segments`")
        then = leads.named(f"{arm.path}then", arm.text("then"))
        arms.append(Arm(when=read_audience(when), document=when.document, then=then))
    return Branch(name=step.name("name"), arms=tuple(arms), otherwise=leads.of("otherwise"))


def _split(step: Written, leads: _Next) -> Split:
    leads.none("then", "otherwise")
    shares = []
    for share in step.maps("split"):
        share.only("percent", "then")
        then = leads.named(f"{share.path}then", share.text("then"))
        shares.append(Share(percent=share.whole("percent", 1, HUNDRED - 1), then=then))
    whole = sum(share.percent for share in shares)
    if whole != HUNDRED:
        raise step.wrong("split", f"the shares are {whole} percent together", f"make them {HUNDRED}")
    return Split(name=step.name("name"), shares=tuple(shares))


def _ask(step: Written, leads: _Next) -> Ask:
    leads.none("otherwise")
    return Ask(name=step.name("name"), task=step.one_of(Task, "task", step.document["task"]), then=leads.of("then"))


def _exit(step: Written, leads: _Next) -> Exit:
    leads.none("then", "otherwise")
    return Exit(name=step.name("name"), ending=step.name("exit"))


_KINDS: Final[Mapping[Kind, Callable[[Written, _Next], Step]]] = {
    Kind.MESSAGE: _send,
    Kind.WAIT: _pause,
    Kind.WAIT_FOR: _wait_for,
    Kind.BRANCH: _branch,
    Kind.SPLIT: _split,
    Kind.TASK: _ask,
    Kind.EXIT: _exit,
}


def _duration(written: Written, field: str) -> int:
    """Return a duration in minutes."""
    text = written.text(field)
    found = _DURATION.fullmatch(text)
    if found is None:
        raise written.wrong(field, f"`{text}` is no duration", "write such as 30 minutes, 12 hours or 3 days")
    minutes = int(found[1]) * _MINUTES[found[2]]
    if minutes > MOST_DAYS * MINUTES_PER_DAY:
        raise written.wrong(field, f"`{text}` is too long", f"write {MOST_DAYS} days at most")
    return minutes


# --- checking the whole ----------------------------------------------------------------------------------------------


class _Ways:
    """The ways through a journey: each ends, each step is on one of them, and none repeats a message."""

    def __init__(self, journey: Journey, whole: Written) -> None:
        self._journey, self._whole = journey, whole
        self._steps = {step.name: step for step in journey.steps}

    def check(self) -> None:
        first = self._journey.steps[0]
        if not isinstance(first, Send):
            raise self._wrong(first.name, "message", "the first step is no message", "begin with the one decided on")
        self._refuse_circles(first.name, [], set())
        reached = self._reached(first.name)
        for step in self._journey.steps:
            if step.name not in reached:
                raise self._wrong(step.name, "name", "no way leads to it", "name it in the `then` of another step")
        self._refuse_long(first.name)
        self._refuse_repetitions()
        self._refuse_waits_for_nothing(first.name)

    def _wrong(self, step: str, field: str, problem: str, fix: str) -> WrittenError:
        here = self._whole.part({}, "", owner=f"{self._whole.owner}: step `{step}`")
        return here.wrong(field, problem, fix)

    def _refuse_circles(self, name: str, way: list[str], safe: set[str]) -> None:
        """Follow every way from a step; `safe` are the steps from which all ways are known to end."""
        way.append(name)
        for target in self._steps[name].targets:
            if target in way:
                circle = " -> ".join((*way[way.index(target) :], target))
                raise self._wrong(name, "then", f"leads in a circle: {circle}", "lead it to a later step")
            if target not in safe:
                self._refuse_circles(target, way, safe)
        safe.add(way.pop())

    def _reached(self, start: str, *, unsent: str | None = None) -> set[str]:
        """Return a step and those to which ways lead from it; on these, one message may have to be left out."""
        found: set[str] = set()
        left = [start]
        while left:
            name = left.pop()
            if name in found:
                continue
            found.add(name)
            step = self._steps[name]
            if name == unsent and isinstance(step, Send):
                left += [] if step.otherwise is None else [step.otherwise]
            else:
                left += step.targets
        return found

    def _refuse_long(self, first: str) -> None:
        days = self._longest(first, {}) / MINUTES_PER_DAY
        if days > MOST_DAYS:
            raise self._whole.wrong("steps", f"the longest way takes {days:.0f} days", f"make it {MOST_DAYS} at most")

    def _longest(self, name: str, known: dict[str, int]) -> int:
        if name not in known:
            step = self._steps[name]
            own = step.minutes if isinstance(step, Pause | WaitFor) else 0
            known[name] = own + max((self._longest(target, known) for target in step.targets), default=0)
        return known[name]

    def _refuse_repetitions(self) -> None:
        for step in self._sends():
            later = self._reached(step.name) - {step.name}
            for other in self._sends():
                if other.name in later and other.template is step.template:
                    problem = f"`{step.template}` was sent by step `{step.name}`, and nobody gets a message twice"
                    raise self._wrong(other.name, "message", problem, "write another message")

    def _refuse_waits_for_nothing(self, first: str) -> None:
        for step in self._journey.steps:
            if not isinstance(step, WaitFor) or step.of is None:
                continue
            if not isinstance(self._steps[step.of], Send):
                raise self._wrong(step.name, "wait_for.of", f"`{step.of}` sends no message", "name a step that does")
            if step.name in self._reached(first, unsent=step.of):
                problem = f"a way leads here without the message of `{step.of}`"
                raise self._wrong(step.name, "wait_for.of", problem, "name a message that everybody got who comes here")

    def _sends(self) -> Iterator[Send]:
        return (step for step in self._journey.steps if isinstance(step, Send))


def first_messages(journeys: Sequence[Journey]) -> frozenset[Template]:
    """Return the messages with which somebody enters a journey: a decision for another one would start nothing."""
    return frozenset(journey.first.template for journey in journeys if not journey.ended)


def seconds(minutes: int, *, day_seconds: int) -> int:
    """Return how many seconds a time of a journey takes where a day has so many."""
    return max(1, round(minutes * day_seconds / MINUTES_PER_DAY))


def lot(journey: str, step: str, person_id: str, shares: Sequence[tuple[int, str]]) -> str:
    """Return the way that a person draws: always the same one of a step, and each by its share of all people."""
    place = int(digest("split", journey, step, person_id, digits=_LOT_DIGITS), 16) * HUNDRED
    upper = 0
    for percent, then in shares:
        upper += percent
        if place < upper * 16**_LOT_DIGITS:
            return then
    return shares[-1][1]
