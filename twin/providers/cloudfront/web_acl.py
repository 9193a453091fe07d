"""What a web ACL refuses here: an address that sends too much.

The groups of AWS's rules let everything through: what is in them AWS does not publish. A rule of another kind, or a
rate that counts something else than addresses, is refused when it is deployed.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

Document = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]

RATE: Final = "RateBasedStatement"
KNOWN: Final = {RATE, "ManagedRuleGroupStatement"}
WINDOW_SECONDS: Final = 300  # unless the rule says otherwise
FORBIDDEN: Final = 403
CONTENT_TYPES: Final = {
    "APPLICATION_JSON": "application/json",
    "TEXT_HTML": "text/html",
    "TEXT_PLAIN": "text/plain",
}


class UnknownRuleError(ValueError):
    """A rule that the twin does not keep; the message names it."""


def check(acl: Document) -> None:
    """Check that the twin keeps every rule of a web ACL, or lets it through knowingly.

    Raises:
        UnknownRuleError: it would neither keep a rule nor say so.
    """
    if "Allow" not in acl["DefaultAction"]:
        raise UnknownRuleError(f"web ACL {acl.get('Name')}: the twin knows no default action but Allow")
    for rule in acl.get("Rules", ()):
        kinds = set(rule["Statement"])
        if not kinds <= KNOWN:
            raise UnknownRuleError(f"rule {rule['Name']}: the twin knows no {', '.join(sorted(kinds - KNOWN))}")
        rate = rule["Statement"].get(RATE)
        if rate is None:
            continue
        if rate["AggregateKeyType"] != "IP" or "ScopeDownStatement" in rate:
            raise UnknownRuleError(f"rule {rule['Name']}: the twin counts the requests of an address, all of them")
        if "Block" not in rule["Action"]:
            raise UnknownRuleError(f"rule {rule['Name']}: the twin knows no action of a rate but Block")


class Firewall:
    """Counts requests by address, and answers those that are too many as the rule says.

    It counts exactly and at once; WAF estimates, and takes up to half a minute. Like WAF it counts refused requests,
    too, so that an address is refused until it sends fewer.

    Args:
        acls: gives the resolved properties of the deployed web ACLs, by ARN.
        clock: seconds that never go back.
    """

    def __init__(self, acls: Callable[[], Mapping[str, Document]], clock: Callable[[], float] = time.monotonic) -> None:
        self._acls = acls
        self._clock = clock
        self._seen: dict[tuple[str, str, str], deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def refusal(self, arn: str, address: str) -> Answer | None:
        """Return the answer to a request that a web ACL blocks, or None if it lets it through.

        Raises:
            LookupError: no such web ACL is deployed.
        """
        if arn not in self._acls():
            raise LookupError(f"no web ACL {arn} is deployed")
        acl = self._acls()[arn]
        for rule in sorted(acl.get("Rules", ()), key=lambda one: int(one["Priority"])):
            rate = rule["Statement"].get(RATE)
            if rate is not None and self._count((arn, rule["Name"], address), rate) > int(rate["Limit"]):
                return _blocked(acl, rule)
        return None

    def _count(self, key: tuple[str, str, str], rate: Document) -> int:
        """Note a request; return how many there were in the window, this one included."""
        now = self._clock()
        with self._lock:
            seen = self._seen[key]
            seen.append(now)
            while seen[0] <= now - int(rate.get("EvaluationWindowSec", WINDOW_SECONDS)):
                seen.popleft()
            return len(seen)


def _blocked(acl: Document, rule: Document) -> Answer:
    custom = rule["Action"]["Block"].get("CustomResponse", {})
    headers = {one["Name"]: one["Value"] for one in custom.get("ResponseHeaders", ())}
    body = acl.get("CustomResponseBodies", {}).get(custom.get("CustomResponseBodyKey"))
    if body is None:
        return int(custom.get("ResponseCode", FORBIDDEN)), headers, b""
    headers["Content-Type"] = CONTENT_TYPES[body["ContentType"]]
    return int(custom["ResponseCode"]), headers, str(body["Content"]).encode()
