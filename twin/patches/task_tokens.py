"""Step Functions: who may wake a task, and under which name a start is refused.

MiniStack asks for the right to send a task's success on every resource, where AWS asks for it on the state machine of
the task. It reports a refused start of another execution under the name of the API, where AWS reports it under that of
the integration.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.emulator import resource_names
from twin.patches.task_roles import acting_machine
from twin.settings import TwinSettings

PREFIX: Final = "states"
_INTEGRATION: Final = "StepFunctions"

Call = Callable[..., Any]


def install(_settings: TwinSettings) -> None:
    """Remember whose task a token is, and name refused starts as AWS does."""
    from ministack.services import stepfunctions

    machines: dict[str, str] = {}
    stepfunctions._invoke_with_callback = remembering(stepfunctions._invoke_with_callback, machines, acting_machine)
    resource_names.found_by(PREFIX, lambda request: machine_of(request, machines))
    start = stepfunctions._invoke_nested_start_execution
    stepfunctions._invoke_nested_start_execution = named(start, stepfunctions._ExecutionError)


def remembering(perform: Call, machines: dict[str, str], acting: Callable[[], str]) -> Call:
    """Return what performs a task that waits, and remembers its machine by the token as long as it waits."""

    def performing(resource: str, request: Any, token: str, *more: Any) -> Any:
        machines[token] = acting()
        try:
            return perform(resource, request, token, *more)
        finally:
            machines.pop(token, None)

    return performing


def machine_of(request: Mapping[str, Any], machines: Mapping[str, str]) -> tuple[str, ...]:
    """Return the machine of the task that a request is about; none where it names no token, or one that is over."""
    found = machines.get(str(request.get("taskToken", "")))
    return () if found is None else (found,)


def named(start: Call, error: type[Exception]) -> Call:
    """Return what starts another execution, with its refusals under the names that AWS gives them.

    Args:
        start: starts the execution.
        error: of a task; it has the attributes `error` and `cause`.
    """

    def starting(*arguments: Any) -> Any:
        try:
            return start(*arguments)
        except error as refusal:
            code = str(getattr(refusal, "error", ""))
            if "." in code:
                raise
            name = code if code.endswith("Exception") else f"{code}Exception"
            raise error(f"{_INTEGRATION}.{name}", getattr(refusal, "cause", "")) from refusal

    return starting
