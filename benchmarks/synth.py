"""`cdk synth` of the dev environment compared with the import of aws_cdk alone, each in its own process.

    .venvs/twin/bin/python -m benchmarks.synth

The import is the cost of the library; the rest is ours: settings, seven stacks, nag, assets, the CDK command. Needs the
staged assets (`build/assets`). Every synth writes to an empty folder.
"""

import os
import shutil
import statistics
import subprocess
import sys
from typing import Final

from benchmarks.report import Comparison, spread, take_turns
from twin.emulator.emulator import cdk
from twin.settings import BUILD, ROOT, cdk_programs, python_of

ENVIRONMENT: Final = "dev"
HOME: Final = BUILD / "bench" / "synth"
IMPORT_SECONDS: Final = 120


def synthesize() -> None:
    """Write the cloud assembly as `make synth` does."""
    folder = HOME / "cdk.out"
    shutil.rmtree(folder, ignore_errors=True)
    arguments = ["synth", "--quiet", "-c", f"env={ENVIRONMENT}", "--output", str(folder)]
    cdk(arguments, log_path=HOME / "cdk.log")


def import_alone() -> None:
    """Start Python, import the library and exit."""
    path = f"{cdk_programs()}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [str(python_of("cdk")), "-c", "import aws_cdk"],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=True,
        timeout=IMPORT_SECONDS,
    )


def main() -> int:
    """Run each once to warm up the disk cache, then measure."""
    import_alone()
    synthesize()
    ours, peer = take_turns(synthesize, import_alone)
    Comparison(
        name="cdk synth / import aws_cdk",
        ours_seconds=statistics.median(ours),
        peer_seconds=statistics.median(peer),
        details={"repetitions": len(ours), "ours_spread": spread(ours), "peer_spread": spread(peer)},
    ).write()
    shutil.rmtree(HOME / "cdk.out", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
