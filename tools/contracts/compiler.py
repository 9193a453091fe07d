"""Turns contracts that have passed every check into the plain document that the runtimes read."""

import re
from collections.abc import Mapping
from typing import Any, Final

from c360_core.identity.normalise import DEFAULT_REGION, EARLIEST_BIRTH_YEAR
from c360_core.names import (
    Arrival,
    IdentifierType,
    JoinedBy,
    PiiClass,
    Revisions,
    Unplanned,
    Zone,
    reference_table,
)

DECIMAL: Final = re.compile(r"decimal\((\d+),(\d+)\)")
BAD_ROWS: Final = re.compile(r"SELECT count\(\*\) FROM \{object\} WHERE (.+)")
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAYS: Final = {"d": 1, "y": 365}
HOUR: Final = SECONDS["h"]
LEAST_LIVE_HOURS: Final = 48  # time enough for a file that comes a day late
ENVELOPE: Final = "envelope"

# When the row was loaded. The ingestion adds it to the columns of every file.
LOADED_AT: Final = {
    "name": "loaded_at",
    "description": "When the file was loaded.",
    "logical_type": "timestamp",
    "required": True,
    "unique": False,
    "classification": PiiClass.NONE.value,
}

# Where the row comes from: which file, and which row in it, said last what the row says.
SOURCE_FILE: Final = {
    "name": "source_file",
    "description": "Path of the file in the landing bucket; in a zip archive, `!/` and the name in it follow.",
    "logical_type": "string",
    "required": False,
    "unique": False,
    "classification": PiiClass.NONE.value,
}
SOURCE_ROW: Final = {
    "name": "source_row",
    "description": "Number of the row in its file; 1 is the first after a header.",
    "logical_type": "integer",
    "long": True,
    "required": False,
    "unique": False,
    "classification": PiiClass.NONE.value,
}

# When the row came to say what it says. The ingestion adds it where a source may overwrite an answer and keep its time.
STATED_AT: Final = {
    "name": "stated_at",
    "description": "When the row came to say what is published of it.",
    "logical_type": "timestamp",
    "required": False,
    "unique": False,
    "classification": PiiClass.NONE.value,
}

# Which revision of a product of Data Exchange said last what the row says.
REVISION_ID: Final = {
    "name": "revision_id",
    "description": "Revision of the product that said last what the row says.",
    "logical_type": "string",
    "required": False,
    "unique": False,
    "classification": PiiClass.NONE.value,
}
REVISED_AT: Final = {
    "name": "revised_at",
    "description": "When that revision was made.",
    "logical_type": "timestamp",
    "required": False,
    "unique": False,
    "classification": PiiClass.NONE.value,
}

# By what the rows of a reference table are joined, in the normal forms of identity resolution.
JOIN_KEYS: Final[Mapping[JoinedBy, Mapping[str, Any]]] = {
    by: {
        "name": f"{by}_key",
        "description": text,
        "logical_type": "string",
        "required": False,
        "unique": False,
        "classification": PiiClass.DIRECT.value,
        "consent_purpose": "service",
    }
    for by, text in {
        JoinedBy.PERSON: "E-mail address in its normal form; null where the row has none that can be used.",
        JoinedBy.HOUSEHOLD: "Street and postal code in their normal forms, with `|` between them.",
        JoinedBy.POSTAL_CODE: "Postal code in its normal form.",
    }.items()
}
JOIN_COLUMNS: Final[Mapping[JoinedBy, tuple[str, ...]]] = {
    JoinedBy.PERSON: ("email",),
    JoinedBy.HOUSEHOLD: ("street", "postal_code"),
    JoinedBy.POSTAL_CODE: ("postal_code",),
}
# For which time a row of a reference table holds; times are those of revisions.
VALIDITY: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "name": "valid_from",
        "description": "The first revision that said so.",
        "logical_type": "timestamp",
        "required": True,
        "unique": False,
        "classification": PiiClass.NONE.value,
    },
    {
        "name": "valid_to",
        "description": "The first later revision that said something else, or left the row out; null for what holds.",
        "logical_type": "timestamp",
        "required": False,
        "unique": False,
        "classification": PiiClass.NONE.value,
    },
    {
        "name": "is_current",
        "description": "Whether the newest revision says so.",
        "logical_type": "boolean",
        "required": True,
        "unique": False,
        "classification": PiiClass.NONE.value,
    },
    {
        "name": "revisions",
        "description": "All revisions that said so within that time, by which a late one finds its place.",
        "logical_type": "array",
        "required": True,
        "unique": False,
        "classification": PiiClass.NONE.value,
        "items": {
            "name": "element",
            "description": "Time of a revision.",
            "logical_type": "timestamp",
            "required": True,
            "unique": False,
            "classification": PiiClass.NONE.value,
        },
    },
)

_OPTIONS: Final = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
    "minItems": "min_items",
    "maxItems": "max_items",
}
FILE_FORMAT: Final[Mapping[str, str]] = {
    "type": "type",
    "columns": "columns",
    "missingColumns": "missing_columns",
    "rowElement": "row_element",
    "delimiter": "delimiter",
    "header": "header",
    "quote": "quote",
    "escape": "escape",
    "comment": "comment",
    "skipLines": "skip_lines",
    "encoding": "encoding",
    "headerCase": "header_case",
    "dateFormats": "date_formats",
    "timestampFormats": "timestamp_formats",
    "zone": "zone",
    "trueWords": "true_words",
    "falseWords": "false_words",
    "nullWords": "null_words",
}
# Types of servers of the standard, and how data arrives from them; a custom one says it by the property `arrival`.
ARRIVALS: Final[Mapping[str, Arrival]] = {
    "api": Arrival.HTTP,
    "s3": Arrival.FILES,
    "postgresql": Arrival.JDBC,
    "mysql": Arrival.JDBC,
    "kafka": Arrival.KAFKA,
}
CUSTOM_SERVER: Final = "custom"
JDBC: Final[Mapping[str, str]] = {
    "table": "table",
    "incrementalColumn": "incremental_column",
    "overlapMinutes": "overlap_minutes",
    "partitionColumn": "partition_column",
    "partitions": "partitions",
    "compareHours": "compare_hours",
    "deletedColumn": "deleted_column",
}
DATA_EXCHANGE: Final[Mapping[str, str]] = {"revisions": "revisions", "joins": "joins"}
APPFLOW: Final[Mapping[str, str]] = {
    "connector": "connector",
    "object": "object",
    "fields": "fields",
    "fieldTypes": "types",
    "incrementalField": "incremental_field",
    "historyFrom": "history_from",
    "filters": "filters",
    "masks": "masks",
}
# What AppFlow calls the types of fields, unless the contract says another.
FLOW_TYPES: Final[Mapping[str, str]] = {
    "string": "string",
    "integer": "integer",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "datetime",
}
SIGNATURE: Final[Mapping[str, str]] = {
    "signatureHeader": "header",
    "algorithm": "algorithm",
    "encoding": "encoding",
    "prefix": "prefix",
    "timestampHeader": "timestamp_header",
    "timestampPrefix": "timestamp_prefix",
    "toleranceSeconds": "tolerance_seconds",
    "signed": "signed",
    "idHeader": "id_header",
}
CHALLENGE: Final[Mapping[str, str]] = {
    "challengeField": "challenge_field",
    "challengeAnswer": "challenge_answer",
    "challengeSigned": "challenge_signed",
}
WEBHOOK: Final[Mapping[str, str]] = {
    "events": "events",
    "eventId": "event_id",
    "eventType": "event_type",
    "occurredAt": "occurred_at",
    "types": "types",
    "identifiers": "identifiers",
    "payload": "payload",
}
_CUSTOM: Final = {
    "consentPurpose": "consent_purpose",
    "identityRole": "identity_role",
    "lakeOnly": "lake_only",
    "fieldId": "field_id",
    "money": "money",
    "profilePart": "profile_part",
    "derivation": "derivation",
    "linkTarget": "link_target",
    "mart": "mart",
}


def custom_properties(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return the custom properties of a contract or a field, by name."""
    return {entry["property"]: entry["value"] for entry in element.get("customProperties", [])}


def compile_contracts(parsed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document; keys are sorted when it is written, so file order does not matter."""
    document: dict[str, Any] = {"envelope": [], "events": {}, "sources": {}, "products": {}}
    for contract in parsed.values():
        custom = custom_properties(contract)
        name = contract["name"]
        if custom["kind"] == "events":
            document |= _events(contract)
        elif custom["kind"] == "product":
            table = _table(contract, custom, Zone(custom["zone"]))
            document["products"][name] = {**_header(contract), "store": custom["store"], "table": table}
        else:
            document["sources"][name] = _source(contract, custom)
            if is_reference(contract):
                document["products"][reference_table(name)] = _reference_product(contract, custom)
    return document


def cadence_seconds(contract: Mapping[str, Any]) -> int:
    """Return how often the data comes; 0 for a stream."""
    frequency = next(sla for sla in contract["slaProperties"] if sla["property"] == "frequency")
    return int(frequency["value"]) * SECONDS[frequency["unit"]]


def retention(contract: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the contract's word on how long its rows are kept, or None."""
    return next((sla for sla in contract["slaProperties"] if sla["property"] == "retention"), None)


def arrival(server: Mapping[str, Any]) -> Arrival | None:
    """Return how data arrives from a server, or None if it does not say so."""
    said = ARRIVALS.get(server["type"], custom_properties(server).get("arrival"))
    return Arrival(said) if said in list(Arrival) else None


def is_reference(contract: Mapping[str, Any]) -> bool:
    """Return whether the source is a product of Data Exchange, of which a reference table is kept."""
    servers = contract.get("servers", [])
    return len(servers) == 1 and arrival(servers[0]) is Arrival.DATA_EXCHANGE


def live_within_hours(contract: Mapping[str, Any]) -> int:
    """Return up to which age an event of a file's row is live: what the contract says, else two cadences.

    What happens right after an export is one cadence old when the next one comes; the second is for a file that is
    late.
    """
    said = custom_properties(contract).get("liveWithinHours")
    two_cadences = -(-2 * cadence_seconds(contract) // HOUR)  # begun hours count
    return max(LEAST_LIVE_HOURS, two_cadences) if said is None else int(said)


def _header(contract: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": contract["version"],
        "description": contract["description"]["purpose"],
        "owner": contract["team"]["name"],
        "cadence_seconds": cadence_seconds(contract),
    }


def _events(contract: Mapping[str, Any]) -> dict[str, Any]:
    objects = {element["name"]: element for element in contract["schema"]}
    envelope = objects.pop(ENVELOPE)
    return {
        "version": contract["version"],
        "earliest": custom_properties(contract)["earliest"],
        "envelope": [_field(field) for field in envelope["properties"]],
        "events": {
            name: {
                "description": element["description"],
                "fields": [_field(field) for field in element["properties"]],
            }
            for name, element in objects.items()
        },
    }


def _source(contract: Mapping[str, Any], custom: Mapping[str, Any]) -> dict[str, Any]:
    is_file = custom["kind"] == "file"
    return {
        **_header(contract),
        "kind": custom["kind"],
        "server": _server(contract, custom.get("webhook")),
        "event_types": custom.get("eventTypes", []),
        "identifiers": custom.get("identifiers", []),
        # Of no meaning to a product that publishes nothing.
        "partition_key": custom.get("partitionKey", IdentifierType.EMAIL.value),
        "unplanned": custom.get("unplanned", Unplanned.QUARANTINE.value),
        "table": _table(contract, custom, Zone.RAW) if is_file else None,
        "licence": _licence(custom["licence"]) if "licence" in custom else None,
        "publish": [_publish(mapping) for mapping in custom.get("publish", [])],
        "live_within_hours": live_within_hours(contract) if is_file else 0,
        "file_format": {FILE_FORMAT[key]: value for key, value in custom.get("fileFormat", {}).items()},
        "default_country": custom.get("defaultCountry", DEFAULT_REGION),
        "earliest_birth_date": str(custom.get("earliestBirthDate", f"{EARLIEST_BIRTH_YEAR}-01-01")),
    }


def _server(contract: Mapping[str, Any], webhook: Mapping[str, Any] | None) -> dict[str, Any]:
    server = contract["servers"][0]
    way = arrival(server)
    return {
        "name": server["server"],
        "arrival": way,
        "database": _database(server) if way is Arrival.JDBC else None,
        "saas": _saas(contract, server) if way is Arrival.APPFLOW else None,
        "webhook": _webhook(server, webhook) if webhook else None,
        "reference": _reference(server) if way is Arrival.DATA_EXCHANGE else None,
    }


def _saas(contract: Mapping[str, Any], server: Mapping[str, Any]) -> dict[str, Any]:
    """Compile where the rows of a source are at a vendor; a column's type says what type its field has."""
    said = {APPFLOW[key]: value for key, value in custom_properties(server).items() if key in APPFLOW}
    columns = {field["name"]: field["logicalType"] for field in contract["schema"][0]["properties"]}
    types = {column: FLOW_TYPES[columns[column]] for column in said["fields"]} | said.get("types", {})
    return {"filters": [], "masks": [], **said, "types": types}


def _webhook(server: Mapping[str, Any], webhook: Mapping[str, Any]) -> dict[str, Any]:
    said = custom_properties(server)
    signature = {SIGNATURE[key]: value for key, value in said.items() if key in SIGNATURE}
    challenge = {CHALLENGE[key]: value for key, value in said.items() if key in CHALLENGE}
    headers = [key for key in ("header", "timestamp_header", "id_header") if key in signature]
    return {
        **{WEBHOOK[key]: value for key, value in webhook.items()},
        **challenge,
        "signature": {**signature, **{key: signature[key].lower() for key in headers}},
    }


def _database(server: Mapping[str, Any]) -> dict[str, Any]:
    """Compile where the rows of a source are; MySQL has no schemas beside its databases."""
    said = {JDBC[key]: value for key, value in custom_properties(server).items()}
    return {"engine": server["type"], "database": server["database"], "schema": server.get("schema"), **said}


def joins(server: Mapping[str, Any]) -> dict[JoinedBy, dict[str, str]]:
    """Return by what the rows of a product are joined, each with the columns that make the key.

    What is not written as it should be is left out; the check of the servers says so.
    """
    said = custom_properties(server).get("joins")
    whole = {by: said.get(by) for by in JoinedBy} if isinstance(said, Mapping) else {}
    return {
        by: {part: columns[part] for part in JOIN_COLUMNS[by]}
        for by, columns in whole.items()
        if isinstance(columns, Mapping) and set(columns) == set(JOIN_COLUMNS[by])
    }


def _reference(server: Mapping[str, Any]) -> dict[str, Any]:
    said = custom_properties(server).get("revisions", Revisions.FULL.value)
    return {"revisions": said, "joins": {by.value: columns for by, columns in joins(server).items()}}


def reference_columns(contract: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the columns that a reference table has beside those of the product: keys of joins, and validity."""
    keys = [JOIN_KEYS[by] for by in joins(contract["servers"][0])]
    return (*keys, *VALIDITY)


def _reference_product(contract: Mapping[str, Any], custom: Mapping[str, Any]) -> dict[str, Any]:
    """Compile the reference table of a product; its rows are unique by the product's key and `valid_from` together."""
    ids = custom["referenceFieldIds"]
    own = [{**_field(field), "unique": False} for field in contract["schema"][0]["properties"]]
    columns = [{**column, "field_id": ids[column["name"]]} for column in [*own, *reference_columns(contract)]]
    for column in columns:
        if "items" in column:
            column["items"] = {**column["items"], "field_id": ids[f"{column['name']}.element"]}
        column.pop("identity_role", None)  # identity resolution reads the raw table
    table = {
        "name": reference_table(contract["name"]),
        "description": f"History of what this product says: {contract['schema'][0]['description']}",
        "zone": Zone.CURATED.value,
        "fields": columns,
        "file_columns": [],
        "rules": [],
        "partition": None,
        "primary_key": [*(field["name"] for field in _primary_key(contract["schema"][0]["properties"])), "valid_from"],
        "cadence_seconds": 0,  # what did not change is not written again
        "retention": None,
    }
    return {**_header(contract), "store": "lake", "table": table}


def _licence(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("provider", "attribution", "ends", "allowed")}


def _publish(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event_type": mapping["eventType"],
        "id_suffix": mapping["idSuffix"],
        "occurred_at": mapping["occurredAt"],
        "when": mapping["when"],
        "identifiers": mapping["identifiers"],
        "payload": mapping["payload"],
        "changed_at": mapping.get("changedAt"),
        "happens_once": mapping.get("happensOnce", False),
    }


def added_columns(contract: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the columns that the ingestion adds to those of a file: none to a product's."""
    custom = custom_properties(contract)
    if custom["kind"] != "file":
        return ()
    overwrites = any("changedAt" in mapping for mapping in custom.get("publish", []))
    revision = (REVISION_ID, REVISED_AT) if is_reference(contract) else ()
    return (LOADED_AT, *((STATED_AT,) if overwrites else ()), SOURCE_FILE, SOURCE_ROW, *revision)


def _added(contract: Mapping[str, Any], custom: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**column, "field_id": custom["addedFieldIds"][column["name"]]} for column in added_columns(contract)]


def _table(contract: Mapping[str, Any], custom: Mapping[str, Any], zone: Zone) -> dict[str, Any]:
    element = contract["schema"][0]
    fields = [_field(field) for field in element["properties"]]
    is_file = custom["kind"] == "file"
    return {
        "name": contract["name"],
        "description": element["description"],
        "zone": zone.value,
        "fields": [*fields, *_added(contract, custom)],
        "file_columns": [field["name"] for field in fields] if is_file else [],
        "rules": [_rule(rule) for rule in element.get("quality", [])],
        "partition": custom.get("partition"),
        "primary_key": [field["name"] for field in _primary_key(element["properties"])],
        "cadence_seconds": cadence_seconds(contract),
        "retention": _retention(retention(contract)),
    }


def _primary_key(fields: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    key = [field for field in fields if field.get("primaryKey")]
    return sorted(key, key=lambda field: int(field["primaryKeyPosition"]))


def _retention(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {"days": said["value"] * DAYS[said["unit"]], "column": said["element"].partition(".")[2]}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    if rule.get("metric") == "rowCount":
        return {"description": rule["description"], "min_rows": rule["mustBeGreaterThan"] + 1}
    return {"description": rule["description"], "bad_row": BAD_ROWS.fullmatch(rule["query"])[1]}  # type: ignore[index]


def _field(field: Mapping[str, Any], name: str = "element") -> dict[str, Any]:
    compiled: dict[str, Any] = {
        "name": field.get("name", name),
        "description": field["description"],
        "logical_type": field["logicalType"],
        "required": field.get("required", False),
        "unique": field.get("unique", False),
        "classification": field["classification"],
    }
    compiled |= {_OPTIONS[key]: value for key, value in field.get("logicalTypeOptions", {}).items()}
    compiled |= {_CUSTOM[key]: value for key, value in custom_properties(field).items()}
    if "enum" in field:
        compiled["enum"] = [entry["value"] for entry in field["enum"]]
    if "properties" in field:
        compiled["fields"] = [_field(part) for part in field["properties"]]
    if field["logicalType"] == "array":
        compiled["items"] = _field(field["items"])
    if field["logicalType"] == "map":
        compiled["items"] = _field(field["map"]["value"], "value")
        compiled["map_key"] = _field(field["map"]["key"], "key")
    return compiled | _physical(field.get("physicalType", ""))


def _physical(physical_type: str) -> dict[str, Any]:
    if decimal := DECIMAL.fullmatch(physical_type):
        return {"precision": int(decimal[1]), "scale": int(decimal[2])}
    return {"long": True} if physical_type == "bigint" else {}
