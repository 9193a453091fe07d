"""Start and stop the emulator process, and deploy the cloud assembly to it with the real CDK command."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from c360_core.names import EnvironmentName
from ops import deployed_stacks
from twin.principals import Principal
from twin.processes.process import Child, ProcessFailedError, free_port, port_is_open, spawn, wait_until
from twin.settings import ACCOUNT, BUILD, REGION, ROOT, TwinSettings, cdk_programs

START_SECONDS: Final = 60
CDK_SECONDS: Final = 600
HEALTH_PATH: Final = "/_ministack/health"


class DeployFailedError(RuntimeError):
    """The CDK command failed; the message quotes the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator.

    Attributes:
        settings: its address and its folder.
        process: its process, when this process owns it; everything it starts ends with it.
    """

    settings: TwinSettings
    process: Child | None

    @classmethod
    def start(
        cls,
        home: Path,
        *,
        environment: EnvironmentName = "dev",
        port: int | None = None,
        warm: bool = False,
    ) -> Self:
        """Start an emulator and wait until it answers.

        Args:
            home: folder for logs, engine data and state; emptied first.
            environment: the environment whose assembly will be deployed.
            port: loopback port; a free one when omitted.
            warm: start the engines that every run needs at once, not on first use.

        Raises:
            ProcessFailedError: the port is in use, or the emulator did not come up.
        """
        if port is not None and port_is_open(port):
            raise ProcessFailedError(f"port {port} is in use: stop what listens there, or choose another with --port")
        if home.exists():
            shutil.rmtree(home)
        settings = TwinSettings(home=home, port=port or free_port(), environment=environment, warm=warm)
        argv = [sys.executable, "-m", "twin.emulator.launcher", str(settings.save())]
        child = spawn("emulator", argv, log_path=settings.logs / "emulator.log", cwd=ROOT)
        try:
            wait_until(lambda: _answers(settings), child=child, seconds=START_SECONDS)
        except ProcessFailedError:
            child.terminate()
            raise
        return cls(settings=settings, process=child)

    def stop(self) -> None:
        """End the emulator and every engine that it started."""
        if self.process is not None:
            self.process.terminate()

    def client(self, service: str, as_: Principal = Principal.ADMINISTRATOR) -> Any:
        """Return a boto3 client that talks to this emulator as somebody outside of the deployment."""
        return self.settings.client(service, as_=as_)

    def outputs(self) -> dict[str, str]:
        """Return the outputs of all deployed stacks, by their names in the templates."""
        return deployed_stacks.outputs(deployed_stacks.stacks(self.client("cloudformation")).values())

    def resource(self, stack: str, type_name: str) -> Iterator[str]:
        """Return the physical ids of the resources of one type in one stack."""
        found = deployed_stacks.resources(self.client("cloudformation"), stack)
        return (physical for kind, physical in found if kind == type_name)


@contextmanager
def running(
    home: Path, *, environment: EnvironmentName = "dev", port: int | None = None, warm: bool = False
) -> Iterator[Emulator]:
    """Run an emulator for the length of a `with` block; see `Emulator.start`."""
    emulator = Emulator.start(home, environment=environment, port=port, warm=warm)
    try:
        yield emulator
    finally:
        emulator.stop()


def attach(settings: TwinSettings) -> Emulator:
    """Return an emulator that another process owns."""
    return Emulator(settings=settings, process=None)


def _answers(settings: TwinSettings) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}{HEALTH_PATH}", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004  # HTTP OK
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def assembly_folder(environment: str) -> Path:
    """Return the folder of the cloud assembly of an environment."""
    return BUILD / "cdk.out" / environment


def cdk(arguments: list[str], *, log_path: Path, variables: Mapping[str, str] | None = None) -> str:
    """Run the CDK command that this environment carries, with its own Node.

    Raises:
        DeployFailedError: the command failed.
    """
    path = f"{cdk_programs()}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, **(variables or {}), "PATH": path, "CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "1"}
    environment.pop("AWS_PROFILE", None)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(cdk_programs() / "cdk"), *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CDK_SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    with log_path.open("a", encoding="utf-8") as log:
        log.write(f"$ cdk {' '.join(arguments)}\n{said}\n")
    if done.returncode != 0:
        tail = "\n".join(said.splitlines()[-40:])
        raise DeployFailedError(f"cdk {arguments[0]} failed (status {done.returncode}); log: {log_path}\n{tail}")
    return said


def synthesize(environment: str) -> Path:
    """Write the cloud assembly of an environment; return its folder."""
    folder = assembly_folder(environment)
    log_path = BUILD / "logs" / f"synth-{environment}.log"
    cdk(["synth", "--quiet", "-c", f"env={environment}", "--output", str(folder)], log_path=log_path)
    return folder


def bootstrap(emulator: Emulator) -> None:
    """Make the CDK's own bucket and roles in the emulator, as in any account: once, by an administrator."""
    target = f"aws://{ACCOUNT}/{REGION}"
    variables = emulator.settings.client_environment(Principal.ADMINISTRATOR)
    cdk(["bootstrap", target, *_app(emulator)], log_path=_log(emulator), variables=variables)


def deploy(emulator: Emulator) -> str:
    """Deploy every stack of the assembly; return the output of the CDK command."""
    arguments = ["deploy", "--all", "--require-approval", "never", "--concurrency", "2", *_app(emulator)]
    return cdk(arguments, log_path=_log(emulator), variables=_variables(emulator))


def destroy(emulator: Emulator) -> str:
    """Destroy every stack in reverse order; return the output of the CDK command."""
    arguments = ["destroy", "--all", "--force", *_app(emulator)]
    return cdk(arguments, log_path=_log(emulator), variables=_variables(emulator))


def _app(emulator: Emulator) -> list[str]:
    return ["--app", str(assembly_folder(emulator.settings.environment))]


def _log(emulator: Emulator) -> Path:
    return emulator.settings.logs / "cdk.log"


def _variables(emulator: Emulator) -> dict[str, str]:
    return emulator.settings.client_environment(Principal.DEPLOYER)


def stacks_in(environment: str) -> list[str]:
    """Return the names of the stacks in the assembly of an environment."""
    manifest = json.loads((assembly_folder(environment) / "manifest.json").read_text(encoding="utf-8"))
    kinds = manifest["artifacts"].items()
    return [name for name, artifact in kinds if artifact["type"] == "aws:cloudformation:stack"]
