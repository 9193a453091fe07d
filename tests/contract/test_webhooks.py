"""A contract says how a vendor signs its calls and how they become events; a wrong word is refused with the fix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import change_contract
from tools.contracts import ContractsError, load_and_check

REVIEWS = "product_reviews.odcs.yaml"
WEB = "web_events.odcs.yaml"
Change = Callable[[dict[str, Any]], None]


def server(**values: Any) -> Change:
    """Change properties of the server; None takes one away."""

    def change(contract: dict[str, Any]) -> None:
        [said] = contract["servers"]
        known = {entry["property"]: entry["value"] for entry in said.get("customProperties", [])} | values
        said["customProperties"] = [{"property": k, "value": v} for k, v in known.items() if v is not None]

    return change


def hook(**values: Any) -> Change:
    """Change parts of the mapping; None takes one away."""

    def change(contract: dict[str, Any]) -> None:
        entry = next(entry for entry in contract["customProperties"] if entry["property"] == "webhook")
        entry["value"] = {name: value for name, value in {**entry["value"], **values}.items() if value is not None}

    return change


def without_mapping(contract: dict[str, Any]) -> None:
    contract["customProperties"] = [e for e in contract["customProperties"] if e["property"] != "webhook"]
    contract["servers"][0]["location"] = "https://${collector.host}/v1/batch"


def payload(event_type: str, **paths: Any) -> Change:
    def change(contract: dict[str, Any]) -> None:
        entry = next(entry for entry in contract["customProperties"] if entry["property"] == "webhook")
        entry["value"]["payload"][event_type] = paths

    return change


CASES: dict[str, tuple[str, Change, str, str, str]] = {
    "an unknown algorithm": (REVIEWS, server(algorithm="md5"),
        "servers.collector.algorithm", "`md5` is unknown", "use one of sha256, sha1, sha512"),
    "an unknown encoding": (REVIEWS, server(encoding="base32"),
        "servers.collector.encoding", "`base32` is unknown", "use one of hex, base64"),
    "no header": (REVIEWS, server(signatureHeader=None),
        "servers.collector.signatureHeader", "is missing", "say how the vendor signs"),
    "a header with a blank": (REVIEWS, server(signatureHeader="x signature"),
        "servers.collector.signatureHeader", "is no header", "use letters, digits and hyphens"),
    "a signature of nothing": (REVIEWS, server(signed="{timestamp}"),
        "servers.collector.signed", "does not have the body", "write for example"),
    "a time that is not signed": (REVIEWS, server(signed="{body}"),
        "servers.collector.signed", "does not have the time", "write for example"),
    "a signed time without a header": (REVIEWS, server(timestampHeader=None),
        "servers.collector.timestampHeader", "is missing", "name the header"),
    "a place that nobody fills": (REVIEWS, server(signed="{timestamp}.{body}.{url}"),
        "servers.collector.signed", "`{url}` is no place", "use {body}"),
    "a tolerance of days": (REVIEWS, server(toleranceSeconds=86400),
        "servers.collector.toleranceSeconds", "`86400` is out of range", "from 1 to 3600"),
    "an address of no webhook": (REVIEWS, lambda c: c["servers"][0].update(location="https://x/"),
        "servers.collector.location", "is not where the system looks", "/v1/hooks/product_reviews"),
    "a signature without a webhook": (REVIEWS, without_mapping,
        "servers.collector.algorithm", "means nothing without a webhook", "remove it"),
    "a part that nobody reads": (REVIEWS, hook(eventKind="type"),
        "webhook.eventKind", "is unknown", "use one of events, eventId"),
    "no types": (REVIEWS, hook(types=None),
        "webhook.types", "is missing", "say where the call has it"),
    "a type that the source may not send": (REVIEWS, hook(types={"order.created": "order_placed"}),
        "webhook.types.order.created", "is not among the eventTypes", "add it there"),
    "an identifier that the source may not carry": (REVIEWS, hook(identifiers={"phone": "author.phone"}),
        "webhook.identifiers.phone", "is not among the identifiers", "use one of loyalty_id"),
    "no path": (REVIEWS, hook(eventType="$.type[0]"),
        "webhook.eventType", "is no path", "names with dots"),
    "a field that the event lacks": (REVIEWS, payload("mention_deleted", mention_id="m.id", stars="m.stars"),
        "webhook.payload.mention_deleted.stars", "has no such field", "use one of mention_id"),
    "a required field without a path": (REVIEWS, payload("mention_deleted"),
        "webhook.payload.mention_deleted.mention_id", "needs this field", "say where the call has it"),
    "no mapping": (WEB, lambda c: c["customProperties"].append({"property": "webhook", "value": "yes"}),
        "webhook", "is no mapping", "use events"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_webhook_is_refused_with_field_and_fix(directory: Path, name: str) -> None:
    file, change, field, words, fix = CASES[name]
    change_contract(directory, file, change)

    with pytest.raises(ContractsError) as caught:
        load_and_check(directory)

    found = [p for p in caught.value.problems if p.file == file and p.field.rstrip(".") == field and words in p.message]
    assert found, str(caught.value)
    assert fix in found[0].fix


def test_names_of_headers_are_compared_in_small_letters(directory: Path) -> None:
    change_contract(directory, REVIEWS, server(signatureHeader="X-Reviews-Signature"))

    webhook = load_and_check(directory).contracts.source("product_reviews").server.webhook
    assert webhook is not None
    assert webhook.signature.header == "x-reviews-signature"
