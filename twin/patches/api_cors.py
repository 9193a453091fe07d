"""API Gateway: MiniStack keeps the CORS settings of a template under the template's names and reads them under others.

A template says `AllowOrigins`, the API `allowOrigins`. So the preflight requests of every site were refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from twin.settings import TwinSettings

TYPE: Final = "AWS::ApiGatewayV2::Api"
CORS: Final = "CorsConfiguration"

Handlers = Mapping[str, Any]
Properties = dict[str, Any]


def install(_settings: TwinSettings) -> None:
    """Let an API answer preflight requests as its template says."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS[TYPE] = with_cors(provisioners._RESOURCE_HANDLERS[TYPE])


def with_cors(handlers: Handlers) -> dict[str, Any]:
    """Return handlers that state CORS settings as MiniStack reads them."""

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        return handlers["create"](logical_id, stated(properties), stack)

    def update(physical_id: str, old: Properties, new: Properties, stack: str, *more: Any) -> Any:
        return handlers["update"](physical_id, stated(old), stated(new), stack, *more)

    return {**handlers, "create": create, "update": update}


def stated(properties: Properties) -> Properties:
    """Return the properties of an API with CORS settings under the names of API Gateway's own operations."""
    if not properties.get(CORS):
        return properties
    return {**properties, CORS: {f"{name[0].lower()}{name[1:]}": value for name, value in properties[CORS].items()}}
