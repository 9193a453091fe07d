"""Step Functions: MiniStack has no task that reads an object of S3 (`aws-sdk:s3:getObject`).

What the task's role may do is checked before, as with every task (`task_roles`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from twin.settings import REGION, TwinSettings

SERVICE: Final = "s3"
ACTION: Final = "getobject"
MISSING: Final = 404
REFUSED: Final = 400

Call = Callable[..., Any]
Get = Callable[[str], tuple[int, Mapping[str, str], bytes]]


def install(_settings: TwinSettings) -> None:
    """Let tasks read objects."""
    from ministack import app
    from ministack.services import stepfunctions

    scope = f"test/20260101/{REGION}/{SERVICE}/aws4_request"
    headers = {"host": f"{SERVICE}.{REGION}.amazonaws.com", "authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}

    def get(path: str) -> tuple[int, Mapping[str, str], bytes]:
        handler = app.SERVICE_HANDLERS[SERVICE]
        status, answered, body = app.call_service_handler_sync(handler, "GET", path, headers, b"", {})
        return status, answered, body

    dispatch = stepfunctions._dispatch_aws_sdk_rest_xml
    stepfunctions._dispatch_aws_sdk_rest_xml = reading(dispatch, get, stepfunctions._ExecutionError)


def reading(dispatch: Call, get: Get, error: Callable[[str, str], Exception]) -> Call:
    """Return what performs a task on S3, and reads an object for one that asks for it.

    Args:
        dispatch: performs every other task.
        get: returns status, headers and content of what lies at a path.
        error: of a task, from its name and its cause.
    """

    def dispatching(service: Mapping[str, Any], name: str, action: str, given: Mapping[str, Any]) -> Any:
        if name != SERVICE or action.lower() != ACTION:
            return dispatch(service, name, action, given)
        status, _, body = get(f"/{given['Bucket']}/{quote(given['Key'])}")
        text = body.decode("utf-8") if isinstance(body, bytes) else str(body)
        if status >= REFUSED:
            raise error("S3.NoSuchKeyException" if status == MISSING else "S3.S3Exception", text)
        return {"Body": text, "ContentLength": len(text.encode())}

    return dispatching
