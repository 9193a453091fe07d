"""What the contract of `profiles` has to say of its columns: where each is shown, and how it is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from c360_core.contracts import PAYLOAD_PREFIX
from c360_core.names import Fold, MartColumn, PiiClass, ProfilePart, TableName
from tools.contracts.compiler import ENVELOPE, custom_properties
from tools.contracts.standard import SUFFIX, Problem

LIVE: Final = "live"  # a condition on an interaction beside its columns: it is not history
DERIVATION_KEYS: Final = ("fold", "of", "by", "when")
OF_PAYLOAD: Final = (Fold.AVERAGE, Fold.NEWEST, Fold.NEWEST_OF_EACH)
# For these the dbt project has a macro `masked_<column>`.
MASKS: Final = ("email", "phone")
# Without a derivation, a column of these parts is taken over from identity resolution.
OF_IDENTITY: Final = (ProfilePart.ATTRIBUTES, ProfilePart.LINKS)
# Without a derivation, `unify` itself gives these.
OF_UNIFY: Final = (ProfilePart.SEGMENTS, None)

Contract = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What columns may be computed from."""

    interactions: Sequence[str]
    payloads: Sequence[str]
    identity: Sequence[str]


def profile_problems(parsed: Mapping[str, Contract]) -> Iterator[Problem]:
    """Yield what is wrong with the parts, derivations and marts of profiles' columns; other contracts have none."""
    known = _Known(
        interactions=[*_columns(parsed, TableName.INTERACTIONS), LIVE],
        payloads=_payload_fields(parsed),
        identity=list(_columns(parsed, TableName.LATEST_IDENTITY_CHANGES)),
    )
    for name, field in _columns(parsed, TableName.PROFILES).items():
        for key, message, fix in _field_problems(name, field, known):
            yield Problem(
                file=f"{TableName.PROFILES}{SUFFIX}",
                field=".".join(filter(None, [TableName.PROFILES, name, key])),
                message=message,
                fix=fix,
            )


def _columns(parsed: Mapping[str, Contract], table: TableName) -> dict[str, Contract]:
    elements = parsed.get(f"{table}{SUFFIX}", {}).get("schema", [])
    return {field["name"]: field for element in elements[:1] for field in element.get("properties", [])}


def _payload_fields(parsed: Mapping[str, Contract]) -> list[str]:
    events = [c for c in parsed.values() if custom_properties(c).get("kind") == "events"]
    objects = [element for contract in events for element in contract["schema"] if element["name"] != ENVELOPE]
    return sorted({field["name"] for element in objects for field in element.get("properties", [])})


Finding = tuple[str, str, str]


def _field_problems(name: str, field: Contract, known: _Known) -> Iterator[Finding]:
    custom = custom_properties(field)
    part, mart, derivation = custom.get("profilePart"), custom.get("mart"), custom.get("derivation")
    if part is not None and part not in list(ProfilePart):
        yield "profilePart", f"`{part}` is unknown", f"use one of {', '.join(ProfilePart)}"
    elif derivation is None and part in OF_IDENTITY and name not in known.identity:
        yield (
            "profilePart",
            "identity resolution says nothing of it",
            f"add the column to {TableName.LATEST_IDENTITY_CHANGES}{SUFFIX}, or a derivation here",
        )
    elif derivation is None and part not in (*OF_IDENTITY, *OF_UNIFY):
        yield "derivation", "is missing", f"say how the column follows from interactions: {', '.join(DERIVATION_KEYS)}"
    if derivation is not None:
        yield from _derivation_problems(derivation, known)
    if mart is not None:
        yield from _mart_problems(name, field, mart)


def _mart_problems(name: str, field: Contract, mart: str) -> Iterator[Finding]:
    if mart not in list(MartColumn):
        yield "mart", f"`{mart}` is unknown", f"use one of {', '.join(MartColumn)}"
    elif mart == MartColumn.MASKED and name not in MASKS:
        yield "mart", f"there is no macro `masked_{name}`", "write it in sql/macros/masking.sql, and name it in MASKS"
    elif mart == MartColumn.SHOWN and field.get("classification") == PiiClass.SENSITIVE:
        yield "mart", "the marts show nothing that is sensitive", "leave the property out"


def _derivation_problems(derivation: Any, known: _Known) -> Iterator[Finding]:
    if not isinstance(derivation, Mapping) or not set(derivation) <= set(DERIVATION_KEYS):
        yield "derivation", f"`{derivation}` is none", f"write a mapping of {', '.join(DERIVATION_KEYS)}"
        return
    yield from _name_problems(derivation, known)
    fold, of = derivation.get("fold"), derivation.get("of")
    if fold not in list(Fold):
        yield "derivation.fold", f"`{fold}` is unknown", f"use one of {', '.join(Fold)}"
    elif fold == Fold.COUNT:
        if of is not None:
            yield "derivation.of", "means nothing to a count", "remove it"
    elif fold in OF_PAYLOAD:
        if of not in _payload_names(known):
            yield "derivation.of", f"no event has `{of}` in its payload", f"use {PAYLOAD_PREFIX}<field of an event>"
    elif of not in known.interactions:
        yield "derivation.of", f"an interaction has no `{of}`", f"use one of {', '.join(known.interactions)}"
    if derivation.get("when") is not None:
        yield from _condition_problems(derivation["when"], known)


def _name_problems(derivation: Mapping[str, Any], known: _Known) -> Iterator[Finding]:
    by = derivation.get("by")
    if (derivation.get("fold") == Fold.NEWEST_OF_EACH) != (by is not None):
        yield "derivation.by", f"goes with {Fold.NEWEST_OF_EACH}, and only with it", "add it, or take it out"
    elif by is not None and by not in _payload_names(known):
        yield "derivation.by", f"no event has `{by}` in its payload", f"use {PAYLOAD_PREFIX}<field of an event>"


def _payload_names(known: _Known) -> list[str]:
    return [f"{PAYLOAD_PREFIX}{field}" for field in known.payloads]


def _condition_problems(text: Any, known: _Known) -> Iterator[Finding]:
    try:
        tree = sqlglot.parse_one(str(text))
    except SqlglotError as error:
        yield "derivation.when", f"`{text}` is not SQL ({str(error).splitlines()[0]})", "correct the condition"
        return
    for column in tree.find_all(exp.Column):
        if column.name not in known.interactions:
            fix = f"use one of {', '.join(known.interactions)}"
            yield "derivation.when", f"an interaction has no `{column.name}`", fix
