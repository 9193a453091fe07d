"""`dev` goes to sleep and wakes with the plain command, as often as one likes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_core.names import Stream, stream_name
from config.settings import load
from tests.infrastructure.assembly import placeholder_assets, sleeping_dev, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.settings import BUILD, REGION

STACKS = ("C360-dev-Collection", "C360-dev-Unification")
APPLICATION = "AWS::KinesisAnalyticsV2::Application"


class Dev:
    """An emulator, and `dev` awake and asleep with tiny assets: nothing of it runs."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running = running
        self.folder = folder
        staging.stage_contracts()
        (folder / "settings").mkdir()
        assets = placeholder_assets(folder / "assets")
        for name, settings in (("awake", load("dev")), ("asleep", sleeping_dev(folder / "settings"))):
            synthesize(settings, assets, folder / name)
        account = running.client("sts").get_caller_identity()["Account"]
        self._cdk("bootstrap", f"aws://{account}/{REGION}", name="awake")

    def deploy(self, name: str) -> None:
        self._cdk("deploy", "--all", "--require-approval", "never", name=name)

    def streams(self) -> set[str]:
        return set(self.running.client("kinesis").list_streams()["StreamNames"])

    def streams_read(self) -> list[str]:
        mappings = self.running.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return [arn.rpartition("/")[2] for m in mappings if ":kinesis:" in (arn := m["EventSourceArn"])]

    def applications(self) -> int:
        return sum(1 for stack in STACKS for _ in self.running.resource(stack, APPLICATION))

    def _cdk(self, *arguments: str, name: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(self.folder / name)], log_path=log, variables=variables)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    with emulator.running(BUILD / "twin" / "sleep") as started:
        yield Dev(started, tmp_path)


def test_dev_sleeps_and_wakes(dev: Dev) -> None:
    names = {stream_name("dev", stream) for stream in Stream}
    for _ in range(2):
        dev.deploy("awake")
        assert (dev.streams(), dev.applications()) == (names, 2)
        assert dev.streams_read() == [stream_name("dev", Stream.PROFILE_CHANGES)]
        dev.deploy("asleep")
        assert (dev.streams(), dev.applications(), dev.streams_read()) == (set(), 0, [])
