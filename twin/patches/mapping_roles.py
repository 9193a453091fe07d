"""Lambda: MiniStack makes an event source mapping whatever its function's role may do; AWS refuses it.

Lambda tries the source out when a mapping is made. If the role lacks a permission, the mapping, and with it the stack,
fails.
"""

from collections.abc import Callable
from typing import Any, Final

from twin.emulator.reader_rights import missing, reading_rights
from twin.settings import TwinSettings

TYPE: Final = "AWS::Lambda::EventSourceMapping"

Create = Callable[[str, dict[str, Any], str], Any]


class SourceUnreadableError(ValueError):
    """A mapping whose function's role may not read the source; the message names what it lacks."""


def install(_settings: TwinSettings) -> None:
    """Let CloudFormation refuse a mapping as Lambda does."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[TYPE]
    provisioners._RESOURCE_HANDLERS[TYPE] = {**handlers, "create": tried(handlers["create"], _role_of)}


def tried(create: Create, role_of: Callable[[str], str]) -> Create:
    """Return what makes a mapping after a trial of its source.

    Args:
        create: makes it.
        role_of: returns the ARN of the role of a function.
    """

    def creating(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        source, role = properties["EventSourceArn"], role_of(properties["FunctionName"])
        lacking = missing(role, reading_rights(source))
        if lacking:
            raise SourceUnreadableError(
                f"{TYPE} {logical_id}: Lambda cannot read {source}: the role {role} lacks "
                f"{', '.join(right.action for right in lacking)}; grant it before the mapping is made"
            )
        return create(logical_id, properties, stack)

    return creating


def _role_of(function: str) -> str:
    from ministack.services import lambda_svc

    _, configuration, _ = lambda_svc._get_func_record_for_ref(function)
    return str((configuration or {}).get("Role", ""))
