"""The way of a person through a journey, as the profile is."""

import pytest

from c360_core.journey import load_journeys, lot
from c360_core.journey_walk import walk
from tests.factories.profiles import profile

(WIN_BACK,) = (journey for journey in load_journeys() if journey.name == "win_back")


def names(*, heard: bool, **changed: object) -> list[str]:
    return [one.step.name for one in walk(WIN_BACK, profile(**changed), heard=heard)]


def test_who_does_what_is_waited_for_is_back() -> None:
    assert names(heard=True) == ["win_back", "reaction", "back"]


@pytest.mark.parametrize("changed", [{"segments": ["high_spenders"]}, {"loyalty_tier": "gold"}])
def test_the_profile_says_who_is_worth_a_call(changed: dict[str, object]) -> None:
    way = walk(WIN_BACK, profile(**changed), heard=False)
    assert [one.step.name for one in way][-4:] == ["worth_a_call", "call", "second_reaction", "silent"]
    assert way[-1].minutes == (7 + 14) * 24 * 60
    assert [one.because for one in way if one.step.name == "call"] == ["a task for service is opened"]


def test_the_others_go_as_their_lot_says() -> None:
    way = names(heard=False)
    drawn = lot("win_back", "lots", profile().person_id, [(50, "win_back_reminder"), (50, "silent")])
    assert way[:5] == ["win_back", "reaction", "worth_a_call", "lots", drawn]
    assert way[-1] == "silent"
