"""Waiting: until the wanted state, for so long, or for as long as something moves."""

from itertools import pairwise

import pytest

from twin.scenario import waiting
from twin.scenario.waiting import NeverReachedError, until


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only pauses move the clock."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting.time, "sleep", sleep)


def test_the_wanted_state_is_returned() -> None:
    states = iter([1, 2, 3, 4])

    assert until("three", lambda: next(states), lambda seen: seen == 3, seconds=10) == 3


def test_a_timeout_reports_the_last_observation() -> None:
    states = iter(range(1000))

    with pytest.raises(NeverReachedError, match=r"a thousand: not reached after 10 s; last seen: 1\d"):
        until("a thousand", lambda: next(states), lambda seen: seen == 1000, seconds=10, pause=1)


def test_as_long_as_it_moves_it_is_waited_for() -> None:
    states = iter(range(1000))

    assert until("late", lambda: next(states), lambda seen: seen == 500, seconds=10, pause=1, moving=True) == 500


def test_a_stalled_application_is_given_up() -> None:
    states = iter([*range(5), *[5] * 1000])

    with pytest.raises(NeverReachedError, match="last seen: 5"):
        until("never", lambda: next(states), lambda seen: seen == 6, seconds=10, pause=1, moving=True)

    assert len(list(states)) == 1000 - 12


def test_the_pause_grows_with_the_duration_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pauses = [0.0], list[float]()

    def look() -> float:
        now[0] += 1.5
        return now[0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting.time, "sleep", sleep)

    until("later", look, lambda seen: seen > 8, seconds=100, pause=0.5)

    assert set(pauses) == {3.0}


def test_with_known_progress_the_pause_is_half_of_the_rest_and_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, looks = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def look() -> float:
        looks.append(now[0])
        return now[0] + 2  # of 102, one a second

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting.time, "sleep", sleep)

    until("all", look, lambda seen: seen >= 102, seconds=1000, pause=1, done=lambda seen: seen / 102)

    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert max(pauses) == waiting.LONGEST_REST_SECONDS
    assert pauses[-1] == 1
    assert len(looks) < 20
    assert looks[-1] <= 101
