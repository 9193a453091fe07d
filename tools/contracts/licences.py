"""Licences: what may be done with data that was bought, and until when.

The licence stands in the contract of the product. A use of the product is refused where it is made, with the file, the
field and the fix: identity roles and joined events in the product's own contract, columns of profiles, segments, and
models of the dbt project. A licence that has ended allows nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

from c360_core.contracts import Contracts, Field, Licence, Source
from c360_core.names import TableName, Use, Zone, reference_table
from c360_core.play import Audience, Play, ProfileChange
from c360_core.segment import Group, Segment, SegmentRule
from tools.contracts.compiler import custom_properties, is_reference
from tools.contracts.standard import SUFFIX, Problem

PARTS: Final = ("provider", "attribution", "ends", "allowed", "forbidden")
SEGMENTS_NAME: Final = "segments.yaml"
PLAYS_NAME: Final = "plays.yaml"
# Models that make something of their inputs say for what; views of the staging folder only name what is there.
WITHOUT_USE: Final = "staging"
_SOURCE_OF: Final = re.compile(r"\{\{[^}]*?\bsource\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)[^}]*?\}\}")
_REF_OF: Final = re.compile(r"\bref\(\s*'(\w+)'\s*\)")

Contract = Mapping[str, Any]


def today() -> date:
    """Return the day on which licences are looked at, in UTC."""
    return datetime.now(UTC).date()


# ---- the terms themselves


def licence_problems(file: str, contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with the licence of one contract; a product of Data Exchange needs one."""
    custom = custom_properties(contract)
    licence = custom.get("licence")
    if licence is None:
        if is_reference(contract):
            fix = f"write the terms of the subscription: {', '.join(PARTS)}"
            yield Problem(file=file, field="licence", message="is missing", fix=fix)
        return
    if not isinstance(licence, Mapping) or set(licence) != set(PARTS):
        fix = f"write each of {', '.join(PARTS)}, and nothing else"
        yield Problem(file=file, field="licence", message="is not what a licence says", fix=fix)
        return
    for where, message, fix in _term_problems(licence):
        yield Problem(file=file, field=f"licence.{where}", message=message, fix=fix)


def _term_problems(licence: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for part in ("provider", "attribution"):
        if not isinstance(licence[part], str) or not licence[part].strip():
            yield part, "is empty", "write it as the terms have it"
    try:
        date.fromisoformat(str(licence["ends"]))
    except ValueError:
        yield "ends", f"`{licence['ends']}` is no date", "write the first day after the term, such as 2030-01-01"
    said: dict[str, str] = {}
    for part in ("allowed", "forbidden"):
        for use in licence[part] if isinstance(licence[part], list) else [licence[part]]:
            if use not in list(Use):
                yield part, f"`{use}` is no use", f"use one of {', '.join(Use)}"
            elif use in said:
                yield part, f"`{use}` is in {said[use]}, too", "decide by the terms which of the two holds"
            said.setdefault(str(use), part)
    if missing := [use for use in Use if use not in said]:
        fix = "decide by the terms whether each is allowed; what they do not mention is forbidden"
        yield "forbidden", f"the terms say nothing of {', '.join(missing)}", fix


# ---- uses in the contracts


def use_problems(contracts: Contracts, on: date) -> list[Problem]:
    """Return the uses that contracts themselves make of a product and its licence does not allow on a day."""
    problems: list[Problem] = []
    for source in licensed(contracts):
        problems += _identity_problems(source, on)
    for field in contracts.product(TableName.PROFILES).table.fields:
        for source in sources_of(field, contracts):
            uses = [("derivation", Use.PERSONALISATION), *([("mart", Use.ANALYTICS)] if field.mart else [])]
            for where, use in uses:
                refused = _refusal(source, use, on)
                if refused:
                    place = f"{TableName.PROFILES}.{field.name}.{where}"
                    problems.append(_problem(f"{TableName.PROFILES}{SUFFIX}", place, refused))
    return problems


def licensed(contracts: Contracts) -> Sequence[Source]:
    """Return the sources that were bought under a licence."""
    return [source for source in contracts.sources.values() if source.licence is not None]


def _identity_problems(source: Source, on: date) -> Iterator[Problem]:
    refused = _refusal(source, Use.IDENTITY_RESOLUTION, on)
    for field in source.table.fields if refused and source.table else ():
        if field.identity_role not in {None, "record_key"}:
            place = f"{source.name}.{field.name}.identityRole"
            yield _problem(f"{source.name}{SUFFIX}", place, refused)


def sources_of(field: Field, contracts: Contracts) -> Sequence[Source]:
    """Return the licensed sources whose events a column of profiles is computed from.

    A condition that names a source decides; without one, each source counts that publishes the column's payload field.
    """
    if field.derivation is None:
        return []
    named = _named_sources(field.derivation.when)
    wanted = {field.derivation.payload_field, field.derivation.payload_name} - {None}
    found = []
    for source in licensed(contracts):
        payloads = {name for publish in source.publish for name in publish.payload}
        if source.name in named or (not named and wanted & payloads):
            found.append(source)
    return found


def _named_sources(condition: str | None) -> frozenset[str]:
    """Return the sources to which a condition is limited; none if it may hold for any.

    A condition that cannot be read as one equality or list per source limits nothing, so that a use is never missed.
    """
    if condition is None:
        return frozenset()
    try:
        tree = sqlglot.parse_one(condition)
    except SqlglotError:
        return frozenset()
    if any(tree.find_all(exp.Or, exp.Not, exp.NEQ)):
        return frozenset()
    equal = [node for node in tree.find_all(exp.EQ) if node.this.name == "source"]
    lists = [node for node in tree.find_all(exp.In) if node.this.name == "source"]
    return frozenset([node.expression.name for node in equal] + [one.name for n in lists for one in n.expressions])


# ---- uses in segments


def segment_problems(segments: Sequence[Segment], contracts: Contracts, on: date) -> list[Problem]:
    """Return the segments that use a product in a way that its licence does not allow on a day."""
    columns = {field.name: field for field in contracts.product(TableName.PROFILES).table.fields}
    problems = []
    for segment in segments:
        for name in dict.fromkeys(_fields(segment.condition)):
            for source in sources_of(columns[name], contracts):
                if refused := _refusal(source, segment.use, on):
                    place = f"segments.{segment.name}.query.{name}"
                    problems.append(_problem(SEGMENTS_NAME, place, refused))
    return problems


def play_problems(plays: Sequence[Play], contracts: Contracts, on: date) -> list[Problem]:
    """Return the plays that use a product in a way that its licence does not allow on a day: they are for marketing."""
    columns = {field.name: field for field in contracts.product(TableName.PROFILES).table.fields}
    problems: list[Problem] = []
    for play in plays:
        for place, name in dict.fromkeys(named_by(play)):
            found = (_refusal(source, Use.MARKETING, on) for source in sources_of(columns[name], contracts))
            field = f"plays.{play.name}.{place}.{name}"
            problems += [_problem(PLAYS_NAME, field, refused) for refused in found if refused]
    return problems


def audience_problems(audience: Audience, file: str, place: str, contracts: Contracts, on: date) -> list[Problem]:
    """Return what an audience asks of products whose licence does not allow marketing by them on a day."""
    columns = {field.name: field for field in contracts.product(TableName.PROFILES).table.fields}
    names = dict.fromkeys(_fields(audience.query)) if audience.query is not None else {}
    found = {
        name: [_refusal(source, Use.MARKETING, on) for source in sources_of(columns[name], contracts)] for name in names
    }
    return [
        _problem(file, f"{place}.query.{name}", refused)
        for name, refusals in found.items()
        for refused in refusals
        if refused
    ]


def named_by(play: Play) -> Iterator[tuple[str, str]]:
    """Yield the columns that a play names, each after its place in the play."""
    if isinstance(play.signal, ProfileChange):
        yield from (("signal.profile_change.now", name) for name in _fields(play.signal.now))
        if play.signal.before is not None:
            yield from (("signal.profile_change.before", name) for name in _fields(play.signal.before))
        yield from (("signal.profile_change.changed", name) for name in play.signal.changed)
    if play.audience.query is not None:
        yield from (("audience.query", name) for name in _fields(play.audience.query))


def _fields(node: Group | SegmentRule) -> Iterator[str]:
    if isinstance(node, SegmentRule):
        yield node.field
    else:
        for rule in node.rules:
            yield from _fields(rule)


# ---- uses in the dbt project


def model_problems(contracts: Contracts, sql: Path, on: date) -> list[Problem]:
    """Return the models that read a product, directly or through others, and may not, or do not say for what."""
    models = {path.stem: path for path in sorted((sql / "models").rglob("*.sql"))}
    texts = {name: path.read_text(encoding="utf-8") for name, path in models.items()}
    uses = _declared_uses(sql)
    problems: list[Problem] = []
    for name, path in models.items():
        if WITHOUT_USE in path.relative_to(sql).parts:
            continue
        for source in _read_by(name, texts, contracts):
            problems += _model_problems(str(path.relative_to(sql.parent)), name, uses.get(name), source, on)
    return problems


def _model_problems(file: str, name: str, said: Any, source: Source, on: date) -> Iterator[Problem]:
    place = f"models.{name}.config.meta.use"
    if said not in list(Use):
        message = f"reads {source.name}, which was bought, and does not say for what" if said is None else (
            f"`{said}` is no use"
        )  # fmt: skip
        yield Problem(file=file, field=place, message=message, fix=f"use one of {', '.join(Use)}")
    elif refused := _refusal(source, Use(said), on):
        yield _problem(file, place, refused)


def _declared_uses(sql: Path) -> Mapping[str, Any]:
    uses = {}
    for path in sorted((sql / "models").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            uses[model["name"]] = model.get("config", {}).get("meta", {}).get("use")
    return uses


def _read_by(name: str, texts: Mapping[str, str], contracts: Contracts) -> Sequence[Source]:
    """Return the licensed sources whose raw or reference table a model reads, directly or through other models."""
    tables = {
        **{(Zone.RAW.value, source.name): source for source in licensed(contracts)},
        **{(Zone.CURATED.value, reference_table(source.name)): source for source in licensed(contracts)},
    }
    seen, open_, found = set[str](), [name], dict[str, Source]()
    while open_:
        model = open_.pop()
        if model in seen or model not in texts:
            continue
        seen.add(model)
        open_ += _REF_OF.findall(texts[model])
        for table in _SOURCE_OF.findall(texts[model]):
            if table in tables:
                found[tables[table].name] = tables[table]
    return [found[key] for key in sorted(found)]


# ---- what is said


def _refusal(source: Source, use: Use, on: date) -> tuple[str, str] | None:
    """Return what is wrong with a use and the fix, or None if the licence allows it on a day."""
    licence: Licence | None = source.licence
    if licence is None or licence.allows(use, on):
        return None
    contract = f"{source.name}{SUFFIX}"
    if licence.has_ended(on):
        message = f"uses {source.name}, whose licence ended on {licence.ends}"
        return message, f"renew it and write the new date into {contract}, or take the use out"
    message = f"uses {source.name} for {use}, which its licence forbids"
    return message, f"take the use out; {contract} allows {', '.join(licence.allowed) or 'nothing'}"


def _problem(file: str, field: str, refused: tuple[str, str] | None) -> Problem:
    message, fix = refused or ("", "")
    return Problem(file=file, field=field, message=message, fix=fix)
