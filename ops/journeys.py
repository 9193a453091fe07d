"""Pauses, stops and resumes journeys and plays."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from c360_core.controls import Control, State, state_of


class UnknownNameError(ValueError):
    """Neither a journey nor a play has the name; the message lists those that there are."""


class Controls(Protocol):
    """Where it is stored what somebody said."""

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        """Return what somebody said about these journeys and plays."""

    def put_control(self, control: Control) -> None:
        """Store what somebody says about a journey or a play."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """Says which journeys and plays run.

    Attributes:
        names: of all journeys and plays.
    """

    store: Controls
    names: Sequence[str]
    clock: Callable[[], datetime]

    def set(self, name: str, state: State) -> Control:
        """Pause, stop or resume a journey or a play. A message that is about to go out asks before it does.

        Raises:
            UnknownNameError: there is none of the name.
        """
        if name not in self.names:
            raise UnknownNameError(f"there is no journey or play `{name}`; use one of {', '.join(sorted(self.names))}")
        control = Control(name=name, state=state, at=self.clock())
        self.store.put_control(control)
        return control

    def states(self) -> dict[str, State]:
        """Return the state of every journey and play."""
        said = {one.name: one for one in self.store.controls(self.names)}
        now = self.clock()
        return {name: state_of([said[name]] if name in said else [], now) for name in sorted(self.names)}
