"""Step Functions: MiniStack performs a task of a state machine without a look at the permissions of its role.

Each task is checked before it is performed. A refusal is the error that AWS reports, so that the definition's own
`Retry` and `Catch` see it.
"""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.provider import CALLER
from twin.emulator.task_rights import error_of, rights_of
from twin.emulator.wire import ServiceError
from twin.settings import TwinSettings

SERVICE: Final = "states.amazonaws.com"

Call = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A state machine, and the role under which its tasks act, by their ARNs."""

    arn: str
    role: str


_MACHINE: Final[contextvars.ContextVar[Machine]] = contextvars.ContextVar("machine")


def install(_settings: TwinSettings) -> None:
    """Let the tasks of state machines act under their machine's role."""
    from ministack.services import stepfunctions

    stepfunctions._run_execution = under_its_role(stepfunctions._run_execution, _machine_of)
    stepfunctions._invoke_resource = checked(stepfunctions._invoke_resource, stepfunctions._ExecutionError)
    stepfunctions._invoke_with_callback = checked(stepfunctions._invoke_with_callback, stepfunctions._ExecutionError)


def acting_role() -> str:
    """Return the ARN of the role whose task is being performed; empty when there is none."""
    machine = _MACHINE.get(None)
    return machine.role if machine is not None else ""


def acting_machine() -> str:
    """Return the ARN of the state machine whose task is being performed; empty when there is none."""
    machine = _MACHINE.get(None)
    return machine.arn if machine is not None else ""


def under_its_role(run: Call, machine_of: Callable[[str], Machine]) -> Call:
    """Return what runs an execution and notes its machine for the tasks."""

    def running(execution: str) -> Any:
        _MACHINE.set(machine_of(execution))
        return run(execution)

    return running


def checked(perform: Call, error: Callable[[str, str], Exception]) -> Call:
    """Return what performs a task if the role of its machine may.

    Args:
        perform: takes the task's resource and parameters.
        error: makes the error of an execution from its name and its cause.
    """

    def performing(resource: str, request: Any, *more: Any) -> Any:
        machine = _MACHINE.get()
        CALLER.set(machine.role)  # an execution goes on in a thread of its own, long after it was asked for
        for right in rights_of(resource, request if isinstance(request, dict) else {}):
            try:
                roles.require_trust(machine.role, SERVICE, machine.arn)
                roles.require(machine.role, right.action, right.resource, right.context)
            except ServiceError as refusal:
                raise error(error_of(right), refusal.message) from refusal
        return perform(resource, request, *more)

    return performing


def _machine_of(execution: str) -> Machine:
    from ministack.services import stepfunctions

    held = stepfunctions._executions.get(execution) or {}
    machine = stepfunctions._state_machines.get(held.get("stateMachineArn")) or {}
    # An execution whose machine was deleted fails before its first task.
    return Machine(arn=str(held.get("stateMachineArn", "")), role=str(machine.get("roleArn", "")))
