"""Google Customer Match, by the Data Manager API.

Rules and where they stand (developers.google.com):

- Since April 2026 the Google Ads API takes Customer Match from those alone who used it before; the Data Manager API is
  the way (Google Ads API, "Get started with Customer Match").
- `audienceMembers:ingest` adds, `audienceMembers:remove` removes; at most 10,000 members a request, with an `encoding`;
  the answer is a `requestId` (Data Manager API, reference; "Limits and quotas": 300 requests a minute, 429 beyond).
- Addresses are hashed in small letters, without spaces and without the dots of gmail.com and googlemail.com, numbers
  with plus sign and country code ("Format user data"). The lake has done it; our normal form drops `+tag`, too.
- What is added comes with consent to `adUserData` and `adPersonalization`, which the EU user consent policy asks for,
  and with acceptance of the terms of Customer Match (reference of `Consent` and `TermsOfService`).
- A member that is not well formed refuses the whole request, and `fieldViolations` names its place ("Send audience
  members"). Such members are set aside, and the others told again.
- `requestStatus:retrieve` says later what became of a request: SUCCESS, PROCESSING, FAILED or PARTIAL_SUCCESS, with
  counts by reason and without places ("Diagnostics"). So of a part nobody counts as done.
- An access token is had for a refresh token, and is good for an hour (Google Identity, "Using OAuth 2.0").
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from lambdas.audience_members.members import Kind, Member
from lambdas.audience_members.platform import (
    Answer,
    CredentialsError,
    Http,
    Operation,
    Outcome,
    PlatformBusyError,
    PlatformRefusedError,
    Session,
    Taken,
    read_credentials,
)

MOST: Final = 10_000
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_CREDENTIALS: Final = ("client_id", "client_secret", "refresh_token")
_METHODS: Final = {Operation.ADD: "ingest", Operation.REMOVE: "remove"}
_FIELDS: Final = {Kind.EMAIL: "emailAddress", Kind.PHONE: "phoneNumber"}
_GRANTED: Final = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
_PLACE: Final = re.compile(r"audience_members\[([0-9]+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleAudience:
    """An audience.

    Attributes:
        account: number of the Google Ads account.
        audience_id: number of the audience there.
        url: where the Data Manager API answers.
        secret: name of the secret: the JSON of an authorized user, with `login_account` where a manager's signs in.
        credentials: returns its present value, each time anew.
        http: sends requests.
        most: members of a request.
        tokens: the access token that is in use.
    """

    account: str
    audience_id: str
    url: str
    secret: str
    credentials: Callable[[], str]
    http: Http
    most: int = MOST
    tokens: dict[str, str] = field(default_factory=dict)

    def tell(self, operation: Operation, members: Sequence[Member], session: Session) -> Taken:  # noqa: ARG002  # Meta's
        """Add or remove a batch; raises as `Platform.tell` says."""
        refused: dict[Member, str] = {}
        while rest := [member for member in members if member not in refused]:
            answer = self._call("POST", f"audienceMembers:{_METHODS[operation]}", self._body(operation, rest))
            if answer.is_good:
                return Taken(refused=refused, request=str(answer.body["requestId"]))
            found = {rest[place]: reason for place, reason in _violations(answer).items() if place < len(rest)}
            if not found:
                raise self._refusal(answer)
            refused |= found
        return Taken(refused=refused)

    def outcome(self, request: str) -> Outcome:
        """Return what became of a request; raises as `Platform.tell` says."""
        query = urlencode({"requestId": request})
        answer = self._call("GET", f"requestStatus:retrieve?{query}", None)
        if answer.status == HTTPStatus.NOT_FOUND:
            return Outcome(reason="REQUEST_NOT_FOUND")
        if not answer.is_good:
            raise self._refusal(answer)
        statuses = answer.body.get("requestStatusPerDestination") or [{}]
        found = statuses[0]
        match found.get("requestStatus"):
            case "SUCCESS":
                return Outcome()
            case "PROCESSING":
                return Outcome(is_open=True)
            case status:
                counts = (found.get("errorInfo") or {}).get("errorCounts") or []
                reasons = ", ".join(sorted(str(one.get("reason")) for one in counts))
                return Outcome(reason=f"{status}: {reasons}" if reasons else str(status))

    def _body(self, operation: Operation, members: Sequence[Member]) -> Mapping[str, Any]:
        destination: dict[str, Any] = {
            "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": self.account},
            "productDestinationId": self.audience_id,
        }
        login = self._credentials().get("login_account")
        if login:
            destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
        told = [{"userData": {"userIdentifiers": [{_FIELDS[one.kind]: one.sha256}]}} for one in members]
        body = {"destinations": [destination], "audienceMembers": told, "encoding": "HEX"}
        if operation is Operation.REMOVE:
            return body
        return {
            **body,
            "consent": _GRANTED,
            "termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"},
        }

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Return an answer that is not busy; a token that is not good any more is replaced once."""
        for is_last in (False, True):
            answer = self.http.send(
                method,
                f"{self.url}/v1/{path}",
                headers={"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"},
                body=b"" if body is None else json.dumps(body).encode(),
            )
            if answer.is_busy:
                raise PlatformBusyError(f"Google asks to wait: status {answer.status}, {_status(answer)}")
            if answer.status != HTTPStatus.UNAUTHORIZED or is_last:
                break
            self.tokens.clear()
        return answer

    def _token(self) -> str:
        if "access" not in self.tokens:
            found = self._credentials()
            form = {name: found[name] for name in _CREDENTIALS} | {"grant_type": "refresh_token"}
            answer = self.http.send(
                "POST",
                found.get("token_uri", TOKEN_URI),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(form).encode(),
            )
            if answer.is_busy:
                raise PlatformBusyError(f"Google gives out no token now: status {answer.status}")
            token = answer.body.get("access_token")
            if not answer.is_good or not isinstance(token, str):
                raise CredentialsError(
                    f"Google does not take secret {self.secret} ({answer.body.get('error')}); sign in anew and store it"
                )
            self.tokens["access"] = token
        return self.tokens["access"]

    def _credentials(self) -> Mapping[str, str]:
        return read_credentials(self.secret, self.credentials(), *_CREDENTIALS)

    def _refusal(self, answer: Answer) -> RuntimeError:
        said = f"status {answer.status}, {_status(answer)}"
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return CredentialsError(f"Google does not take the token of secret {self.secret}: {said}")
        return PlatformRefusedError(f"Google refuses audience {self.audience_id} of account {self.account}: {said}")


def _status(answer: Answer) -> str:
    return str((answer.body.get("error") or {}).get("status"))


def _violations(answer: Answer) -> Mapping[int, str]:
    """Return why members were refused, by their place in the request."""
    found: dict[int, str] = {}
    for detail in (answer.body.get("error") or {}).get("details") or []:
        for violation in detail.get("fieldViolations") or []:
            place = _PLACE.search(str(violation.get("field")))
            if place is not None:
                found[int(place.group(1))] = str(violation.get("reason"))
    return found
