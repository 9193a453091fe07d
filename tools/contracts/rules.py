"""What this project asks of its contracts beyond the standard.

Each rule yields problems; none stops at the first, so that one run shows everything.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlglot
from phonenumbers import SUPPORTED_REGIONS
from sqlglot import exp
from sqlglot.errors import SqlglotError

from c360_core.names import CUSTOM_EVENT, IdentifierType, Money, PiiClass, Unplanned, Zone
from c360_core.projections import UTC_PATTERN
from tools.contracts.compiler import (
    BAD_ROWS,
    DAYS,
    DECIMAL,
    ENVELOPE,
    SECONDS,
    added_columns,
    custom_properties,
    is_reference,
    live_within_hours,
    retention,
)
from tools.contracts.file_format import file_format_problems
from tools.contracts.ids import id_problems
from tools.contracts.licences import licence_problems
from tools.contracts.profile_rules import profile_problems
from tools.contracts.servers import connection_problems, server_problems
from tools.contracts.standard import SUFFIX, Problem
from tools.contracts.webhooks import webhook_problems

CONSENT_PURPOSES: Final = ("service", "marketing", "analytics", "personalisation")
ATTRIBUTE_ROLES: Final = (
    "given_name", "family_name", "full_name", "birth_date", "street", "city", "state", "postal_code", "country",
    "record_key", "person",
)  # fmt: skip
IDENTITY_ROLES: Final = (*ATTRIBUTE_ROLES, *IdentifierType)
LOGICAL_TYPES: Final = ("string", "integer", "number", "boolean", "date", "timestamp", "array", "map", "object")
OPTIONS: Final = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "array": {"minItems", "maxItems"},
}
FIELD_PROPERTIES: Final = (
    "consentPurpose", "identityRole", "lakeOnly", "money", "fieldId",
    "profilePart", "derivation", "linkTarget", "mart",
)  # fmt: skip
STORES: Final = ("lake", "single_view", "clean_room", "matching", "audiences")
DQDL_TEXT: Final = re.compile(r"[^'\"\\\x00-\x1f\x7f]+")  # a single quote is doubled and never undone in Deequ
PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+([.][0-9]+)?")
# A class has no class in it, no intersection, and a hyphen that is none of a range only at its ends.
PATTERN_PIECE: Final = re.compile(
    r"(?P<atom>[^\^$.|?*+(){}\[\]]"
    r"|\[\^?-?(?:[^\[\]\^&-](?:-[^\[\]\^&-])?|&(?!&))+-?\])"
    r"|(?P<open>\((?:\?:)?(?![?*+{]))|(?P<close>\))|(?P<or>\|)"
    r"|(?P<times>(?:[?*+]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\})(?![?*+{]))"
)
FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PARTITION: Final = re.compile(r"day\((\w+)\)")
VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("earliest",),
    "stream": ("eventTypes", "identifiers", "partitionKey"),
    "file": ("eventTypes", "identifiers", "partitionKey", "publish", "partition"),
    "product": ("zone", "store"),
}
OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "product": ("partition",),
    "stream": ("unplanned", "webhook"),
    "file": (
        "liveWithinHours", "addedFieldIds", "fileFormat", "defaultCountry", "earliestBirthDate", "licence",
        "referenceFieldIds",
    ),
}  # fmt: skip
# What a product of Data Exchange leaves out whose rows are no events, but a reference table alone.
OF_EVENTS: Final = ("eventTypes", "identifiers", "partitionKey", "publish")
MOST_LIVE_HOURS: Final = 30 * 24  # nobody wants to be answered on what is older
PUBLISH_KEYS: Final = ("eventType", "idSuffix", "occurredAt", "when", "identifiers", "payload")
PUBLISH_OPTIONS: Final = ("changedAt", "happensOnce")
ADDED_COLUMNS: Final = ("loaded_at", "source_file", "source_row", "stated_at", "revision_id", "revised_at")

Contract = Mapping[str, Any]
Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """Names the file and the place for the problems of one part of a contract."""

    file: str
    path: str = ""

    def at(self, *steps: str) -> "_Report":
        return _Report(file=self.file, path=".".join(filter(None, [self.path, *steps])))

    def __call__(self, message: str, fix: str) -> Problem:
        return Problem(file=self.file, field=self.path or "-", message=message, fix=fix)


def rule_problems(parsed: Mapping[str, Contract]) -> list[Problem]:
    """Return every breach of the project's rules, over all contracts together."""
    problems: list[Problem] = []
    events = _event_objects(parsed)
    if not events:
        problems.append(_Report(file=f"events{SUFFIX}")("is missing or wrong", "list every event type there"))
    for file, contract in parsed.items():
        report = _Report(file=file)
        header = list(_header_problems(report, contract))
        problems += header
        problems += _schema_problems(report, contract)
        if not header:
            problems += _kind_problems(report, contract, events)
            problems += server_problems(file, contract)
            problems += id_problems(file, contract)
            problems += licence_problems(file, contract)
    problems += connection_problems(parsed)
    problems += profile_problems(parsed)
    return problems


def _event_objects(parsed: Mapping[str, Contract]) -> dict[str, Contract]:
    for contract in parsed.values():
        if custom_properties(contract).get("kind") == "events":
            return {element["name"]: element for element in contract.get("schema", [])}
    return {}


# ---- the contract as a whole


def _header_problems(report: _Report, contract: Contract) -> Problems:
    name = contract.get("name")
    if f"{name}{SUFFIX}" != report.file:
        yield report.at("name")(f"`{name}` is not the name of the file", f"use `{report.file.removesuffix(SUFFIX)}`")
    team = contract.get("team")
    if not isinstance(team, dict) or not team.get("name"):
        yield report.at("team.name")("the contract has no owner", "name the team that answers for the data")
    if not VERSION.fullmatch(contract["version"]):
        yield report.at("version")(f"`{contract['version']}` is not a version", "use major.minor.patch")
    if not contract.get("description", {}).get("purpose"):
        yield report.at("description.purpose")("is missing", "say in one sentence what the data is")
    yield from _cadence_problems(report.at("slaProperties.frequency"), contract)
    yield from _custom_problems(report, contract)


def _cadence_problems(report: _Report, contract: Contract) -> Problems:
    found = [sla for sla in contract.get("slaProperties", []) if sla["property"] == "frequency"]
    if len(found) != 1:
        yield report("is missing or there twice", "say once how often the data comes")
        return
    value, unit = found[0]["value"], found[0].get("unit")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or unit not in SECONDS:
        yield report(f"`{value} {unit}` is no cadence", f"use a whole number and one of {', '.join(SECONDS)}")


def _retention_problems(report: _Report, contract: Contract, fields: Mapping[str, Contract]) -> Problems:
    """Rows are kept for whole days after a time that the table has itself."""
    said = retention(contract)
    if said is None:
        return
    value, unit = said["value"], said.get("unit")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or unit not in DAYS:
        yield report(f"`{value} {unit}` is no retention", f"use a whole number from 1 and one of {', '.join(DAYS)}")
    table, _, column = str(said.get("element", "")).partition(".")
    if table != contract["name"] or fields.get(column, {}).get("logicalType") != "timestamp":
        fix = f"use `element: {contract['name']}.<timestamp column>`, the time from which the days are counted"
        yield report(f"`{said.get('element')}` is no time of the table", fix)


def _custom_problems(report: _Report, contract: Contract) -> Problems:
    custom = custom_properties(contract)
    kind = str(custom.get("kind"))
    if kind not in KINDS:
        yield report.at("kind")(f"`{kind}` is unknown", f"use one of {', '.join(KINDS)}")
        return
    silent = is_reference(contract) and not any(name in custom for name in OF_EVENTS)
    for name in KINDS[kind]:
        if not custom.get(name) and not (silent and name in OF_EVENTS):
            yield report.at(name)("is missing", f"a contract of kind {kind} needs it")
    for name in custom:
        if name not in {"kind", *KINDS[kind], *OPTIONAL.get(kind, ())}:
            yield report.at(name)("is unknown", "remove it or correct its spelling")


# ---- fields


def _schema_problems(report: _Report, contract: Contract) -> Problems:
    elements = contract.get("schema", [])
    yield from _duplicates(report.at("schema"), [element["name"] for element in elements])
    for element in elements:
        here = report.at(element["name"])
        if not element.get("description"):
            yield here("has no description", "say what it is")
        yield from _fields_problems(here, element.get("properties", []))
        columns = {field["name"]: field for field in element.get("properties", [])}
        for rule in element.get("quality", []):
            yield from _quality_problems(here.at("quality"), rule, columns)


def _duplicates(report: _Report, names: Sequence[str]) -> Problems:
    for name, count in Counter(names).items():
        if count > 1:
            yield report.at(name)(f"is there {count} times", "keep one")


def _fields_problems(report: _Report, fields: Sequence[Contract]) -> Problems:
    if not fields:
        yield report("has no fields", "add at least one property")
    yield from _duplicates(report, [field["name"] for field in fields])
    for field in fields:
        if not FIELD_NAME.fullmatch(field["name"]):
            yield report.at(field["name"])("is no name for all engines", "use letters, digits and underscores")
        yield from _field_problems(report.at(field["name"]), field)


def _field_problems(report: _Report, field: Contract) -> Problems:
    kind = field.get("logicalType")
    if kind not in LOGICAL_TYPES:
        yield report.at("logicalType")(f"`{kind}` is unknown", f"use one of {', '.join(LOGICAL_TYPES)}")
        return
    if not field.get("description"):
        yield report("has no description", "say what it is")
    if "required" not in field:
        yield report("does not say whether it is required", "add `required: true` or `required: false`")
    yield from _classification_problems(report, field)
    yield from _constraint_problems(report, kind, field)
    if kind == "number" and not DECIMAL.fullmatch(field.get("physicalType", "")):
        yield report.at("physicalType")("a number needs its digits", "write for example decimal(14,2)")
    if kind == "integer" and field.get("physicalType", "int") not in {"int", "bigint"}:
        yield report.at("physicalType")(f"`{field['physicalType']}` is unknown", "use int or bigint")
    yield from _nested_problems(report, kind, field)


def _nested_problems(report: _Report, kind: str, field: Contract) -> Problems:
    if kind == "array" and "items" not in field:
        yield report.at("items")("is missing", "describe the elements of the array")
    if "items" in field:
        yield from _field_problems(report.at("items"), field["items"])
    if "map" in field:
        for part in ("key", "value"):
            yield from _field_problems(report.at(f"map.{part}"), field["map"][part])
    if "properties" in field:
        yield from _fields_problems(report, field["properties"])


def _classification_problems(report: _Report, field: Contract) -> Problems:
    classification = field.get("classification")
    if classification not in list(PiiClass):
        yield report.at("classification")(f"`{classification}` is unknown", f"use one of {', '.join(PiiClass)}")
        return
    custom = custom_properties(field)
    for name in custom:
        if name not in FIELD_PROPERTIES:
            yield report.at(name)("is unknown", f"use one of {', '.join(FIELD_PROPERTIES)}")
    purpose = custom.get("consentPurpose")
    if purpose is None and classification != PiiClass.NONE:
        yield report.at("consentPurpose")("is missing on personal data", f"use one of {', '.join(CONSENT_PURPOSES)}")
    if purpose is not None and purpose not in CONSENT_PURPOSES:
        yield report.at("consentPurpose")(f"`{purpose}` is unknown", f"use one of {', '.join(CONSENT_PURPOSES)}")
    money = custom.get("money")
    if money is not None and (money not in list(Money) or field.get("logicalType") != "string"):
        yield report.at("money")(f"`{money}` is no kind of money", f"use one of {', '.join(Money)}, on a string")
    role = custom.get("identityRole")
    if role is not None and role not in IDENTITY_ROLES:
        yield report.at("identityRole")(f"`{role}` is unknown", f"use one of {', '.join(IDENTITY_ROLES)}")


def _constraint_problems(report: _Report, kind: str, field: Contract) -> Problems:
    options = field.get("logicalTypeOptions", {})
    for name in options:
        if name not in OPTIONS.get(kind, set()):
            yield report.at(name)(f"means nothing to the projections of a {kind}", "remove it")
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if low in options and high in options and options[low] > options[high]:
            yield report.at(low)(f"is above the {high}", "swap them")
    for name, value in options.items():
        if name != "pattern":
            yield from _bound_problems(report.at(name), kind, value)
    if "enum" in field and (kind != "string" or any(not isinstance(e["value"], str) for e in field["enum"])):
        yield report.at("enum")("is for text only", "quote the values, or use minimum and maximum")
    elif wrong := [e["value"] for e in field.get("enum", []) if not DQDL_TEXT.fullmatch(e["value"])]:
        yield report.at("enum")(
            f"`{wrong[0]!r}` is empty, or has a quote, a backslash or a control mark, which DQDL and Deequ cannot hold",
            "leave them out, or use a pattern",
        )
    if "pattern" in options:
        yield from _pattern_problems(report.at("pattern"), options["pattern"])


def _bound_problems(report: _Report, kind: str, value: Any) -> Problems:
    """A bound is written into rules as it is: no NaN, no infinity, and no 1e+30."""
    if isinstance(value, int) and not isinstance(value, bool):
        return
    if kind != "number" or not isinstance(value, float) or not PLAIN_NUMBER.fullmatch(repr(value)):
        yield report(
            f"`{value}` is no number that every engine reads",
            "write plain digits, such as 0 or 12.5" if kind == "number" else "write a whole number in plain digits",
        )


def _pattern_problems(report: _Report, pattern: str) -> Problems:
    """The same pattern runs in Python, Java and DQDL, so it keeps to what all three read alike.

    That is: literals, classes, groups, alternatives in a group, and greedy quantifiers. A test shows it to Java.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield report("matches a part of the value", "write ^...$")
        return
    if "\\" in pattern or '"' in pattern:
        yield report("has a backslash or a quote, which DQDL reads differently", "use a class, such as [0-9] or [.]")
        return
    if (place := _unlike(pattern[1:-1])) is not None:
        yield report(
            f"has `{pattern[place + 1 :][:10]}`, which Python and Java do not read alike",
            "use literals, classes such as [0-9], groups ( ) or (?: ), | in a group, and ? * + {2} {2,} {2,5}",
        )
        return
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        yield report(f"is no regular expression ({error})", "correct it")


def _unlike(pattern: str) -> int | None:
    """Return where a pattern, without its ends, leaves what Python and Java read alike; None when it does not."""
    place, depth, before = 0, 0, "open"
    while place < len(pattern):
        piece = PATTERN_PIECE.match(pattern, place)
        kind = str(piece.lastgroup) if piece else "unknown"
        if kind in {"unknown", "or"} and (kind == "unknown" or depth == 0):
            return place
        if kind == "times" and before not in {"atom", "close"}:
            return place
        depth += {"open": 1, "close": -1}.get(kind, 0)
        before = kind
        place = piece.end() if piece else place
    return None


def _quality_problems(report: _Report, rule: Contract, columns: Mapping[str, Contract]) -> Problems:
    if not rule.get("description"):
        yield report("a rule has no description", "say why the rule is there")
    least = rule.get("mustBeGreaterThan")
    if rule.get("metric") == "rowCount" and isinstance(least, int) and not isinstance(least, bool) and least >= 0:
        return
    bad_rows = BAD_ROWS.fullmatch(rule.get("query", ""))
    if rule.get("type") != "sql" or rule.get("mustBe") != 0 or not bad_rows:
        fix = "use rowCount with mustBeGreaterThan, or `SELECT count(*) FROM {object} WHERE <bad row>` with mustBe 0"
        yield report("this rule has no projection", fix)
        return
    if '"' in bad_rows[1] or "\\" in bad_rows[1]:
        yield report("the query has a double quote or a backslash, which DQDL reads differently", "use single quotes")
    yield from _sql_problems(report, bad_rows[1], columns)


# ---- what each kind needs


def _kind_problems(report: _Report, contract: Contract, events: Mapping[str, Contract]) -> Problems:
    custom = custom_properties(contract)
    kind = custom["kind"]
    if kind == "events":
        yield from _events_problems(report, custom, events)
        return
    if kind in {"file", "product"}:
        yield from _table_problems(report, contract, custom)
    if kind == "product":
        for name, allowed in (("zone", list(Zone)), ("store", list(STORES))):
            if custom[name] not in allowed:
                yield report.at(name)(f"`{custom[name]}` is unknown", f"use one of {', '.join(allowed)}")
        return
    yield from _source_problems(report, custom, events)
    if kind == "stream":
        yield from _unplanned_problems(report.at("unplanned"), custom, events)
        for where, message, fix in webhook_problems(contract, events):
            yield report.at("webhook", where)(message, fix)
    if kind == "file":
        yield from _file_problems(report, contract, custom, events)


def _file_problems(report: _Report, contract: Contract, custom: Contract, events: Mapping[str, Contract]) -> Problems:
    yield from _live_problems(report.at("liveWithinHours"), contract)
    yield from _people_problems(report, custom)
    tables = contract.get("schema", [])
    columns = {field["name"]: field for field in tables[0].get("properties", [])} if len(tables) == 1 else {}
    for key, message, fix in file_format_problems(custom.get("fileFormat", {}), columns):
        yield report.at("fileFormat", key)(message, fix)
    if len(tables) == 1:
        for mapping in custom.get("publish", []):
            yield from _publish_problems(report, mapping, columns, custom, events)
    overwritten = [mapping["eventType"] for mapping in custom.get("publish", []) if "changedAt" in mapping]
    if len(overwritten) > 1:
        fix = "the raw table keeps one such time; publish the others from a contract of their own"
        yield report.at("publish")(f"{' and '.join(overwritten)} both have a changedAt", fix)


def _events_problems(report: _Report, custom: Contract, events: Mapping[str, Contract]) -> Problems:
    if ENVELOPE not in events:
        yield report.at(ENVELOPE)("is missing", "describe what every event has")
    try:
        is_moment = bool(re.match(UTC_PATTERN, str(custom["earliest"]))) and datetime.fromisoformat(custom["earliest"])
    except ValueError:
        is_moment = False
    if not is_moment:
        yield report.at("earliest")(f"`{custom['earliest']}` is no time in UTC", "write '1990-01-01T00:00:00Z'")


def _table_problems(report: _Report, contract: Contract, custom: Contract) -> Problems:
    elements = contract.get("schema", [])
    if [element["name"] for element in elements] != [contract["name"]]:
        yield report.at("schema")("needs exactly one object", f"name it `{contract['name']}`")
        return
    fields = {field["name"]: field for field in elements[0].get("properties", [])}
    if custom["kind"] == "file":
        for name in ADDED_COLUMNS:
            if name in fields:
                yield report.at(contract["name"], name)("is a column that the ingestion adds", "rename it")
        if not any(field.get("unique") and field.get("required") for field in fields.values()):
            yield report.at(contract["name"])("has no key", "mark one field `required: true` and `unique: true`")
    stored = {column["name"]: {"logicalType": column["logical_type"]} for column in added_columns(contract)}
    yield from _retention_problems(report.at("slaProperties.retention"), contract, {**fields, **stored})
    partition = custom.get("partition")
    if partition is None:
        return
    match = PARTITION.fullmatch(partition)
    if not match or match[1] not in {*fields, *(ADDED_COLUMNS if custom["kind"] == "file" else ())}:
        yield report.at("partition")(f"`{partition}` names no time column", "use day(<timestamp column>)")


def _source_problems(report: _Report, custom: Contract, events: Mapping[str, Contract]) -> Problems:
    if "eventTypes" not in custom:  # a reference table alone
        return
    known = [name for name in events if name != ENVELOPE]
    for name in custom["eventTypes"]:
        if events and name not in known:
            yield report.at("eventTypes")(f"`{name}` is not in events{SUFFIX}", f"use one of {', '.join(known)}")
    for name in custom["identifiers"]:
        if name not in list(IdentifierType):
            yield report.at("identifiers")(f"`{name}` is unknown", f"use one of {', '.join(IdentifierType)}")
    if custom["partitionKey"] not in custom["identifiers"]:
        yield report.at("partitionKey")(
            f"`{custom['partitionKey']}` is not among the identifiers", f"use one of {', '.join(custom['identifiers'])}"
        )


def _unplanned_problems(report: _Report, custom: Contract, events: Mapping[str, Contract]) -> Problems:
    """A source that keeps what no contract names sends it as an event of a type that is there for that."""
    policy = custom.get("unplanned", Unplanned.QUARANTINE)
    if policy not in list(Unplanned):
        yield report(f"`{policy}` is no policy for events that no contract names", f"use one of {', '.join(Unplanned)}")
    elif policy == Unplanned.KEEP and CUSTOM_EVENT not in custom["eventTypes"]:
        yield report(f"keeps events as `{CUSTOM_EVENT}`, which the source may not send", "add it to the eventTypes")
    elif policy == Unplanned.KEEP and events and CUSTOM_EVENT not in events:
        yield report(f"keeps events as `{CUSTOM_EVENT}`, which is not in events{SUFFIX}", "describe it there")


def _live_problems(report: _Report, contract: Contract) -> Problems:
    """0 is allowed: then every row is history, whatever its age."""
    fix = f"use whole hours from 0 (all of it is history) to {MOST_LIVE_HOURS}"
    hours = custom_properties(contract).get("liveWithinHours")
    if hours is None:
        if live_within_hours(contract) > MOST_LIVE_HOURS:
            yield report("is missing, and two cadences are too old to act on", f"say what is still live: {fix}")
    elif not isinstance(hours, int) or isinstance(hours, bool) or not 0 <= hours <= MOST_LIVE_HOURS:
        yield report(f"`{hours}` is no age up to which an event is live", fix)


def _people_problems(report: _Report, custom: Contract) -> Problems:
    """What the rows leave open about people: the country that they do not name, and how old somebody may be."""
    country, earliest = custom.get("defaultCountry"), custom.get("earliestBirthDate")
    if country is not None and country not in SUPPORTED_REGIONS:
        yield report.at("defaultCountry")(f"`{country}` is no country", "use an ISO 3166 code, such as US")
    if earliest is None:
        return
    try:
        date.fromisoformat(str(earliest))
    except ValueError:
        yield report.at("earliestBirthDate")(f"`{earliest}` is no date", "write one, such as 1905-01-01")


# ---- publishing rows of a file as events


def _publish_problems(
    report: _Report,
    mapping: Contract,
    columns: Mapping[str, Contract],
    custom: Contract,
    events: Mapping[str, Contract],
) -> Problems:
    here = report.at("publish", str(mapping.get("eventType")))
    missing = [key for key in PUBLISH_KEYS if key not in mapping]
    unknown = [key for key in mapping if key not in {*PUBLISH_KEYS, *PUBLISH_OPTIONS}]
    for key in missing:
        yield here.at(key)("is missing", "add it")
    for key in unknown:
        yield here.at(key)("is unknown", f"use one of {', '.join((*PUBLISH_KEYS, *PUBLISH_OPTIONS))}")
    if missing:
        return
    yield from _option_problems(here, mapping, columns)
    if mapping["eventType"] not in custom["eventTypes"]:
        yield here("is not among the eventTypes of this source", "add it there or publish another type")
    for key in ("occurredAt", "when"):
        yield from _sql_problems(here.at(key), mapping[key], columns)
    yield from _identifier_problems(here.at("identifiers"), mapping["identifiers"], columns, custom)
    if mapping["eventType"] in events:
        yield from _payload_problems(here.at("payload"), mapping["payload"], columns, events[mapping["eventType"]])


def _option_problems(report: _Report, mapping: Contract, columns: Mapping[str, Contract]) -> Problems:
    if not isinstance(mapping.get("happensOnce", False), bool):
        yield report.at("happensOnce")(f"`{mapping['happensOnce']}` is no truth", "write true or false")
    if "changedAt" in mapping:
        yield from _sql_problems(report.at("changedAt"), mapping["changedAt"], columns)
        if mapping.get("happensOnce"):
            yield report.at("changedAt")("means nothing of an event that happens once", "keep one of the two")


def _identifier_problems(
    report: _Report, identifiers: Mapping[str, str], columns: Mapping[str, Contract], custom: Contract
) -> Problems:
    if not identifiers:
        yield report("is empty", "an event without identifiers belongs to nobody")
    for kind, column in identifiers.items():
        here = report.at(kind)
        if kind not in custom["identifiers"]:
            yield here("is not among the identifiers of this source", f"use one of {', '.join(custom['identifiers'])}")
        if column not in columns:
            yield here(f"there is no column `{column}`", f"use one of {', '.join(columns)}")
            continue
        field = columns[column]
        if field.get("logicalType") != "string" or custom_properties(field).get("identityRole") != kind:
            yield here(
                f"column `{column}` cannot be normalised as {kind}",
                f"use a string column whose identityRole is {kind}",
            )


def _payload_problems(
    report: _Report, payload: Mapping[str, str], columns: Mapping[str, Contract], event: Contract
) -> Problems:
    fields = {field["name"]: field for field in event.get("properties", [])}
    for name, expression in payload.items():
        if name not in fields:
            yield report.at(name)(f"{event['name']} has no such field", f"use one of {', '.join(fields)}")
        yield from _sql_problems(report.at(name), expression, columns)
    for name, field in fields.items():
        if field.get("required") and name not in payload:
            yield report.at(name)(f"{event['name']} needs this field", "map a column or an expression to it")


def _sql_problems(report: _Report, text: Any, columns: Mapping[str, Contract]) -> Problems:
    try:
        tree = sqlglot.parse_one(str(text), dialect="spark")
    except SqlglotError as error:
        yield report(f"`{text}` is not Spark SQL ({str(error).splitlines()[0]})", "correct the expression")
        return
    for column in tree.find_all(exp.Column):
        if column.name not in columns:
            yield report(f"there is no column `{column.name}`", f"use one of {', '.join(columns)}")
