"""Checks what a contract says of a source that calls the collector in a form of its own: signature and mapping."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tools.contracts.compiler import CHALLENGE, SIGNATURE, WEBHOOK, custom_properties

ALGORITHMS: Final = ("sha256", "sha1", "sha512")
ENCODINGS: Final = ("hex", "base64")
NEEDED: Final = ("signatureHeader", "algorithm", "encoding")
MAPPED: Final = ("eventType", "occurredAt", "types", "identifiers", "payload")
HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,128}")
PATH: Final = re.compile(r"[A-Za-z0-9_$-]+([.][A-Za-z0-9_$-]+)*")
PLACES: Final = ("{body}", "{timestamp}", "{id}")
LONGEST_TOLERANCE: Final = 3600

Contract = Mapping[str, Any]
Found = tuple[str, str, str]  # the field, what is wrong with it, and the fix


def signature_problems(server: Contract, *, is_hook: bool) -> Iterator[Found]:
    """Yield what is wrong with how a server's calls are signed."""
    said = custom_properties(server)
    if not is_hook:
        for name in said.keys() & {*SIGNATURE, *CHALLENGE}:
            yield name, "means nothing without a webhook", "remove it, or say `webhook` in the customProperties"
        return
    for name in (name for name in NEEDED if name not in said):
        yield name, "is missing", "say how the vendor signs its calls"
    yield from _value_problems(said)
    yield from _signed_problems(said)


def _value_problems(said: Contract) -> Iterator[Found]:
    for name, allowed in (("algorithm", ALGORITHMS), ("encoding", ENCODINGS)):
        if name in said and said[name] not in allowed:
            yield name, f"`{said[name]}` is unknown", f"use one of {', '.join(allowed)}"
    for name in ("signatureHeader", "timestampHeader", "idHeader"):
        if name in said and not HEADER.fullmatch(str(said[name])):
            yield name, f"`{said[name]}` is no header", "use letters, digits and hyphens"
    tolerance = said.get("toleranceSeconds", 1)
    if type(tolerance) is not int or not 1 <= tolerance <= LONGEST_TOLERANCE:
        yield "toleranceSeconds", f"`{tolerance}` is out of range", f"use whole seconds from 1 to {LONGEST_TOLERANCE}"


def _signed_problems(said: Contract) -> Iterator[Found]:
    signed = said.get("signed", "{body}")
    if "{body}" not in signed:
        yield "signed", "does not have the body, so anybody could change it", "write for example '{timestamp}.{body}'"
    for place, header in (("{timestamp}", "timestampHeader"), ("{id}", "idHeader")):
        if place in signed and header not in said:
            yield header, f"is missing, and {place} is signed", "name the header"
    if "timestampHeader" in said and "{timestamp}" not in signed:
        yield "signed", "does not have the time, so anybody could change it", "write for example '{timestamp}.{body}'"
    left = re.findall(r"[{][^}]*[}]", signed)
    for place in left:
        if place not in PLACES:
            yield "signed", f"`{place}` is no place", f"use {', '.join(PLACES)}"


def webhook_problems(contract: Contract, events: Mapping[str, Contract]) -> Iterator[Found]:
    """Yield what is wrong with how the calls of a source become events."""
    custom = custom_properties(contract)
    if "webhook" not in custom:
        return
    webhook = custom["webhook"]
    if not isinstance(webhook, dict):
        yield "", "is no mapping", f"use {', '.join(WEBHOOK)}"
        return
    for name in (name for name in webhook if name not in WEBHOOK):
        yield name, "is unknown", f"use one of {', '.join(WEBHOOK)}"
    for name in (name for name in MAPPED if not webhook.get(name)):
        yield name, "is missing", "say where the call has it"
    for name in ("events", "eventId", "eventType", "occurredAt"):
        if name in webhook:
            yield from _path_problems(name, webhook[name])
    yield from _type_problems(webhook, custom)
    for kind, path in (webhook.get("identifiers") or {}).items():
        if kind not in custom["identifiers"]:
            fix = f"use one of {', '.join(custom['identifiers'])}"
            yield f"identifiers.{kind}", "is not among the identifiers of this source", fix
        yield from _path_problems(f"identifiers.{kind}", path)
    yield from _payload_problems(webhook, events)


def _type_problems(webhook: Contract, custom: Contract) -> Iterator[Found]:
    types, payload = webhook.get("types") or {}, webhook.get("payload") or {}
    for theirs, ours in types.items():
        if ours not in custom["eventTypes"]:
            yield f"types.{theirs}", f"`{ours}` is not among the eventTypes of this source", "add it there"
        elif ours not in payload:
            yield f"payload.{ours}", "is missing", "say where the call has its fields"
    for ours in payload:
        if ours not in types.values():
            yield f"payload.{ours}", "is the payload of no type", "name the vendor's type in `types`"


def _payload_problems(webhook: Contract, events: Mapping[str, Contract]) -> Iterator[Found]:
    for ours, paths in (webhook.get("payload") or {}).items():
        fields = {field["name"]: field for field in events.get(ours, {}).get("properties", [])}
        for name, path in paths.items():
            if fields and name not in fields:
                yield f"payload.{ours}.{name}", f"{ours} has no such field", f"use one of {', '.join(fields)}"
            yield from _path_problems(f"payload.{ours}.{name}", path)
        for name, field in fields.items():
            if field.get("required") and name not in paths:
                yield f"payload.{ours}.{name}", f"{ours} needs this field", "say where the call has it"


def _path_problems(where: str, path: object) -> Iterator[Found]:
    if not isinstance(path, str) or not PATH.fullmatch(path):
        yield where, f"`{path}` is no path", "write names with dots between them, such as review.id"
