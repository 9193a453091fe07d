"""What one environment's template has and another's has not: small enough to be read whole."""

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from tests.infrastructure.assembly import Assembly, Template

ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")
ABSENT = object()
AS_REVIEWED = "<as in the reviewed template>"

Difference = tuple[str, Any, Any]


def reviewable(template: Template) -> Template:
    """Return a template without the hashes of assets, which change with every line of code, and whatever they order."""
    return json.loads(ASSET_HASH.sub("<asset>", json.dumps(template)), object_hook=_with_resources_in_order)


def differences(one: Assembly, other: Assembly, pillar: str) -> Template:
    """Return what differs between a stack of two environments, by its place in the template.

    That each has its own name where its name belongs is no difference. What the other lacks is named and not repeated.

    Args:
        one: whose whole template is reviewed.
    """
    names = one.settings.environment, other.settings.environment
    return {
        place: {names[0]: AS_REVIEWED}
        if theirs is ABSENT
        else {name: value for name, value in zip(names, (ours, theirs), strict=True) if value is not ABSENT}
        for place, ours, theirs in compared(_nameless(one, pillar), _nameless(other, pillar))
    }


def compared(one: Any, other: Any, place: str = "") -> Iterator[Difference]:
    """Yield the innermost places at which two values differ, with both sides."""
    if one == other:
        return
    match one, other:
        case dict(), dict():
            for key in sorted(one.keys() | other.keys()):
                yield from compared(one.get(key, ABSENT), other.get(key, ABSENT), f"{place}/{key}")
        case list(), list() if len(one) == len(other):
            for index, (left, right) in enumerate(zip(one, other, strict=True)):
                yield from compared(left, right, f"{place}/{index}")
        case list(), list():
            yield from _stretches(one, other, place)
        case _:
            yield place, one, other


def _stretches(one: list[Any], other: list[Any], place: str) -> Iterator[Difference]:
    """Yield the stretches at which two lists differ, by where they lie in the first: `<from>:<to>`."""
    texts = ([json.dumps(each, sort_keys=True) for each in side] for side in (one, other))
    for kind, start, end, other_start, other_end in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if kind != "equal":
            yield f"{place}/{start}:{end}", one[start:end], other[other_start:other_end]


def _nameless(assembly: Assembly, pillar: str) -> Template:
    name = re.compile(rf"(?<![A-Za-z0-9]){assembly.settings.environment}(?![A-Za-z0-9])")
    text = name.sub("<environment>", json.dumps(reviewable(assembly.templates[pillar])))
    return json.loads(text, object_hook=_with_resources_in_order)


def _with_resources_in_order(document: Template) -> Template:
    """Sort the resources of a policy's statement: CDK does so too, but by the hashes and names in them."""
    resources = document.get("Resource")
    return {**document, "Resource": sorted(resources, key=json.dumps)} if isinstance(resources, list) else document
