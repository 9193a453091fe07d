"""IAM: MiniStack authorizes some requests on another resource or action than AWS, and not the twin's own services.

`twin.emulator.resource_names` says what AWS looks at. Where a request needs a permission on several resources, as in
Glue's catalog, each is checked.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twin.emulator.resource_names import has_others, resources_of
from twin.settings import TwinSettings


class Named(str):
    """The ARN that a request is about, and those of the other resources on which it needs a permission."""

    __slots__ = ("others",)
    others: tuple[str, ...]

    @classmethod
    def of(cls, arns: tuple[str, ...]) -> "Named":
        """Return the first of some ARNs, with the others."""
        named = cls(arns[0])
        named.others = arns[1:]
        return named


# Operations that have no action of their own in IAM.
ACTIONS: Final = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

# How to read the parameters of a request to one of the twin's own services.
_READERS: Final[dict[str, Callable[..., Mapping[str, Any]]]] = {}


def install(_settings: TwinSettings) -> None:
    """Let MiniStack check what AWS checks."""
    from ministack.core import iam_actions, iam_evaluator

    iam_actions.SERVICE_TO_IAM_NAMESPACE["kinesisanalyticsv2"] = "kinesisanalytics"
    iam_actions.extract_iam_action = known_to_iam(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = named(iam_actions.extract_resource_arn, iam_actions.extract_iam_action)
    iam_evaluator.enforce = on_each(iam_evaluator.enforce)


def authorize(service: str, prefix: str, read: Callable[..., Mapping[str, Any]], sharing: Sequence[str] = ()) -> None:
    """Let MiniStack authorize the requests to one of the twin's own services.

    Args:
        service: botocore's name of the service.
        prefix: IAM's prefix of its actions.
        read: takes a request as MiniStack has it (method, path, headers, body, query) and returns its parameters.
        sharing: botocore's names of all services with this prefix, where there are several.
    """
    from ministack.core import iam_actions

    for name in (service, prefix):
        iam_actions.SERVICE_TO_IAM_NAMESPACE.setdefault(name, prefix)
        iam_actions._BOTOCORE_SERVICE_MAP.setdefault(name, list(sharing) or [service])
        _READERS[name] = read


def known_to_iam(action_of: Callable[..., str | None]) -> Callable[..., str | None]:
    """Return what finds the action of a request as IAM names it."""

    def finding(*request: Any) -> str | None:
        action = action_of(*request)
        return ACTIONS.get(action or "", action)

    return finding


def named(extract: Callable[..., str], action_of: Callable[..., str | None]) -> Callable[..., str]:
    """Return what finds the resources of a request: those that AWS looks at, else MiniStack's own finding.

    Args:
        extract: MiniStack's own finding.
        action_of: finds the action of a request.
    """

    def finding(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> str:
        action = action_of(service, method, path, headers, body, query) or ""
        if not has_others(action):
            return extract(service, method, path, headers, body, query, region, account)
        read = _READERS.get(service)
        request = read(method, path, headers, body, query) if read else json.loads(body or b"{}")
        arns = resources_of(action, request)
        return Named.of(arns) if arns else extract(service, method, path, headers, body, query, region, account)

    return finding


def on_each(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """Return what decides about a request on each of its resources; the first refusal counts."""

    def deciding(
        access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str = "*", **more: Any
    ) -> Any:
        for arn in (resource_arn, *getattr(resource_arn, "others", ())):
            refusal = enforce(access_key_id, iam_action, service, region, str(arn), **more)
            if refusal is not None:
                return refusal
        return None

    return deciding
