"""API Gateway: MiniStack calls a function for an HTTP API without a look at the function's own policy.

On AWS the function's policy must let API Gateway invoke it for the route; a caller gets an internal error otherwise.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.resource_names import arn
from twin.settings import TwinSettings

SERVICE: Final = "apigateway.amazonaws.com"
ROUTE: Final = 5  # its place behind path, method, headers, body and query
Response = tuple[int, dict[str, str], bytes]
Invoke = Callable[..., Awaitable[Response]]
REFUSED: Final[Response] = (
    500,
    {"Content-Type": "application/json"},
    json.dumps({"message": "Internal Server Error"}).encode(),
)


def install(_settings: TwinSettings) -> None:
    """Let an API call only the functions whose policies name it."""
    from ministack.services import apigateway

    apigateway._invoke_lambda_proxy = permitted(
        apigateway._invoke_lambda_proxy, apigateway._extract_lambda_ref_from_integration_uri
    )


def permitted(invoke: Invoke, function_of: Callable[[str], str]) -> Invoke:
    """Return what calls the function of a route if the function's policy lets the API.

    Args:
        invoke: calls it.
        function_of: returns the function in the address of an integration.
    """

    async def invoking(integration: Mapping[str, Any], api: str, stage: str, *request: Any, **more: Any) -> Response:
        route = str(request[ROUTE] if len(request) > ROUTE else more.get("route_key", "$default"))
        function = function_of(str(integration.get("integrationUri", "")))
        resource = function if function.startswith("arn:") else arn("lambda", f"function:{function}")
        if not roles.service_may(SERVICE, "lambda:InvokeFunction", resource, route_arn(api, stage, route)):
            return REFUSED
        return await invoke(integration, api, stage, *request, **more)

    return invoking


def route_arn(api: str, stage: str, route: str) -> str:
    """Return the ARN under which an API calls a function: its route, not the path of the request."""
    method, _, path = route.partition(" ")
    return arn("execute-api", f"{api}/{stage}/{method}{path}" if path else f"{api}/{stage}/{method}")
