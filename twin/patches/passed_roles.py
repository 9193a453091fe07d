"""CloudFormation: MiniStack lets everybody pass any role to a deployment.

On AWS the caller needs `iam:PassRole` for the role with which CloudFormation is to act, and the role's trust policy
must name CloudFormation. What that role may do with each resource is not checked: the deployment runs inside the
emulator.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.wire import ServiceError
from twin.settings import TwinSettings

SERVICE: Final = "cloudformation.amazonaws.com"
ACTIONS: Final = ("CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet")

Response = tuple[int, dict[str, str], bytes]
Handle = Callable[[Mapping[str, Any]], Response]


def install(_settings: TwinSettings) -> None:
    """Let only those pass a role who may."""
    from ministack.core import iam_evaluator
    from ministack.services.cloudformation import handlers, helpers

    for action in ACTIONS:
        handlers._ACTION_HANDLERS[action] = permitted(
            handlers._ACTION_HANDLERS[action], iam_evaluator.caller_arn, helpers._error
        )


def permitted(handle: Handle, caller: Callable[[], str], error: Callable[[str, str, int], Response]) -> Handle:
    """Return what answers a request for a deployment if its caller may pass the role that it names.

    Args:
        handle: answers it.
        caller: returns the ARN of who asks.
        error: makes the answer of a refusal from its code, message and status.
    """

    def handling(parameters: Mapping[str, Any]) -> Response:
        stated = parameters.get("RoleARN")
        role = str(stated[0] if isinstance(stated, list) else stated or "")
        if role:
            try:
                roles.require(caller(), "iam:PassRole", role, {"iam:PassedToService": SERVICE})
                roles.require_trust(role, SERVICE)
            except ServiceError as refusal:
                return error("AccessDenied", refusal.message, refusal.status)
        return handle(parameters)

    return handling
