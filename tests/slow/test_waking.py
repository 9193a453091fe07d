"""A `dev` that slept has new streams and applications when it wakes: its profiles are made again from the lake.

It takes the streams of a demonstration away, so the demonstration is its own.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.rebuild import RebuildReport
from stacks.shared.assets import Assets
from tests.infrastructure.assembly import sleeping_dev, synthesize
from tests.twin import views
from tests.twin.conftest import demonstrated
from tests.twin.test_story import order
from tools.build.staging import ASSETS
from tools.laptop.demonstrate import Demonstration
from twin.emulator import emulator
from twin.scenario.deployment import Deployment
from twin.scenario.story import CLEAN, UNIFY
from twin.scenario.waiting import until
from twin.settings import BUILD

QUIET_SECONDS = 10
DRY_SECONDS = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    with demonstrated(BUILD / "twin" / "waking", tmp_path_factory.mktemp("shoppers")) as demonstration:
        yield demonstration


def stop(deployment: Deployment, name: str) -> None:
    flink = deployment.client("kinesisanalyticsv2")
    flink.stop_application(ApplicationName=name)
    until(
        f"Flink application {name} is stopped",
        lambda: str(flink.describe_application(ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"]),
        lambda seen: seen == "READY",
        seconds=DRY_SECONDS,
    )


def run_dry(deployment: Deployment) -> views.View:
    """Stop both applications, wait until their last words are in the single view, and return it."""
    for output in (CLEAN, UNIFY):
        stop(deployment, deployment.outputs[output])
    seen = [views.whole(deployment)]

    def settled() -> bool:
        time.sleep(QUIET_SECONDS)
        seen.append(views.whole(deployment))
        return seen[-1] == seen[-2]

    until("the single view rests", settled, bool, seconds=DRY_SECONDS)
    return seen[-1]


@pytest.fixture(scope="module")
def before(run: Demonstration) -> views.View:
    return run_dry(run.story.deployment)


@pytest.fixture(scope="module")
def awake(run: Demonstration, before: views.View, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Give the deployment after a sleep."""
    assert before["PROFILE"]
    running, folder = run.story.deployment.emulator, tmp_path_factory.mktemp("asleep")
    synthesize(sleeping_dev(folder), Assets(root=ASSETS), folder / "assembly")
    deploy(running, folder / "assembly")
    assert running.client("kinesis").list_streams()["StreamNames"] == []
    emulator.deploy(running)
    return Deployment.of(running)


def deploy(running: emulator.Emulator, assembly: Path) -> None:
    arguments = ["deploy", "--all", "--require-approval", "never", "--app", str(assembly)]
    emulator.cdk(arguments, log_path=running.settings.logs / "cdk.log", variables=running.settings.client_environment())


@pytest.fixture(scope="module")
def report(awake: Deployment) -> RebuildReport:
    awake.start_applications(CLEAN)
    awake.wait_for_applications(CLEAN)
    return views.rebuild(awake)


def test_people_known_before_the_sleep_are_known_after_it(
    awake: Deployment, before: views.View, report: RebuildReport
) -> None:
    assert report.passed, report.as_dict()
    assert report.snapshot is None
    told_again = ("PROFILE", "SEGMENT#", "CONSENT#", "EVENT#")
    assert [views.differences(awake, before, prefix) for prefix in told_again] == [{}] * len(told_again)


def test_events_after_the_sleep_are_counted(run: Demonstration, awake: Deployment, report: RebuildReport) -> None:
    assert report.passed
    views.count_once(awake, {**order(8, run.story._cards()[2]), "event_id": "after-the-sleep"})
