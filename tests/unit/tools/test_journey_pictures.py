"""Pictures of journeys on their page: of the journeys that there are, and of nothing else."""

import re
from pathlib import Path

import pytest
import yaml

from c360_core.journey import Happening, Kind, load_journeys, parse_journey
from c360_core.play import known_fields
from c360_core.segment import load as load_segments
from c360_core.written import Known
from tools.contracts.journey_pictures import BEGIN, END, PAGE, duration, page_with, picture
from tools.contracts.journeys import main


def test_the_page_shows_the_journeys_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page_with(text, load_journeys()) == text
    assert page_with(text, load_journeys()[:1]) != text


def test_every_step_and_every_way_is_in_the_picture() -> None:
    for journey in load_journeys():
        drawn = picture(journey)
        ways = set(re.findall(r"^  s_(\w+) -->(?:\|[^|]+\|)? s_(\w+)$", drawn, re.MULTILINE))
        assert ways == {(step.name, target) for step in journey.steps for target in step.targets}


def test_the_example_of_the_page_is_right_and_the_page_names_every_kind_of_step() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    segments = frozenset(segment.name for segment in load_segments(known_fields()))
    known = Known(fields=known_fields(), segments=segments)
    journey = parse_journey(yaml.safe_load(example), known, file="second_order.yaml", stem="second_order")
    assert {type(step).__name__ for step in journey.steps} >= {"Send", "Pause", "WaitFor", "Branch", "Split", "Ask"}
    for named in (*Kind, *Happening, "then", "otherwise", "ended"):
        assert f"`{named}`" in text, named


def test_a_page_without_a_place_for_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape(f"write the lines `{BEGIN}` and `{END}`")):
        page_with("# Journeys\n", load_journeys())


def test_the_check_finds_a_page_that_shows_other_journeys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    page = tmp_path / "journeys.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n", encoding="utf-8")
    assert main(["--check", "--page", str(page)]) == 1
    assert "other journeys are drawn there; run `python -m tools.contracts.journeys`" in caplog.text
    assert main(["--output", str(tmp_path / "out.json"), "--page", str(page)]) == 0
    assert main(["--check", "--page", str(page)]) == 0


@pytest.mark.parametrize(
    ("minutes", "words"), [(1, "1 minute"), (90, "90 minutes"), (720, "12 hours"), (1440, "1 day")]
)
def test_a_duration_is_told_in_the_largest_unit(minutes: int, words: str) -> None:
    assert duration(minutes) == words
