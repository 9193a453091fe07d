"""After a deployment, ask AWS what no test can know before it: is everything there, and does it answer?

Each check is one function under `check`, which returns what it found; a new one needs nothing else. It raises
`CheckFailedError` when something is wrong and `CheckSkippedError` when there is nothing to ask. Any other error, such
as a missing permission, counts as a failure of that check, and the others go on.

Nothing is changed, unless `send` is on: then one made-up event is sent and followed to the single view
(`ops/smoke/event.py`).
"""

from importlib import import_module
from typing import Final

from ops.smoke.checks import CHECKS, CheckResult, SmokeReport, ask
from ops.smoke.deployed import DeployedEnvironment

__all__ = ["CHECKS", "CHECK_MODULES", "CheckResult", "DeployedEnvironment", "SmokeReport", "ask"]

# In the order in which they are asked: what is not there cannot answer, and an event must be sent before it arrives.
CHECK_MODULES: Final = (
    "stacks",
    "streams",
    "endpoints",
    "exposure",
    "lake",
    "event",
    "identity",
    "lake_formation",
    "personas",
    "data_events",
    "alarms",
    "email",
)
for module in CHECK_MODULES:
    import_module(f"{__name__}.{module}")
