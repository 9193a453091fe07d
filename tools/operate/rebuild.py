"""`c360 rebuild`: what `ops.rebuild` does, with the terminal around it."""

from typing import Any

import boto3

from ops.rebuild import RebuildReport, deployed, rebuild_profiles
from tools.console import Steps


def run(steps: Steps, environment: str) -> RebuildReport:
    """Make all profiles again, as whoever the AWS credentials say, and print what was found.

    Raises:
        RuntimeError: it cannot go on; the message says what was done and what to do.
    """
    session: Any = boto3.Session()
    there = deployed(environment, session.client, session.resource("dynamodb").meta.client)
    with steps.step("Rebuild the profiles"):
        report = rebuild_profiles(there, steps)
    steps.note(f"{report.found.rebuilt} profiles are rebuilt or newer")
    if report.found.older:
        steps.note(
            f"{report.found.older} profiles were not rebuilt, because the lake has no data for them: "
            f"{', '.join(report.found.examples)}"
        )
    steps.result(report.as_dict())
    return report
