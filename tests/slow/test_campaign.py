"""The hostile campaign at full size, on a twin of its own that holds nothing else."""

import time
from collections.abc import Iterator

import pytest

from tests.slow import campaign
from tools.build import prepare
from tools.console import Steps
from twin.emulator import emulator
from twin.scenario.deployment import Deployment
from twin.scenario.story import CLEAN
from twin.settings import BUILD, DEMONSTRATED

BODIES = 20_000
UNIFY = "UnifyApplicationName"


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """Everything deployed, and both Flink applications running."""
    steps = Steps(machine=True)
    with emulator.running(BUILD / "twin" / "campaign", environment=DEMONSTRATED, warm=True) as running:
        prepare.assets(steps)
        prepare.assembly(steps, DEMONSTRATED)
        emulator.bootstrap(running)
        emulator.deploy(running)
        deployed = Deployment.of(running)
        deployed.start_applications(CLEAN, UNIFY)
        deployed.wait_for_applications(CLEAN, UNIFY)
        yield deployed


def test_twenty_thousand_bodies_end_nothing_and_none_is_lost(deployment: Deployment) -> None:
    campaign.fight(deployment, bodies=campaign.size(BODIES), since=time.time())
