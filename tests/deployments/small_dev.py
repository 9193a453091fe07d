"""A deployment of `dev` with the settings of a test, for tests of one system that need no demonstration.

Functions and Spark jobs are the real ones; Flink's applications are placeholders, and nothing of them runs.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pyiceberg.catalog import Catalog, load_catalog

from c360_core.names import Zone, database_name, stack_name
from config.settings import ENVIRONMENTS_FOLDER, load
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.principals import Principal
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION

ENVIRONMENT: Final = "dev"
PATIENCE_SECONDS: Final = 300
REAL: Final = ("glue_lib", "lambdas")
Row = dict[str, Any]


class SmallDev:
    """An emulator, and `dev` on it.

    Args:
        running: the emulator.
        folder: for settings, assets and assemblies.
    """

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running, self._folder = running, folder
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        archive = staging.stage_models()
        self._assets = placeholder_assets(folder / "assets")
        for part in REAL:
            shutil.rmtree(self._assets.root / part)
            (self._assets.root / part).symlink_to(BUILD / "assets" / part)
        (self._assets.root / archive.name).unlink()
        (self._assets.root / archive.name).symlink_to(archive)
        self._deployments = 0

    def client(self, service: str) -> Any:
        """Return an administrator's client of a service."""
        return self.running.client(service)

    def deploy(self, change: Callable[[dict[str, Any]], None], *pillars: str) -> None:
        """Deploy `dev` with changed settings.

        Args:
            change: changes the values of `config/environments/dev.yaml`.
            pillars: whose stacks are deployed; all of them when there are none.
        """
        self._deployments += 1
        at = self._folder / f"deployment-{self._deployments}"
        values = yaml.safe_load((ENVIRONMENTS_FOLDER / f"{ENVIRONMENT}.yaml").read_text(encoding="utf-8"))
        change(values)
        (at / "settings").mkdir(parents=True)
        (at / "settings" / f"{ENVIRONMENT}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        synthesize(load(ENVIRONMENT, at / "settings"), self._assets, at / "out")
        if self._deployments == 1:
            account = self.client("sts").get_caller_identity()["Account"]
            self._cdk(at, "bootstrap", f"aws://{account}/{REGION}")
        stacks = [stack_name(ENVIRONMENT, pillar) for pillar in pillars] or ["--all"]
        self._cdk(at, "deploy", *stacks, "--require-approval", "never")

    def _cdk(self, at: Path, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(at / "out")], log_path=log, variables=variables)

    def output(self, pillar: str, key: str) -> str:
        """Return an output of a stack."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=stack_name(ENVIRONMENT, pillar))["Stacks"]
        [value] = [one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == key]
        return str(value)

    def rows(self, zone: Zone, table: str) -> list[Row]:
        """Return the rows of a table of the lake."""
        found = self.lake().load_table((database_name(ENVIRONMENT, zone), table))
        return list(found.scan().to_arrow().to_pylist())

    def lake(self) -> Catalog:
        """Return the catalog of the lake, as an administrator sees it."""
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        values = {**held, "endpoint": settings.endpoint}
        properties = {f"{part}.{name}": value for part in ("glue", "s3") for name, value in values.items()}
        return load_catalog("lake", type="glue", **properties)

    def machine(self, *parts: str) -> str:
        """Return the ARN of the only state machine whose name has all these parts."""
        machines = self.client("stepfunctions").list_state_machines()["stateMachines"]
        [found] = [one["stateMachineArn"] for one in machines if all(part in one["name"] for part in parts)]
        return str(found)

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Return the executions of a state machine, the newest first."""
        found: list[dict[str, Any]] = self.client("stepfunctions").list_executions(stateMachineArn=machine)[
            "executions"
        ]
        return sorted(found, key=lambda one: one["startDate"], reverse=True)

    def execute(self, machine: str, given: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a state machine to its end, and return the execution; it must succeed."""
        ended = self.ended(machine, given)
        assert ended["status"] == "SUCCEEDED", ended
        return ended

    def ended(self, machine: str, given: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a state machine to its end, and return the execution."""
        states = self.client("stepfunctions")
        started = states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]
        ended = until(
            f"{machine.rpartition(':')[2]} has ended",
            lambda: states.describe_execution(executionArn=started),
            lambda seen: seen["status"] != "RUNNING",
            seconds=PATIENCE_SECONDS,
        )
        return dict(ended)
