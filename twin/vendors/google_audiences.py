"""Google's Data Manager API: OAuth refresh, members of audiences added and removed, and what became of requests."""

import re
from typing import Any, Final

from twin.vendors.server import Call, Document, Refused, VendorServer

MOST: Final = 10_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = ("emailAddress", "phoneNumber")
_METHODS: Final = {"/v1/audienceMembers:ingest": "ingest", "/v1/audienceMembers:remove": "remove"}
_GRANTED: Final = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}


class GoogleAudiencesServer(VendorServer):
    """An account with audiences. A request changes them when its outcome is asked for the last time.

    Args:
        account: its number.
        audience: the number of the one audience.
        looks: so often a request is still being processed when its outcome is asked.

    Attributes:
        members: hashes that the audience has, after the name of the field.
        fails: what becomes of the next requests instead of success: `FAILED` or `PARTIAL_SUCCESS`, in order.
        malformed: hashes that are refused as not well formed.
        consent: the refresh token that is good.
    """

    def __init__(self, *, account: str, audience: str, looks: int = 1, **settings: Any) -> None:
        super().__init__(**settings)
        self.account, self.audience, self._looks = account, audience, looks
        self.members: set[tuple[str, str]] = set()
        self.fails: list[str] = []
        self.malformed: set[str] = set()
        self.consent = "of the consent"
        self._requests: dict[str, tuple[str, list[tuple[str, str]], int]] = {}
        self._ended: dict[str, Document] = {}

    def answer(self, call: Call) -> Any:
        """Answer a sign-in, a request about members, or what became of one."""
        if call.path == "/token":
            if (call.body.get("grant_type"), call.body.get("refresh_token")) != ("refresh_token", self.consent):
                raise Refused(400, {"error": "invalid_grant"})
            return {"access_token": self.new_token(), "expires_in": 3599, "token_type": "Bearer"}
        if not self.is_good(call.headers):
            raise _fault(401, "UNAUTHENTICATED")
        if self.must_wait():
            raise _fault(429, "RESOURCE_EXHAUSTED")
        if (call.method, call.path) == ("GET", "/v1/requestStatus:retrieve"):
            return {"requestStatusPerDestination": [self._status(call.query.get("requestId", ""))]}
        if call.method == "POST" and call.path in _METHODS:
            return {"requestId": self._take(_METHODS[call.path], call.body)}
        raise _fault(404, "NOT_FOUND")

    def _take(self, method: str, body: Document) -> str:
        [destination] = body["destinations"]
        place = (destination["operatingAccount"], destination["productDestinationId"])
        if place != ({"accountType": "GOOGLE_ADS", "accountId": self.account}, self.audience):
            raise _fault(403, "PERMISSION_DENIED")
        told = body["audienceMembers"]
        if body.get("encoding") != "HEX" or not 0 < len(told) <= MOST:
            raise _fault(400, "INVALID_ARGUMENT")
        if method == "ingest":
            terms = body.get("termsOfService", {}).get("customerMatchTermsOfServiceStatus")
            if body.get("consent") != _GRANTED or terms != "ACCEPTED":
                raise _fault(400, "INVALID_ARGUMENT")
        found = [self._identifier(one) for one in told]
        if wrong := [number for number, one in enumerate(found) if one is None]:
            raise _fault(400, "INVALID_ARGUMENT", wrong)
        number = f"request-{len(self._requests) + len(self._ended) + 1}"
        self._requests[number] = (method, [one for one in found if one is not None], self._looks)
        return number

    def _identifier(self, told: Document) -> tuple[str, str] | None:
        [identifier] = told["userData"]["userIdentifiers"]
        [(name, value)] = identifier.items()
        well_formed = name in _FIELDS and _HASH.fullmatch(value) and value not in self.malformed
        return (name, value) if well_formed else None

    def _status(self, number: str) -> Document:
        if number in self._ended:
            return self._ended[number]
        if number not in self._requests:
            raise _fault(404, "NOT_FOUND")
        method, members, looks = self._requests.pop(number)
        if looks > 0:
            self._requests[number] = (method, members, looks - 1)
            return {"requestStatus": "PROCESSING"}
        self._ended[number] = self._done(method, members)
        return self._ended[number]

    def _done(self, method: str, members: list[tuple[str, str]]) -> Document:
        outcome = self.fails.pop(0) if self.fails else "SUCCESS"
        done = {"SUCCESS": members, "PARTIAL_SUCCESS": members[::2]}.get(outcome, [])
        self.members = self.members | set(done) if method == "ingest" else self.members - set(done)
        if outcome == "SUCCESS":
            return {"requestStatus": outcome}
        count = str(len(members) - len(done))
        counts = [{"recordCount": count, "reason": "PROCESSING_ERROR_REASON_INTERNAL_ERROR"}]
        return {"requestStatus": outcome, "errorInfo": {"errorCounts": counts}}


def _fault(code: int, status: str, places: list[int] | None = None) -> Refused:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [
                {
                    "field": f"audience_members.audience_members[{place}].user_data.user_identifiers",
                    "reason": "INVALID_HEX_ENCODING",
                }
                for place in places
            ],
        }
        for places in ([places] if places else [])
    ]
    return Refused(code, {"error": {"code": code, "status": status, "details": details}})
