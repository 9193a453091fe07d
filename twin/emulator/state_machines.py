"""How state machines reach services: errors and names as Step Functions writes them."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from twin.emulator.wire import ServiceError, Wire

POLL_SECONDS: Final = 0.2
HTTP_ERROR: Final = 400

Document = dict[str, Any]


def sdk_integration(wire: Wire) -> Callable[[str, Document], Any]:
    """Return what performs any operation of a wire's service as an AWS SDK integration."""
    from ministack.services import stepfunctions

    def call(resource: str, request: Document) -> Any:
        action = resource.rpartition(":")[2].partition(".")[0]
        try:
            sent = request if wire.in_pascal_case(action) else camel_case(request)
            return pascal_case(wire.invoke(action, sent))
        except ServiceError as error:
            # Step Functions names a service as its SDK for Java does: EntityResolution, not entityresolution.
            raise stepfunctions._ExecutionError(f"{wire.service_id}.{error.code}", error.message) from error

    return call


def answer_of(service: str, response: tuple[int, Any, bytes]) -> Document:
    """Return what a service of the emulator answered.

    An error has its name as Step Functions writes it, for example `Glue.ConcurrentRunsExceededException`: retries ask
    for that.
    """
    from ministack.services import stepfunctions

    status, _, body = response
    data: Document = json.loads(body)
    if status >= HTTP_ERROR:
        raise stepfunctions._ExecutionError(f"{service}.{data.get('__type', 'Error')}", str(data.get("message", "")))
    return data


def task_failed(details: Document) -> Exception:
    """Return the error of a task that began and did not succeed, as the optimized integrations raise it."""
    from ministack.services import stepfunctions

    failure: Exception = stepfunctions._ExecutionError("States.TaskFailed", json.dumps(details, default=str))
    return failure


def poll(ask: Callable[[], Document], ended: Callable[[Document], bool]) -> Document:
    """Ask again and again until the answer tells of an end; return that answer."""
    while not ended(answer := ask()):
        time.sleep(POLL_SECONDS)
    return answer


def camel_case(value: Any) -> Any:
    """Write names in lower camel case, as most APIs do; parameters of an integration are in Pascal case."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel_case(item) for key, item in value.items()}
    return [camel_case(item) for item in value] if isinstance(value, list) else value


def pascal_case(value: Any) -> Any:
    """Write names in Pascal case, as results of an integration are."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal_case(item) for key, item in value.items()}
    return [pascal_case(item) for item in value] if isinstance(value, list) else value
