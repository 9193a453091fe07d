"""Files of journeys: what is written is what is read, and every mistake is told with its place and its fix."""

import copy
from collections import Counter
from typing import Any

import pytest
import yaml

from c360_core.decision import Template
from c360_core.journey import (
    JourneyError,
    Send,
    first_messages,
    lot,
    parse_journey,
    parse_journeys,
    seconds,
)
from c360_core.journey import load_journeys as compiled
from c360_core.play import known_fields
from c360_core.written import Known
from tools.contracts.journeys import SOURCE, load_journeys, main

KNOWN = Known(fields=known_fields(), segments=frozenset({"seniors"}))
JOURNEY = yaml.safe_load(
    """
name: hello
description: Says hello.
version: 2
steps:
  - {name: hello, message: welcome}
  - name: heard
    wait_for: {any_of: [clicked, purchase], of: hello, at_most: 7 days}
    then: old
    otherwise: left
  - name: old
    branch:
      - when: {in_segments: [seniors]}
        then: left
    otherwise: parted
  - name: parted
    split:
      - {percent: 30, then: again}
      - {percent: 70, then: left}
  - {name: again, wait: 12 hours}
  - {name: more, message: welcome_follow_up, otherwise: call}
  - {name: thanks, exit: thanked}
  - {name: call, task: service}
  - {name: left, exit: left}
"""
)


def changed(step: str, **fields: Any) -> dict[str, Any]:
    """Return the journey with fields of a step changed; None takes one out."""
    document = copy.deepcopy(JOURNEY)
    entry = next(one for one in document["steps"] if one["name"] == step)
    entry.update(fields)
    for name, value in fields.items():
        if value is None:
            del entry[name]
    return document


def refused(document: Any) -> str:
    with pytest.raises(JourneyError) as error:
        parse_journey(document, KNOWN, file="hello.yaml", stem="hello")
    return str(error.value)


def test_the_files_of_the_repository_are_right_and_compiled_as_they_are() -> None:
    journeys, document = load_journeys()

    assert journeys == compiled()
    written = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in SOURCE.glob("*.yaml")}
    assert {one["name"]: one for one in document["journeys"]} == written


def test_a_step_leads_to_the_next_one_unless_it_says_otherwise() -> None:
    journey = parse_journey(JOURNEY, KNOWN, file="hello.yaml", stem="hello")

    assert {step.name: step.targets for step in journey.steps} == {
        "hello": ("heard",),
        "heard": ("old", "left"),
        "old": ("left", "parted"),
        "parted": ("again", "left"),
        "again": ("more",),
        "more": ("thanks", "call"),
        "thanks": (),
        "call": ("left",),
        "left": (),
    }
    assert journey.first == Send(name="hello", template=Template.WELCOME, then="heard")


@pytest.mark.parametrize(
    ("step", "fields", "fault"),
    [
        ("again", {"wait": "soon"}, "step `again`: field `wait`: `soon` is no duration; write such as 30 minutes"),
        ("again", {"wait": "301 days"}, "field `wait`: `301 days` is too long; write 300 days at most"),
        ("again", {"wait": "299 days"}, "field `steps`: the longest way takes 306 days; make it 300 at most"),
        ("again", {"otherwise": "left"}, "field `otherwise`: means nothing for such a step; take it out"),
        (
            "again",
            {"wait": None},
            "field `name`: a step does exactly one thing, this one none; use one of: message",
        ),
        ("again", {"message": "welcome"}, "a step does exactly one thing, this one message, wait"),
        ("again", {"delay": 3}, "field `delay`: is unknown; use one of: name, message, wait"),
        ("again", {"then": "gone"}, "field `then`: there is no step `gone`; use one of: hello, heard"),
        ("again", {"name": "old"}, "field `steps.3.name`: `old` is there twice; rename one of them"),
        ("call", {"then": "parted"}, "leads in a circle: "),
        ("call", {"then": "call"}, "step `call`: field `then`: leads in a circle: call -> call; lead it to a later"),
        ("left", {"exit": None, "task": "service"}, "step `left`: field `then`: after it comes nothing; name a step"),
        ("more", {"otherwise": None}, "step `call`: field `name`: no way leads to it; name it in the `then`"),
        ("more", {"message": "welcome"}, "`welcome` was sent by step `hello`, and nobody gets a message twice"),
        ("more", {"message": "hi"}, "field `message`: `hi` is unknown; use one of: welcome, welcome_follow_up"),
        ("hello", {"message": None, "wait": "1 day"}, "field `message`: the first step is no message; begin with"),
        ("call", {"task": "cook"}, "field `task`: `cook` is unknown; use one of: service"),
        ("parted", {"split": []}, "field `split`: a list with at least one entry is missing; write `- ...` lines"),
        ("parted", {"split": [{"percent": 99, "then": "left"}]}, "the shares are 99 percent together; make them 100"),
        ("parted", {"split": [{"percent": 100, "then": "left"}]}, "`split.1.percent`: 100 is no whole number from 1"),
        ("old", {"branch": [{"when": {}, "then": "left"}]}, "field `branch.1.when`: there is no condition; write"),
        (
            "old",
            {"branch": [{"when": {"in_segments": ["rich"]}, "then": "left"}]},
            "field `branch.1.when.in_segments`: there is no segment `rich`; add it to segments.yaml",
        ),
        (
            "old",
            {"branch": [{"when": {"query": {"combinator": "and", "rules": []}}, "then": "left"}]},
            "step `old`: field `branch.1.when.query`:",
        ),
        ("heard", {"wait_for": {"any_of": [], "at_most": "1 day"}}, "field `wait_for.any_of`: nothing is waited for"),
        ("heard", {"wait_for": {"any_of": ["sneeze"], "at_most": "1 day"}}, "`sneeze` is unknown; use one of: opened"),
        ("heard", {"wait_for": {"any_of": ["opened"], "at_most": "1 day"}}, "`wait_for.of`: whose message is it?"),
        (
            "heard",
            {"wait_for": {"any_of": ["purchase"], "of": "hello", "at_most": "1 day"}},
            "field `wait_for.of`: a purchase is of no message; take it out",
        ),
        (
            "heard",
            {"wait_for": {"any_of": ["opened"], "of": "again", "at_most": "1 day"}},
            "step `heard`: field `wait_for.of`: `again` sends no message; name a step that does",
        ),
        (
            "heard",
            {"wait_for": {"any_of": ["opened"], "of": "more", "at_most": "1 day"}},
            "a way leads here without the message of `more`; name a message that everybody got who comes here",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_fix(step: str, fields: dict[str, Any], fault: str) -> None:
    said = refused(changed(step, **fields))
    assert said.startswith("hello.yaml: journey `hello`: ")
    assert fault in said


def test_who_did_not_get_a_message_cannot_have_clicked_it() -> None:
    said = refused(changed("hello", otherwise="heard"))
    assert "a way leads here without the message of `hello`" in said


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("name", "hallo", "field `name`: `hallo` is not the name of the file; write hello, or rename the file"),
        ("version", 0, "field `version`: 0 is no whole number from 1"),
        ("ended", "yes", "field `ended`: 'yes' is no truth; write true or false"),
        ("audience", {}, "field `audience`: is unknown; use one of: name, description, version, ended, steps"),
        ("steps", [3], "field `steps.1`: 3 are no `name: value` lines; write them"),
        ("steps", [], "field `steps`: a list with at least one entry is missing"),
    ],
)
def test_a_mistake_about_the_whole_journey_is_told_likewise(field: str, value: Any, fault: str) -> None:
    assert fault in refused({**JOURNEY, field: value})


def test_two_journeys_cannot_begin_with_the_same_message() -> None:
    with pytest.raises(JourneyError, match="`welcome` begins the journey `hello`, too; begin one of them with another"):
        parse_journeys({"hello": JOURNEY, "other": {**JOURNEY, "name": "other"}}, KNOWN)


def test_nobody_enters_a_journey_that_has_ended() -> None:
    journeys = parse_journeys({"hello": {**JOURNEY, "ended": True}}, KNOWN)
    assert first_messages(journeys) == frozenset()
    assert Template.WELCOME in first_messages(compiled())


def test_many_ways_that_meet_again_are_checked_in_no_time() -> None:
    steps: list[dict[str, Any]] = [{"name": "first", "message": "welcome"}]
    for place in range(24):
        ways = [{"percent": 50, "then": f"left_{place}"}, {"percent": 50, "then": f"right_{place}"}]
        after = f"part_{place + 1}" if place < 23 else "done"
        steps += [
            {"name": f"part_{place}", "split": ways},
            {"name": f"left_{place}", "wait": "1 day", "then": after},
            {"name": f"right_{place}", "wait": "2 days", "then": after},
        ]
    journey = {**JOURNEY, "steps": [*steps[:46], {"name": "done", "exit": "done"}]}
    journey["steps"][45]["then"] = journey["steps"][44]["then"] = "done"
    assert len(parse_journey(journey, KNOWN, file="hello.yaml", stem="hello").steps) == 47


def test_lots_are_drawn_by_their_shares_and_each_person_draws_the_same_again() -> None:
    shares = [(30, "a"), (70, "b")]
    drawn = [lot("hello", "parted", f"p_{number}", shares) for number in range(4000)]
    assert drawn == [lot("hello", "parted", f"p_{number}", shares) for number in range(4000)]
    assert drawn != [lot("hello", "another", f"p_{number}", shares) for number in range(4000)]
    # Six standard deviations of 4,000 lots.
    assert abs(Counter(drawn)["a"] - 1200) < 6 * (4000 * 0.3 * 0.7) ** 0.5


def test_a_day_of_a_journey_is_as_long_as_the_settings_say() -> None:
    three_days = 3 * 24 * 60
    assert seconds(three_days, day_seconds=86_400) == 259_200
    assert seconds(three_days, day_seconds=10) == 30
    assert seconds(1, day_seconds=10) == 1, "a wait of no time is refused by Step Functions"


def test_the_check_names_the_file_that_is_wrong_and_writes_nothing(tmp_path: Any, caplog: Any) -> None:
    (tmp_path / "hello.yaml").write_text("name: hello\nsteps: [\n", encoding="utf-8")
    assert main(["--source", str(tmp_path), "--output", str(tmp_path / "out.json")]) == 1
    assert "hello.yaml: not YAML" in caplog.text
    (tmp_path / "hello.yaml").unlink()
    assert main(["--source", str(tmp_path), "--output", str(tmp_path / "out.json")]) == 1
    assert "there is no journey; write one such as welcome.yaml" in caplog.text
    assert not (tmp_path / "out.json").exists()
