"""`c360 journey`: pauses and stops journeys and plays, and shows the way of a person through one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core.controls import Control, State
from c360_core.journey import load_journeys
from c360_core.journey_walk import walk
from c360_core.play import load_playbook
from ops.journeys import Switchboard, UnknownNameError
from tools.build import prepare
from tools.console import Steps
from tools.contracts.journey_pictures import duration
from tools.errors import WrongUsageError
from tools.operate.why import deployed_table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store:
    reader: SingleViewReader
    writer: SingleViewWriter

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        return self.reader.controls(names)

    def put_control(self, control: Control) -> None:
        self.writer.put_control(control)


def switch(steps: Steps, environment: str, name: str, state: State) -> None:
    """Pause, stop or resume a journey or a play of a deployed environment.

    Raises:
        WrongUsageError: there is none of the name, or nothing of the environment is deployed there.
    """
    try:
        control = _switchboard(environment).set(name, state)
    except UnknownNameError as error:
        raise WrongUsageError(str(error)) from error
    steps.result({"name": control.name, "state": str(control.state)})
    if not steps.machine:
        Console(highlight=False).print(f"{control.name}: {control.state}")


def show(steps: Steps, environment: str) -> None:
    """Show which journeys and plays run.

    Raises:
        WrongUsageError: nothing of the environment is deployed there.
    """
    states = _switchboard(environment).states()
    steps.result({name: str(state) for name, state in states.items()})
    if not steps.machine:
        table = Table("journey or play", "state", box=None, header_style="dim")
        for name, state in states.items():
            table.add_row(name, str(state))
        Console(highlight=False).print(table)


def walked(steps: Steps, environment: str, name: str, person_id: str, *, heard: bool) -> None:
    """Show the way of a person through a journey, as the profile is now; nothing is sent.

    Raises:
        WrongUsageError: there is no such journey or person, or nothing of the environment is deployed there.
    """
    prepare.contracts()
    journey = next((one for one in load_journeys() if one.name == name), None)
    if journey is None:
        names = ", ".join(one.name for one in load_journeys())
        raise WrongUsageError(f"there is no journey `{name}`; use one of {names}")
    client, table = deployed_table(environment)
    view = SingleViewReader(client=client, table=table)
    current = view.current_id(person_id)
    profile = None if current is None else view.profile(current)
    if profile is None:
        raise WrongUsageError(f"nobody has the id {person_id}; the profile API tells the ids of people")
    way = walk(journey, profile, heard=heard)
    told: list[dict[str, Any]] = [
        {"step": one.step.name, "minutes": one.minutes, "because": one.because} for one in way
    ]
    steps.result({"journey": name, "person_id": profile.person_id, "way": told})
    if not steps.machine:
        shown = Table("after", "step", "what happens", box=None, header_style="dim")
        for one in way:
            shown.add_row(duration(one.minutes), one.step.name, Text(one.because))
        Console(highlight=False).print(shown)


def _switchboard(environment: str) -> Switchboard:
    prepare.contracts()
    client, table = deployed_table(environment)
    names = [*(one.name for one in load_journeys()), *(one.name for one in load_playbook().plays)]
    return Switchboard(
        store=_Store(
            reader=SingleViewReader(client=client, table=table), writer=SingleViewWriter(client=client, table=table)
        ),
        names=list(dict.fromkeys(names)),
        clock=lambda: datetime.now(UTC),
    )
