"""The smoke test, as an operator types it, on what the demonstration leaves.

Its file sorts before those that break something on purpose, which alarms tell of for a while.
"""

import json
import os
import subprocess
import sys

from tools.laptop.demonstrate import Demonstration
from twin.settings import ROOT


def test_the_smoke_test_finds_everything_there_and_answering(run: Demonstration) -> None:
    settings = run.story.deployment.emulator.settings
    words = (sys.executable, "-m", "tools.cli", "smoke", settings.environment, "--send", "--json")
    variables = {**os.environ, **settings.client_environment()}
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)

    assert [one for one in told["checks"] if one["outcome"] == "failed"] == []
    assert done.returncode == 0, done.stderr
    skipped = [one["check"] for one in told["checks"] if one["outcome"] == "skipped"]
    assert skipped == ["table optimizers", "data events"]
