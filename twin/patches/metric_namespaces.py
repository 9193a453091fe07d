"""IAM: MiniStack does not say to a policy which namespace a request to write metrics names, `cloudwatch:namespace`.

A statement with that condition, without which PutMetricData could not be limited at all, would allow nothing.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from twin.settings import TwinSettings

ACTION: Final = "cloudwatch:PutMetricData"
KEY: Final = "cloudwatch:namespace"
Context = dict[str, Any]


def install(_settings: TwinSettings) -> None:
    """Let policies see the namespace."""
    from ministack.core import iam_actions

    iam_actions.request_tag_context = with_namespace(iam_actions.request_tag_context)


def with_namespace(context_of: Callable[..., Context]) -> Callable[..., Context]:
    """Return what finds the conditions' keys of a request, with the namespace of one that writes metrics."""

    def finding(service: str, action: str, body: bytes, params: Mapping[str, Any]) -> Context:
        found = context_of(service, action, body, params)
        if action != ACTION:
            return found
        namespace = namespace_of(body)
        return {**found, KEY: namespace} if namespace else found

    return finding


def namespace_of(body: bytes) -> str | None:
    """Return the namespace that a request names in any of CloudWatch's protocols: JSON, form or CBOR."""
    if body[:1] == b"{":
        return _named(json.loads(body))
    if body.startswith(b"Action=") or (b"&" in body and b"Namespace=" in body):
        return parse_qs(body.decode()).get("Namespace", [None])[0]
    import cbor2

    return _named(cbor2.loads(body))


def _named(request: Any) -> str | None:
    found = request.get("Namespace") if isinstance(request, dict) else None
    return found if isinstance(found, str) else None
