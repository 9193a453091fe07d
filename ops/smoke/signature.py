"""Signatures of AWS on requests to an HTTP API."""

from collections.abc import Generator
from typing import Any

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signature(httpx.Auth):
    """Signs requests to API Gateway.

    Args:
        credentials: of whoever asks.
        region: of the API.
    """

    requires_request_body = True

    def __init__(self, credentials: Any, region: str) -> None:
        self._signer = SigV4Auth(credentials, "execute-api", region)

    @classmethod
    def of_session(cls, session: boto3.Session) -> "Signature":
        """Sign as a session's identity, in its Region."""
        return cls(session.get_credentials(), session.region_name)

    @classmethod
    def of_nobody(cls, region: str) -> "Signature":
        """Sign with an access key that AWS never issued."""
        return cls(Credentials("AKIASMOKETESTNOBODY0", "no-secret"), region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature to a request."""
        plain = AWSRequest(method=request.method, url=str(request.url), data=request.content)
        self._signer.add_auth(plain)
        request.headers.update(dict(plain.headers.items()))
        yield request
