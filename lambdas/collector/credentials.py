"""Who sends: the write key names the source, and a source with a signing secret signs its requests.

A write key is public where a browser uses it: it only names a source. The contract says what a source may send. A till
or a server, which can keep a secret, should have a signing secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from c360_aws.secrets import RotatedSecrets
from c360_core.names import EDGE_HEADER
from c360_core.secret_text import parts
from lambdas.shared.problem import ProblemDetails

SIGNATURE_HEADER = "x-c360-signature"
KEY_HEADER = "x-api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSender:
    """A source that may send events, with its signing secret, if it has one.

    `rotated_out` says that its key is no longer the current one: the next rotation ends it.
    """

    source: str
    signing_secret: bytes | None = None
    rotated_out: bool = False


def came_through_edge(headers: Mapping[str, str], secret_arn: str, secrets: RotatedSecrets) -> bool:
    """Say whether a request carries what the edge alone adds: its secret, or the one before it.

    While somebody replaces the secret, a part of the edge still sends the old one.
    """
    given = headers.get(EDGE_HEADER, "").encode()
    accepted = (secrets.text(secret_arn), secrets.previous_text(secret_arn))
    # Each is compared to its end, so that the time that an answer takes tells nothing about any of them.
    return any([hmac.compare_digest(given, secret.encode()) for secret in accepted if secret])  # noqa: C419


def not_through_edge() -> ProblemDetails:
    """Return the refusal of a request that came to the API itself."""
    return ProblemDetails(
        status=HTTPStatus.FORBIDDEN,
        code="NOT_THROUGH_EDGE",
        detail="The collector is reached at another address.",
        fix="Send the request to the address that the operator of the platform names.",
    )


def senders_by_key(
    secret_arns: Mapping[str, str], secrets: RotatedSecrets, *, accept_previous: bool = False
) -> dict[str, EventSender]:
    """Return the senders by write key.

    Args:
        secret_arns: ARN of each source's secret; its value is the write key as plain text, or a JSON object with
            `key` and `signing_secret`.
        secrets: reads the secrets.
        accept_previous: the key before the current one lets a source in, too, with the signing secret that it had.

    Raises:
        ValueError: a secret has no key; the message names the source.
    """
    senders: dict[str, EventSender] = {}
    for source, arn in secret_arns.items():
        current = _sender_by_key(source, secrets.text(arn))
        if current is None:
            raise ValueError(f"secret of source {source}: field key is missing; store the write key as text or as JSON")
        senders |= dict([current])
    for source, arn in secret_arns.items() if accept_previous else ():
        previous = _sender_by_key(source, secrets.previous_text(arn) or "", rotated_out=True)
        if previous is not None:
            # A key that did not change takes what is asked of it now: it may sign its requests since.
            senders.setdefault(*previous)
    return senders


def _sender_by_key(source: str, secret_string: str, *, rotated_out: bool = False) -> tuple[str, EventSender] | None:
    document = parts(secret_string)
    key, signing_secret = document.get("key"), document.get("signing_secret")
    if not isinstance(key, str) or not key:
        return None
    signed_with = str(signing_secret).encode() if signing_secret else None
    return key, EventSender(source=source, signing_secret=signed_with, rotated_out=rotated_out)


def write_key(headers: Mapping[str, str], query: Mapping[str, str], body: object) -> str | None:
    """Return the write key of a request: header, Basic user name, query (beacons) or body (browsers), in this order."""
    in_body = body.get("writeKey") if isinstance(body, Mapping) else None
    found = headers.get(KEY_HEADER) or _basic_user(headers.get("authorization", "")) or query.get("writeKey") or in_body
    return found if isinstance(found, str) and found else None


def authenticate(
    senders: Mapping[str, EventSender], key: str | None, *, body: bytes, signature: str | None
) -> EventSender:
    """Return the sender of a request.

    Args:
        senders: senders by write key.
        key: the write key of the request.
        body: the body's bytes as sent, still compressed if they were.
        signature: hex HMAC-SHA256 of the body under the source's signing secret, with or without the prefix `sha256=`.

    Raises:
        ProblemDetails: 401, the key is unknown, or the signature is missing or wrong.
    """
    sender = senders.get(key or "")
    if sender is None:
        raise unknown_write_key()
    if sender.signing_secret is not None and not _is_signed(body, signature or "", sender.signing_secret):
        raise ProblemDetails(
            status=HTTPStatus.UNAUTHORIZED,
            code="BAD_SIGNATURE",
            field=SIGNATURE_HEADER,
            detail="This source signs its requests, and the signature is missing or does not fit the body.",
            fix="Send the hex HMAC-SHA256 of the body's bytes, as sent, under the source's signing secret.",
        )
    return sender


def unknown_write_key() -> ProblemDetails:
    """Return the problem of a request whose key lets nobody in."""
    return ProblemDetails(
        status=HTTPStatus.UNAUTHORIZED,
        code="UNKNOWN_WRITE_KEY",
        field=KEY_HEADER,
        detail="The write key is missing or belongs to no source.",
        fix="Send the source's write key in the header x-api-key, or as the user name of Basic authorization.",
    )


def _is_signed(body: bytes, signature: str, secret: bytes) -> bool:
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.removeprefix("sha256=").lower().encode(), expected.encode())


def _basic_user(authorization: str) -> str | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded).decode().partition(":")[0]
    except ValueError:  # not base64, not ASCII or not UTF-8
        return None
