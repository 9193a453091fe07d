"""Step Functions: MiniStack performs a task of a state machine without a look at the permissions of its role.

Each task is checked before it is performed. A refusal is the error that AWS reports, so that the definition's own
`Retry` and `Catch` see it.
"""

import contextvars
from collections.abc import Callable
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.task_rights import error_of, rights_of
from twin.emulator.wire import ServiceError
from twin.settings import ACCOUNT, TwinSettings

SERVICE: Final = "states.amazonaws.com"
_ROLE: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("state machine's role")

Call = Callable[..., Any]


def install(_settings: TwinSettings) -> None:
    """Let the tasks of state machines act under their machine's role."""
    from ministack.services import stepfunctions

    stepfunctions._run_execution = under_its_role(stepfunctions._run_execution, _role_of)
    stepfunctions._invoke_resource = checked(stepfunctions._invoke_resource, stepfunctions._ExecutionError)
    stepfunctions._invoke_with_callback = checked(stepfunctions._invoke_with_callback, stepfunctions._ExecutionError)


def under_its_role(run: Call, role_of: Callable[[str], str]) -> Call:
    """Return what runs an execution and notes the role of its machine for the tasks."""

    def running(execution: str) -> Any:
        _ROLE.set(role_of(execution))
        return run(execution)

    return running


def checked(perform: Call, error: Callable[[str, str], Exception]) -> Call:
    """Return what performs a task if the role of its machine may.

    Args:
        perform: takes the task's resource and parameters.
        error: makes the error of an execution from its name and its cause.
    """

    def performing(resource: str, request: Any, *more: Any) -> Any:
        role = _ROLE.get()
        for right in rights_of(resource, request if isinstance(request, dict) else {}):
            try:
                roles.require_trust(role, SERVICE)
                roles.require(role, right.action, right.resource)
            except ServiceError as refusal:
                raise error(error_of(right), refusal.message) from refusal
        return perform(resource, request, *more)

    return performing


def _role_of(execution: str) -> str:
    from ministack.services import stepfunctions

    held = stepfunctions._executions.get(execution)
    machine = stepfunctions._state_machines.get(held["stateMachineArn"]) if held else None
    # An execution whose machine was deleted fails before its first task.
    return str(machine["roleArn"]) if machine else f"arn:aws:iam::{ACCOUNT}:role/deleted"
