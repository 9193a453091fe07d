"""IAM: MiniStack keeps no record of what it has allowed and refused, and who asked.

Every decision about a request over HTTP is written down here; `roles.allows` adds those about the calls that AWS makes
itself.
"""

import contextvars
from collections.abc import Callable
from typing import Any, Final

from twin.emulator.decisions import FILE, RECORD, DecisionRecord
from twin.settings import TwinSettings

UNKNOWN: Final = "unknown"
FREE: Final = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})  # everybody may, so nobody is looked at
_ASKING: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("asking", default=UNKNOWN)


def install(settings: TwinSettings) -> None:
    """Write down what MiniStack decides."""
    from ministack.core import iam_evaluator

    RECORD.path = settings.home / FILE
    iam_evaluator.resolve_principal = noting_who(iam_evaluator.resolve_principal)
    iam_evaluator.enforce = recorded(iam_evaluator.enforce, RECORD)


def asking() -> str:
    """Return the ARN of the principal whose request is being decided about."""
    return _ASKING.get()


def noting_who(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Return what finds the principal of a request, and notes it for the decision about the request."""

    def noted(*arguments: Any, **more: Any) -> Any:
        found = resolve(*arguments, **more)
        _ASKING.set(getattr(found, "arn", UNKNOWN))
        return found

    return noted


def recorded(enforce: Callable[..., Any], record: DecisionRecord) -> Callable[..., Any]:
    """Return what decides about a request and writes the decision down."""

    def deciding(
        access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str = "*", **more: Any
    ) -> Any:
        _ASKING.set(UNKNOWN)
        refusal = enforce(access_key_id, iam_action, service, region, resource_arn, **more)
        if iam_action not in FREE:
            record.add(_ASKING.get(), iam_action, resource_arn, allowed=refusal is None)
        return refusal

    return deciding
