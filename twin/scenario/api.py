"""The profile API as an application uses it: signed requests, JSON documents."""

from dataclasses import dataclass
from typing import Any, Final

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from twin.principals import RoleSession
from twin.settings import REGION

NOT_FOUND: Final = 404
TIMEOUT_SECONDS: Final = 20.0
LIST_OF_PART: Final = {"timeline": "events"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileApiClient:
    """A client of the profile API.

    Attributes:
        url: its address, without a trailing slash.
        caller: the credentials of the application that asks.
    """

    url: str
    caller: RoleSession

    def get(self, person_id: str) -> dict[str, Any] | None:
        """Return the single view of a person, or None when there is none."""
        return self._request("GET", f"/v1/customers/{person_id}")

    def find(self, **identifier: str) -> dict[str, Any] | None:
        """Return the single view of whoever has this identifier, or None."""
        return self._request("GET", "/v1/customers", params=identifier)

    def page(self, person_id: str, part: str) -> list[dict[str, Any]]:
        """Return the first page of a person's timeline, decisions, consents or segments."""
        answer = self._request("GET", f"/v1/customers/{person_id}/{part}") or {}
        return list(answer.get(LIST_OF_PART.get(part, part), ()))

    def recommendations(self, person_id: str, **query: str | int) -> dict[str, Any]:
        """Return what is recommended to a person, and on what that rests."""
        return self._request("GET", f"/v1/customers/{person_id}/recommendations", params=query) or {}

    def score(self, person_id: str, score: str) -> dict[str, Any] | None:
        """Return what a model says of a person now, with what it was told, or None where nothing is kept."""
        return self._request("GET", f"/v1/customers/{person_id}/scores/{score}")

    def put_consent(self, person_id: str, purpose: str, channel: str, *, granted: bool) -> dict[str, Any]:
        """Give or withdraw a consent."""
        path = f"/v1/customers/{person_id}/consents/{purpose}/{channel}"
        return self._request("PUT", path, json={"granted": granted}) or {}

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            request = client.build_request(method, f"{self.url}{path}", **arguments)
            _sign(request, self.caller)
            answer = client.send(request)
        if answer.status_code == NOT_FOUND:
            return None
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


def _sign(request: httpx.Request, caller: RoleSession) -> None:
    """Sign as AWS does: the API's routes ask for IAM."""
    plain = AWSRequest(method=request.method, url=str(request.url), data=request.content)
    SigV4Auth(Credentials(caller.access_key, caller.secret_key, caller.token), "execute-api", REGION).add_auth(plain)
    request.headers.update(dict(plain.headers))
