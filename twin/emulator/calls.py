"""Calls that AWS makes itself with a role's permissions: a provider lists them, and the role's policies decide."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Require = Callable[[str, str, str, Mapping[str, str] | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is made with a role's permissions.

    Attributes:
        action: for example `kinesis:GetRecords`.
        resource: the ARN that it is about; `*` where the action takes none.
        context: condition keys and their values.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] | None = None


def require_all(principal: str, calls: Iterable[Call], require: Require | None = None) -> None:
    """Refuse the first call that a principal may not make.

    Args:
        principal: the ARN of a role's session.
        calls: what a service is about to do for it.
        require: checks one call; `twin.emulator.roles.require` when omitted.

    Raises:
        ServiceError: `AccessDeniedException`, in AWS's words.
    """
    from twin.emulator import roles  # which knows what calls a key's use implies

    check = require or roles.require
    for call in calls:
        check(principal, call.action, call.resource, call.context)
