"""The trail of data events: whether its records arrive."""

from typing import Final

from c360_core.names import trail_name
from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckSkippedError

# Of files of records, and of the digests that sign them.
ERRORS: Final = ("LatestDeliveryError", "LatestDigestDeliveryError")


@check("data events", fix="deploy Foundation and Governance again: they let the trail use the bucket and the key")
def records_arrive(deployed: DeployedEnvironment) -> str:
    """Where data events are recorded, the trail is on, and its last deliveries came through."""
    if "DataEventsBucketName" not in deployed.outputs:
        raise CheckSkippedError("data events are not recorded")
    if deployed.endpoint:
        raise CheckSkippedError("the emulator keeps the trail, and records nothing")
    name = trail_name(deployed.environment)
    status = deployed.client("cloudtrail").get_trail_status(Name=name)
    wrong = [f"{name}: {error} {status[error]}" for error in ERRORS if status.get(error)]
    if not status["IsLogging"]:
        wrong.append(f"{name} is switched off")
    return expect(wrong, f"{name} records")
