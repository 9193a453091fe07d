"""Custom resources of CloudFormation: takes a request, does the work, and tells CloudFormation how it ended.

CloudFormation waits for an answer, whatever happens: without one it waits until the resource's time is over.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast
from urllib.request import Request, urlopen

LONGEST_REASON: Final = 1_000  # of the 4,096 bytes that CloudFormation takes as a whole answer
ANSWER_SECONDS: Final = 10.0

RequestType = Literal["Create", "Update", "Delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """A request for one custom resource.

    Attributes:
        type: what happens to the resource.
        properties: as the template states them, all values as texts.
    """

    type: RequestType
    properties: Mapping[str, Any]


def answer(event: Mapping[str, Any], work: Callable[[ResourceRequest], Mapping[str, str]]) -> Exception | None:
    """Do the work of a request, send CloudFormation the outcome, and return what went wrong, if anything did.

    The resource keeps its identity for ever: an update that changed it would make CloudFormation delete the old one.

    Args:
        event: the request as CloudFormation sends it.
        work: returns the resource's attributes; the message of what it raises becomes the reason of the failure.

    Raises:
        OSError: the answer could not be sent. Lambda then invokes the function again, so `work` must be repeatable.
    """
    outcome = {
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
    }
    request = ResourceRequest(
        type=cast("RequestType", event["RequestType"]), properties=event.get("ResourceProperties", {})
    )
    try:
        attributes = work(request)
    except Exception as error:  # whatever it is: CloudFormation must be answered
        reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
        _send(event["ResponseURL"], {**outcome, "Status": "FAILED", "Reason": reason})
        return error
    _send(event["ResponseURL"], {**outcome, "Status": "SUCCESS", "Data": dict(attributes)})
    return None


def _send(url: str, outcome: Mapping[str, Any]) -> None:
    body = json.dumps(outcome).encode()
    # The address is signed for exactly this: an empty content type.
    request = Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310  # from CloudFormation
    with urlopen(request, timeout=ANSWER_SECONDS) as response:  # noqa: S310
        response.read()
