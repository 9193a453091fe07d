"""Plays: read from their file, and refused with a message that names the play, the field and the fix."""

import copy
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_core.consent import Channel
from c360_core.decision import Reason, Template
from c360_core.journey import first_messages, load_journeys
from c360_core.play import FIELDS, Playbook, PlayError, SignalKind, known_fields, load_playbook, parse_playbook
from c360_core.written import Known
from config.activation import ActivationSettings
from tools.contracts.plays import SOURCE, holdout_macro, load_plays, main, sending_channels, write
from tools.contracts.segments import SOURCE as SEGMENTS_SOURCE
from tools.contracts.segments import read_segments

LIMITS: dict[str, Any] = {
    "quiet_hours": {"from": 21, "until": 8, "default_time_zone": "UTC"},
    "cap": {"messages": 3, "days": 7},
}
RULE = {"combinator": "and", "rules": [{"field": "orders", "operator": "=", "value": 1}]}
PLAY: dict[str, Any] = {
    "name": "come_back",
    "description": "Calls somebody back.",
    "signal": {"score": {"score": "churn", "at_least": "0.8"}},
    "message": "welcome",
    "purpose": "marketing",
    "channels": ["email"],
}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "plays.md"
SEGMENTS = frozenset(segment.name for segment in read_segments(SEGMENTS_SOURCE, known_fields()))
KNOWN = Known(
    fields=known_fields(),
    segments=frozenset({"seniors"}),
    channels=frozenset({Channel.EMAIL}),
    messages=frozenset({Template.WELCOME, Template.SERVICE_RECOVERY}),
)


def document(*plays: dict[str, Any], limits: Any = None) -> dict[str, Any]:
    return {"limits": limits or LIMITS, "plays": list(plays)}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the play with one field changed; the parts of the path that are missing are made."""
    play = copy.deepcopy(PLAY)
    *parts, last = path.split(".")
    place = play
    for part in parts:
        place = place.setdefault(part, {})
    place[last] = value
    return play


def refused(whole: Any) -> str:
    with pytest.raises(PlayError) as error:
        parse_playbook(whole, KNOWN, file="plays.yaml")
    return str(error.value)


def test_the_file_of_the_repository_is_right_and_compiled_as_it_is() -> None:
    playbook, written = load_plays()

    assert playbook == load_playbook()
    assert written == yaml.safe_load(SOURCE.read_text(encoding="utf-8"))


def test_the_example_of_the_page_is_right_and_the_page_names_every_field_signal_and_reason() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    whole = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    whole["plays"] += yaml.safe_load(example)
    profiles = Known(fields=known_fields(), segments=SEGMENTS, channels=sending_channels())

    assert parse_playbook(whole, profiles, file="plays.yaml").plays[0].name == "unhappy_spender"
    for named in (*FIELDS, *SignalKind, *Reason, *first_messages(load_journeys())):
        assert f"`{named}`" in page, f"docs/plays.md: `{named}` is missing"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("prioritty", 3, "play `come_back`: field `prioritty`: is unknown; use one of: name, description, priority"),
        ("priority", 101, "field `priority`: 101 is no whole number from 0 to 100; write one"),
        ("priority", True, "field `priority`: True is no whole number"),
        ("name", "Come back", "field `name`: `Come back` is no name; use small letters, digits and underscores"),
        ("description", " ", "field `description`: expected a text, got ' '; write one"),
        ("message", "hello", "field `message`: `hello` is unknown; use one of: welcome, service_recovery"),
        ("message", "welcome_follow_up", "field `message`: `welcome_follow_up` is unknown; use one of: welcome"),
        ("purpose", "spam", "field `purpose`: `spam` is unknown; use one of: marketing"),
        ("channels", ["sms"], "field `channels`: `sms` is unknown; use one of: email"),
        ("channels", [], "field `channels`: at least one channel is missing; write such as [email]"),
        ("channels", "email", "field `channels`: expected a list of names, got 'email'; write it as [one, another]"),
        ("channels", ["email", "email"], "field `channels`: has a name twice; write each once"),
        ("holdout_percent", 51, "field `holdout_percent`: 51 is too little or too much; write 0 to 50"),
        ("holdout_percent", 0.1, "field `holdout_percent`: 0.1 is no exact number; write it in quotes"),
        ("at_most", {"messages": 0, "days": 7}, "field `at_most.messages`: 0 is no whole number from 1 to 100"),
        ("at_most", 3, "field `at_most`: 3 are no `name: value` lines; write them"),
        ("not_after", {"plays": ["other"], "days": 3}, "field `not_after.plays`: `other` is no other play"),
        ("not_after", {"plays": [], "days": 3}, "field `not_after.plays`: at least one play is missing"),
        ("budget", {"messages": 10, "per": "year"}, "field `budget.per`: `year` is unknown; use one of: day, month"),
        ("offers", [{"name": "a", "value": "-1"}], "field `offers.1.value`: is below 0; write 0 or more"),
        ("offers", [{"name": "a", "value": "x"}], "field `offers.1.value`: 'x' is no number; write one in quotes"),
        ("offers", [{"name": "a", "value": "1"}] * 2, "field `offers`: two have one name; rename one of them"),
        ("signal", {}, "field `signal`: a play has exactly one signal, this one has 0; write another play"),
        ("signal", {"tweet": {}}, "field `signal.tweet`: is unknown; use one of: profile_change, segment_entry"),
        (
            "signal",
            {"segment_entry": {"segment": "rich"}},
            "there is no segment `rich`; add it to segments.yaml",
        ),
        ("signal", {"sentiment": {}}, "field `signal.sentiment.at_least`: a threshold is missing; write `at_least`"),
        ("signal", {"sentiment": {"at_least": 1, "at_most": 0}}, "1 is above at_most 0; exchange them"),
        ("signal", {"profile_change": {"now": 3}}, "field `signal.profile_change.now`: `query` must be a group"),
        (
            "signal",
            {"profile_change": {"now": RULE, "dated_by": "orders"}},
            "`orders` is no time of a profile; use one of: first_order_at",
        ),
        (
            "signal",
            {"profile_change": {"now": RULE, "changed": ["oders"]}},
            "a profile has no column `oders`; use one of: age_band",
        ),
        ("audience", {"in_segments": ["seniors"], "not_in_segments": ["seniors"]}, "take it out of one"),
        (
            "audience",
            {"query": {"combinator": "and", "rules": [{"field": "oders", "operator": "=", "value": 1}]}},
            "field `audience.query`: unknown field `oders`; a profile has: age_band",
        ),
    ],
)
def test_a_wrong_play_is_refused_by_its_name_with_the_field_and_the_fix(path: str, value: Any, fault: str) -> None:
    said = refused(document(changed(path, value)))

    assert said.startswith("plays.yaml: play `")
    assert fault in said


@pytest.mark.parametrize(
    ("whole", "fault"),
    [
        (None, "plays.yaml: the file: field `all`: None are no `name: value` lines"),
        ({"limits": LIMITS}, "field `plays`: a list with at least one play is missing"),
        (document(PLAY, PLAY), "play `come_back`: field `name`: is there twice; rename one of them"),
        (document({**PLAY, "name": None}), "a play: field `name`: is missing"),
        ({**document(PLAY), "plais": []}, "the file: field `plais`: is unknown; use one of: limits, plays"),
        ({"plays": [PLAY]}, "limits: field `all`: None are no `name: value` lines"),
        (
            document(PLAY, limits={**LIMITS, "quiet_hours": {"from": 24, "until": 8, "default_time_zone": "UTC"}}),
            "limits: field `quiet_hours.from`: 24 is no whole number from 0 to 23; write one",
        ),
        (
            document(PLAY, limits={**LIMITS, "quiet_hours": {"from": 21, "until": 8, "default_time_zone": "Mars"}}),
            "limits: field `quiet_hours.default_time_zone`: `Mars` is no time zone; write a name such as Europe/Berlin",
        ),
        (
            document(PLAY, limits={**LIMITS, "unhappy": {"at_most": "-1.1"}}),
            "limits: field `unhappy.at_most`: -1.1 is no sentiment; write one from '-1' to '1'",
        ),
        (
            document(PLAY, limits={**LIMITS, "unhappy": {"at_most": "-1", "except_messages": ["sorry"]}}),
            "limits: field `unhappy.except_messages`: `sorry` is unknown",
        ),
        (document(PLAY, limits={**LIMITS, "caps": {}}), "limits: field `caps`: is unknown; use one of: quiet_hours"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field_and_the_fix(whole: Any, fault: str) -> None:
    assert fault in refused(whole)


def test_the_highest_priority_comes_first_and_the_file_decides_between_equals() -> None:
    plays = [{**PLAY, "name": name, "priority": priority} for name, priority in (("a", 10), ("b", 90), ("c", 10))]

    assert [play.name for play in parse_playbook(document(*plays), KNOWN, file="plays.yaml").plays] == ["b", "a", "c"]


def test_an_environment_has_the_limits_of_the_file_unless_it_sets_its_own() -> None:
    limits, present = load_playbook().limits, ActivationSettings()

    assert (present.quiet_hours_start, present.quiet_hours_end) == (limits.quiet_from, limits.quiet_until)
    assert (present.frequency_cap_messages, present.frequency_cap_days) == (limits.cap.messages, limits.cap.days)
    assert present.default_time_zone == limits.default_time_zone
    assert limits.unhappy is not None
    assert present.unhappy_at_most == limits.unhappy.at_most
    assert ActivationSettings(quiet_hours_start=5).quiet_hours_start == 5


def test_a_channel_can_be_named_when_something_sends_through_it(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "sms.py").touch()

    assert sending_channels(tmp_path) == {Channel.SMS}
    assert sending_channels() == {Channel.EMAIL, Channel.SMS, Channel.IN_APP, Channel.PUSH}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "no such file"),
        ("plays: [", "not YAML"),
        (yaml.safe_dump(document(changed("message", "hello"))), "play `come_back`: field `message`"),
    ],
    ids=["no file", "no YAML", "a wrong play"],
)
def test_the_command_ends_with_one_line_that_says_what_to_mend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, fault: str
) -> None:
    source = tmp_path / "plays.yaml"
    if text is not None:
        source.write_text(text, encoding="utf-8")

    assert main(["--check", "--source", str(source)]) == 1
    assert re.search(fault, caplog.records[-1].getMessage())


def test_a_signal_that_no_event_can_make_is_refused(tmp_path: Path) -> None:
    named = {"combinator": "and", "rules": [{"field": "email", "operator": "notNull"}]}
    whole = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    whole["plays"].append(changed("signal", {"profile_change": {"now": named}}))
    path = tmp_path / "plays.yaml"
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")

    with pytest.raises(PlayError, match=r"play `come_back`: field `signal.profile_change`: no event moves email"):
        load_plays(path)


def test_the_compiled_file_is_what_was_written_and_an_unchanged_one_is_left_alone(tmp_path: Path) -> None:
    compiled = tmp_path / "plays.json"
    assert main(["--output", str(compiled)]) == 0
    before = compiled.stat().st_mtime_ns

    write(json.loads(compiled.read_text(encoding="utf-8")), compiled)

    assert compiled.stat().st_mtime_ns == before
    assert load_playbook(compiled) == load_playbook()


def test_the_marts_know_which_share_of_its_people_a_play_holds_out() -> None:
    plays = load_playbook().plays
    held = Playbook(limits=load_playbook().limits, plays=(replace(plays[0], holdout_percent=Decimal("12.5")), plays[1]))

    assert f"when '{plays[0].name}' then 0.125e0\n  end" in holdout_macro(held)
    assert plays[1].name not in holdout_macro(held)
    assert "cast(null as double)" in holdout_macro(Playbook(limits=held.limits, plays=plays[1:]))


def test_a_macro_that_does_not_follow_from_the_plays_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    macro = tmp_path / "plays.sql"
    assert main(["--output", str(tmp_path / "plays.json"), "--macro", str(macro)]) == 0
    assert main(["--check", "--macro", str(macro)]) == 0

    macro.write_text("{# edited #}", encoding="utf-8")

    assert main(["--check", "--macro", str(macro)]) == 1
    assert "run `python -m tools.contracts.plays`" in caplog.records[-1].getMessage()


@pytest.mark.parametrize(("text", "fault"), [(None, "are missing; run `python"), ("{", "not JSON")])
def test_without_the_compiled_file_the_message_says_how_to_build_it(
    tmp_path: Path, text: str | None, fault: str
) -> None:
    compiled = tmp_path / "plays.json"
    if text is not None:
        compiled.write_text(text, encoding="utf-8")

    with pytest.raises(PlayError, match=fault):
        load_playbook(compiled)
