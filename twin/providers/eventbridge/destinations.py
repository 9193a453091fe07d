"""Calls API destinations on this machine, and puts into a dead-letter queue what none takes.

AWS calls over HTTPS and repeats a call for a day. Here a call stays on the machine, over plain HTTP, since nobody can
listen between two of its processes, and is repeated for some seconds.
"""

import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from twin.emulator.stand_ins import Resource

LOGGER: Final = logging.getLogger("twin.eventbridge")
ATTEMPTS: Final = 4
FIRST_PAUSE: Final = 0.25  # seconds; twice as long before each further attempt
TIMEOUT: Final = 5.0  # as on AWS
LOOPBACK: Final = ("localhost", "127.0.0.1")
# AWS repeats a call after these and after 5xx; any other refusal is final.
REPEATED: Final = (401, 407, 409, 429)
SERVER_ERRORS: Final = 500

Target = Mapping[str, Any]
Event = Mapping[str, Any]


class DestinationError(RuntimeError):
    """A destination does not take an event; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """The API destinations of the template.

    Attributes:
        destinations, connections: give what is deployed.
        set_aside: takes the target, an event that could not be delivered, and the ARN of its rule.
        sleep: waits so many seconds.
    """

    destinations: Callable[[], Sequence[Resource]]
    connections: Callable[[], Sequence[Resource]]
    set_aside: Callable[[Target, Event, str], None]
    sleep: Callable[[float], None] = time.sleep

    def call(self, target: Target, payload: str, event: Event, source: str) -> None:
        """Call the destination of a target with what the rule makes of an event.

        Args:
            target: as the rule states it.
            payload: the body.
            event: as it came, for the dead-letter queue.
            source: the ARN of the rule.
        """
        try:
            self._send(self._request(str(target["Arn"]), payload))
        except DestinationError as error:
            LOGGER.warning("%s: %s", target["Arn"], error)
            self.set_aside(target, event, source)

    def _request(self, arn: str, payload: str) -> urllib.request.Request:
        stated = _with_arn(self.destinations(), arn)
        connection = _with_arn(self.connections(), stated["ConnectionArn"])
        if connection["AuthorizationType"] != "API_KEY":
            raise DestinationError(f"the laptop twin calls with an API key, not by {connection['AuthorizationType']}")
        key = connection["AuthParameters"]["ApiKeyAuthParameters"]
        place = urlsplit(stated["InvocationEndpoint"])
        if place.hostname not in LOOPBACK:
            raise DestinationError(f"the laptop twin calls this machine alone, and {place.hostname} is elsewhere")
        headers = {"content-type": "application/json; charset=utf-8", key["ApiKeyName"]: key["ApiKeyValue"]}
        url = urlunsplit(place._replace(scheme="http"))
        return urllib.request.Request(  # noqa: S310  # of this machine
            url, data=payload.encode(), headers=headers, method=stated["HttpMethod"]
        )

    def _send(self, request: urllib.request.Request) -> None:
        pause, said = FIRST_PAUSE, ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(pause)
                pause *= 2
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310  # of this machine
                    return
            except urllib.error.HTTPError as error:
                said = f"it answers {error.code}"
                if error.code not in REPEATED and error.code < SERVER_ERRORS:
                    break
            except OSError as error:
                said = f"it does not answer: {error}"
        raise DestinationError(said)


def _with_arn(resources: Sequence[Resource], arn: str) -> Mapping[str, Any]:
    found = next((one for one in resources if one.attributes["Arn"] == arn), None)
    if found is None:
        raise DestinationError(f"{arn} is not deployed")
    return found.properties
