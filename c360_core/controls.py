"""What people have paused or stopped: journeys and plays, by their names.

A message is asked about the journey in which it goes out and about what began the journey. Nothing stored means that it
runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from c360_core.moments import moment, moment_text

# Somebody who pauses for longer has forgotten it: executions wait no longer than a year, and their history fills.
LONGEST_PAUSE: Final = timedelta(days=30)
# How long a message of something paused waits before it asks again.
ASK_AGAIN: Final = timedelta(hours=1)


class State(StrEnum):
    """Whether messages go out."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What somebody said about a journey or a play, and when."""

    name: str
    state: State
    at: datetime


def state_of(controls: Iterable[Control], now: datetime) -> State:
    """Return the state of what these are about, all together; a pause that is too long is an end."""
    states = {
        State.STOPPED if one.state is State.PAUSED and now - one.at > LONGEST_PAUSE else one.state for one in controls
    }
    return next((one for one in (State.STOPPED, State.PAUSED) if one in states), State.RUNNING)


def control_to_item(control: Control) -> dict[str, object]:
    """Return a control as the single view stores it, without its key."""
    return {"name": control.name, "state": str(control.state), "at": moment_text(control.at)}


def control_from_item(item: Mapping[str, object]) -> Control:
    """Read a control from the single view."""
    return Control(name=str(item["name"]), state=State(str(item["state"])), at=moment(str(item["at"])))
