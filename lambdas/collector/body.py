"""Reads the JSON in the body of a request."""

import base64
import binascii
import zlib
from http import HTTPStatus
from typing import Any, Final

from c360_core.exact_json import decode_leniently, depth
from lambdas.shared.problem import ProblemDetails

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
# Far more than an event may have, so that an event that is too deep is rejected alone; and far less than would
# exhaust Python's stack on the way to the stream.
MAX_BODY_DEPTH: Final = 256


def raw_bytes(body: str, *, is_base64: bool) -> bytes:
    """Return the body as it was sent. Raise ProblemDetails (400) when the gateway's encoding is broken."""
    try:
        return base64.b64decode(body, validate=True) if is_base64 else body.encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _malformed("The body cannot be decoded.") from error


def parse_body(raw: bytes, *, content_encoding: str) -> Any:
    """Return the JSON of a body, decompressed if necessary; the content type does not matter.

    A body that cannot be read is refused as a whole: nobody can tell how many events it has, and the sender still has
    them all.

    Raises:
        ProblemDetails: 400 not JSON, 413 too big, 415 an unsupported compression.
    """
    text = _unpacked(raw, content_encoding.lower())
    if len(text) > MAX_BODY_BYTES:
        raise _too_big()
    try:
        body = decode_leniently(text)
    except ValueError as error:
        raise _malformed("The body is not JSON in UTF-8.") from error
    if text.count(b"{") + text.count(b"[") > MAX_BODY_DEPTH and depth(body) > MAX_BODY_DEPTH:
        raise _malformed(f"The body is nested deeper than {MAX_BODY_DEPTH} levels.")
    return body


def _unpacked(raw: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return raw
    if encoding != "gzip":
        raise ProblemDetails(
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="UNSUPPORTED_ENCODING",
            field="content-encoding",
            detail="The body is compressed in a way that is not read here.",
            fix="Send the body plain or with gzip.",
        )
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        # One byte more than allowed is enough to know: a small body must not fill the memory when it is decompressed.
        text = unpacker.decompress(raw, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise _malformed("The body is not gzip, although its header says so.") from error
    if len(text) <= MAX_BODY_BYTES and not unpacker.eof:
        raise _malformed("The gzip body is cut off.")
    return text


def _malformed(detail: str) -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="MALFORMED_JSON",
        field="body",
        detail=detail + " Nothing of it was stored.",
        fix="Send one JSON object in UTF-8.",
    )


def _too_big() -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="BODY_TOO_LARGE",
        field="body",
        detail=f"The body has more than {MAX_BODY_BYTES} bytes. Nothing of it was stored.",
        fix="Send smaller batches.",
    )
