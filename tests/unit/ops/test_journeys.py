"""Journeys and plays are paused, stopped and resumed by their names."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from c360_core.controls import Control, State
from ops.journeys import Switchboard, UnknownNameError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class MemoryControls:
    def __init__(self) -> None:
        self.said: dict[str, Control] = {}

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        return [self.said[name] for name in names if name in self.said]

    def put_control(self, control: Control) -> None:
        self.said[control.name] = control


def test_the_last_word_counts_and_a_forgotten_pause_is_a_stop() -> None:
    store, now = MemoryControls(), [NOON]
    board = Switchboard(store=store, names=["welcome", "win_back"], clock=lambda: now[0])
    assert board.states() == {"welcome": State.RUNNING, "win_back": State.RUNNING}
    board.set("welcome", State.STOPPED)
    board.set("welcome", State.PAUSED)
    assert board.states() == {"welcome": State.PAUSED, "win_back": State.RUNNING}
    now[0] += timedelta(days=31)
    assert board.states()["welcome"] is State.STOPPED
    board.set("welcome", State.RUNNING)
    assert board.states()["welcome"] is State.RUNNING


def test_a_name_that_nothing_has_is_told_with_those_that_there_are() -> None:
    board = Switchboard(store=MemoryControls(), names=["welcome"], clock=lambda: NOON)
    with pytest.raises(UnknownNameError, match="there is no journey or play `welcom`; use one of welcome"):
        board.set("welcom", State.STOPPED)
