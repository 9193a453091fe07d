"""`c360 simulate`: what a changed file of plays would have done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from c360_core.decision import Action, Decision
from c360_core.play import Playbook, PlayError
from c360_core.segment import SegmentError
from c360_core.simulation import Difference, difference, reasons_by_play, simulate
from ops.queries.asking import Desk
from ops.simulation import Lake, NotSimulatedError, Readable
from tools.build import prepare
from tools.console import Steps
from tools.contracts import ContractsError
from tools.contracts.plays import SOURCE, load_plays
from tools.errors import WrongUsageError
from tools.operate.persona import Analyst

_SAMPLE: Final = 10
_BACK_DAYS: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What both files of plays would have decided, and what changes."""

    since: datetime
    present: tuple[Decision, ...]
    changed: tuple[Decision, ...]
    changes: Difference

    def as_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        counts = reasons_by_play(self.changed)
        return {
            "since": self.since.isoformat(),
            "plays": {play: dict(sorted(count.items())) for play, count in sorted(counts.items())},
            "gained": [_told(one) for one in self.changes.gained],
            "lost": [_told(one) for one in self.changes.lost],
            "moved": [{"from": _told(one), "to": _told(other)} for one, other in self.changes.moved],
        }


def run(steps: Steps, environment: str, file: Path, *, days: int, now: datetime | None = None) -> Simulated:
    """Run a file of plays, and that of the repository, over the signals of the last days; show what changes.

    Raises:
        WrongUsageError: a play is wrong or cannot be simulated, or nothing of the environment is deployed there.
        QueryFailedError: Athena did not answer.
    """
    prepare.contracts()
    changed, present = _playbook(file), _playbook(SOURCE)
    analyst = Analyst.of(environment)
    readable = Readable.by(analyst.persona.classes)
    try:
        readable.check(changed)
        readable.check(present)
    except NotSimulatedError as error:
        raise WrongUsageError(f"{file}: {error}") from error
    desk = Desk(athena=analyst.athena, workgroup=analyst.workgroup, persona=analyst.persona, environment=environment)
    lake = Lake(environment=environment, ask=lambda statement: desk.ask(statement).rows(), readable=readable)
    since = (now or datetime.now(UTC)) - timedelta(days=days)
    with steps.step("Read what happened"):
        past = lake.past(since, back_days=_BACK_DAYS)
    one, other = simulate(present, past), simulate(changed, past)
    found = Simulated(since=since, present=one, changed=other, changes=difference(one, other))
    steps.result(found.as_dict())
    if not steps.machine:
        _show(Console(highlight=False), found)
    return found


def _playbook(file: Path) -> Playbook:
    try:
        return load_plays(file)[0]
    except (PlayError, SegmentError, ContractsError) as error:
        raise WrongUsageError(str(error)) from error


def _told(one: Decision) -> dict[str, Any]:
    return {
        "person_id": one.person_id,
        "play": one.trigger,
        "channel": None if one.channel is None else str(one.channel),
        "template": None if one.template is None else str(one.template),
        "task": None if one.task is None else str(one.task),
        "at": one.not_before.isoformat(),
    }


def _show(console: Console, found: Simulated) -> None:
    before, after = reasons_by_play(found.present), reasons_by_play(found.changed)
    table = Table("play", "what", "now", "with the file", box=None, header_style="dim")
    for play in sorted({*before, *after}):
        old, new = before.get(play, Counter()), after.get(play, Counter())
        done = (Action.TASK,) if Action.TASK in {*old, *new} else (Action.SEND, Action.DEFER)
        for what in (*map(str, done), *sorted({*old, *new} - set(done))):
            table.add_row(play, what, str(old[what]), str(new[what]))
    console.print(table)
    changes = found.changes
    _show_people(console, "more get a message", changes.gained)
    _show_people(console, "get none any more", changes.lost)
    _show_people(console, "get another one, or at another time", [other for _, other in changes.moved])


def _show_people(console: Console, what: str, decisions: Sequence[Decision]) -> None:
    console.print(f"{len(decisions)} {what}")
    for one in decisions[:_SAMPLE]:
        what = f"a task for {one.task}" if one.task else f"{one.template} by {one.channel}"
        console.print(f"  {one.person_id}: {one.trigger}, {what}", soft_wrap=True)
    if len(decisions) > _SAMPLE:
        console.print(f"  and {len(decisions) - _SAMPLE} more; --json lists all")
