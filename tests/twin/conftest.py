"""One deployment on the twin for the whole suite: deploy, tell the story at the smallest scale, look at every store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from c360_core.identity.scoring import Agreement
from twin import emulator
from twin.scenario.result import Analysis, Check, PersonaAnswer
from twin.scenario.story import Story, Told
from twin.settings import BUILD
from twin.shoppers import generate

HOME = BUILD / "twin" / "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that the story found out."""

    story: Story
    checks: tuple[Check, ...]
    agreement: Agreement
    told: Told
    analysis: Analysis
    persona: tuple[PersonaAnswer, ...]

    def check(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)


@contextmanager
def silent(_name: str) -> Iterator[None]:
    yield


@pytest.fixture(scope="session")
def running() -> Iterator[emulator.Emulator]:
    with emulator.running(HOME, warm=True) as started:
        emulator.bootstrap(started)
        emulator.deploy(started)
        yield started


@pytest.fixture(scope="session")
def run(running: emulator.Emulator, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder: Path = tmp_path_factory.mktemp("shoppers")
    story = Story.of(running, generate("tiny", 360, folder), folder, silent)
    collected = story.collect()
    agreement, unified, people = story.unify()
    told, lived = story.live(people)
    analysis, persona, analysed = story.analyse(told)
    stopped = story.withdrawn_stops(sum(len(mails) for mails in told.mails.values()))
    checks = (*collected, *unified, *lived, *analysed, stopped)
    return Run(story=story, checks=checks, agreement=agreement, told=told, analysis=analysis, persona=persona)
