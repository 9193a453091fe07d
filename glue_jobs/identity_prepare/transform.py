"""From rows of the raw tables to identity records: frames in, frames out.

The identity roles in the contracts give the meaning of each column, so a new file source needs no code here.
"""

from collections.abc import Set
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812

from c360_core import contracts
from c360_core.contracts import Source, Table
from c360_core.exact_json import decode
from c360_core.identity.join_keys import join_key
from c360_core.identity.keys import first_usable, usable_as_sent
from c360_core.identity.normalise import DEFAULT_REGION, EARLIEST_BIRTH_YEAR, region_of
from c360_core.identity.records import match_row, prepare_record, record_from_row
from c360_core.identity.workflow import MATCH_FIELDS
from c360_core.names import IDENTITIES_JOINED, IdentifierType, JoinedBy

COLUMN_OF_ROLE: Final = {
    "given_name": "first_name",
    "family_name": "last_name",
    "full_name": "name",
    "email": "email",
    "phone": "phone",
    "street": "street",
    "city": "city",
    "state": "state",
    "postal_code": "postal_code",
    "country": "country",
    "birth_date": "birth_date",
    "loyalty_id": "loyalty_id",
    "crm_id": "crm_id",
    "case_system_id": "case_customer_id",
    "cookie_id": "cookie_id",
    "device_id": "device_id",
}
COLUMN_OF_IDENTIFIER: Final = {
    "email": "email",
    "phone": "phone",
    "loyalty_id": "loyalty_id",
    "crm_id": "crm_id",
    "case_system_id": "case_customer_id",
    "cookie_id": "cookie_id",
    "device_id": "device_id",
}
UNCHANGED: Final = ("language", "time_zone", "joined_by")
# Columns that help to read a record and are not kept in it.
INPUT_ONLY: Final = frozenset({"name", "country"})
TEXTS: Final = (*dict.fromkeys(COLUMN_OF_ROLE.values()), *UNCHANGED)
PREPARED_SCHEMA: Final = (
    ", ".join(f"{name} STRING" for name in TEXTS if name not in INPUT_ONLY)
    + ", email_verified BOOLEAN, placeholder_dropped ARRAY<STRING>, person_key STRING, household_key STRING"
)
LOGIN_SCHEMA: Final = ", ".join(f"{name} STRING" for name in TEXTS)
LOGIN_EVENT: Final = "identified"
MATCH_SCHEMA: Final = ", ".join(f"{field.name} STRING" for field in MATCH_FIELDS)
HASH_DIGITS: Final = 8
JOINED_DIGITS: Final = 16
# Identifiers that say who somebody is; the others say which device or network they use.
ACCOUNT_TYPES: Final = (
    IdentifierType.EMAIL,
    IdentifierType.LOYALTY_ID,
    IdentifierType.CRM_ID,
    IdentifierType.CASE_SYSTEM_ID,
    IdentifierType.PHONE,
)
# Defaults from the source's contract, for rows without a value of their own.
SOURCE_DEFAULTS: Final = ("default_country", "earliest_birth_date")


def file_rows(rows: DataFrame, source: Source, table: Table) -> DataFrame:
    """Return the rows of a file source as raw record values: source, key, texts, times."""
    columns = {COLUMN_OF_ROLE[f.identity_role]: f.name for f in table.fields if f.identity_role in COLUMN_OF_ROLE}
    columns |= {name: name for name in UNCHANGED if name in rows.columns}
    changed = "updated_at" if "updated_at" in rows.columns else source.publish[0].occurred_at
    return rows.select(
        F.lit(source.name).alias("source"),
        F.col(str(table.key)).alias("key"),
        *[_text(columns.get(name)).alias(name) for name in TEXTS],
        F.lit(False).alias("email_verified"),  # noqa: FBT003  # a SQL literal
        F.lit(source.default_country).alias("default_country"),
        F.lit(source.earliest_birth_date).alias("earliest_birth_date"),
        F.expr(f"CAST({changed} AS TIMESTAMP)").alias("updated_at"),
        "loaded_at",
    )


def _text(column: str | None) -> Column:
    return (F.lit(None) if column is None else F.col(column)).cast("string")


def login_rows(interactions: DataFrame) -> DataFrame:
    """Return one raw record per visitor (device or cookie) and account: the latest login of each pair.

    The account is the e-mail address, or else the strongest id. The record's key is the device or cookie, or else the
    account's key. If several accounts log in on one device, the first one keeps that key, and the others get a part of
    their account's keyed hash appended.
    """
    known_fields = frozenset(field.name for field in contracts.load().event(LOGIN_EVENT).fields)
    login = F.udf(partial(_login_values, known_fields=known_fields), LOGIN_SCHEMA)
    logins = interactions.where(F.col("event_type") == LOGIN_EVENT).select(
        "source",
        login("identifiers", "payload").alias("login"),
        F.coalesce(*map(_key_of_type, ACCOUNT_TYPES)).alias("account_key"),
        "occurred_at",
        "received_at",
        "event_id",
    )
    logins = logins.withColumn("visitor", F.coalesce("login.device_id", "login.cookie_id", "account_key"))
    pair = Window.partitionBy("source", "visitor", "account_key")
    latest = F.row_number().over(pair.orderBy(F.desc("occurred_at"), "event_id"))
    pairs = (
        logins.where("visitor IS NOT NULL")
        .withColumn("first_at", F.min("occurred_at").over(pair))
        .withColumn("latest", latest)
        .where("latest = 1")
    )
    by_visitor = Window.partitionBy("source", "visitor").orderBy("first_at", "account_key")
    hashed = F.substring(F.substring_index("account_key", ":", -1), 1, HASH_DIGITS)
    key = F.when(F.row_number().over(by_visitor) == 1, F.col("visitor")).otherwise(F.concat_ws("~", "visitor", hashed))
    return pairs.select(
        "source",
        key.alias("key"),
        *[F.col(f"login.{name}").alias(name) for name in TEXTS],
        F.col("login.email").isNotNull().alias("email_verified"),
        F.lit(DEFAULT_REGION).alias("default_country"),
        F.lit(f"{EARLIEST_BIRTH_YEAR}-01-01").alias("earliest_birth_date"),
        F.col("occurred_at").alias("updated_at"),
        F.col("received_at").alias("loaded_at"),
    )


def _key_of_type(kind: IdentifierType) -> Column:
    return F.expr(f"filter(identifier_keys, key -> key LIKE '{kind}:%')[0]")


def joined_rows(interactions: DataFrame) -> DataFrame:
    """Return the raw records of every statement that identifiers belong to one person: what is said twice counts once.

    A record holds one identifier of each type, so that a statement about two accounts of a type takes two records. What
    ties them together is `joined_by`. The first record has the present ids, and its key comes first.
    """
    split = F.udf(_joined_values, f"ARRAY<STRUCT<{LOGIN_SCHEMA}>>")
    said = F.sha2(F.array_join(F.array_sort("identifier_keys"), ","), 256)
    once = Window.partitionBy("source", "base").orderBy(F.desc("occurred_at"), "event_id")
    statements = (
        interactions.where(F.col("event_type") == IDENTITIES_JOINED)
        .withColumn("base", F.concat(F.lit("joined~"), F.substring(said, 1, JOINED_DIGITS)))
        .withColumn("latest", F.row_number().over(once))
        .where("latest = 1")
    )
    parts = statements.select(
        "source", "base", "occurred_at", "received_at", F.posexplode(split("identifiers")).alias("place", "part")
    )
    key = F.when(F.col("place") == 0, F.col("base")).otherwise(F.concat_ws("~", "base", "place"))
    return parts.select(
        "source",
        key.alias("key"),
        *[F.col(f"part.{name}").alias(name) for name in TEXTS if name != "joined_by"],
        F.concat_ws(":", "source", "base").alias("joined_by"),
        F.lit(False).alias("email_verified"),  # noqa: FBT003  # a SQL literal
        F.lit(DEFAULT_REGION).alias("default_country"),
        F.lit(f"{EARLIEST_BIRTH_YEAR}-01-01").alias("earliest_birth_date"),
        F.col("occurred_at").alias("updated_at"),
        F.col("received_at").alias("loaded_at"),
    )


def _joined_values(identifiers: str | None) -> list[dict[str, str]]:
    """Return the values of each record by column; a record takes the next usable identifier of every type."""
    given = {
        COLUMN_OF_IDENTIFIER[kind]: values
        for kind, values in usable_as_sent(_json_object(identifiers)).items()
        if kind in COLUMN_OF_IDENTIFIER
    }
    longest = max(map(len, given.values()), default=0)
    return [
        {column: values[place] for column, values in given.items() if place < len(values)} for place in range(longest)
    ]


def _login_values(identifiers: str | None, payload: str | None, *, known_fields: Set[str]) -> dict[str, str | None]:
    """Return the values of a login by column; of several identifiers of a type, the one that its key is made of.

    Only payload fields of the contract count; others have no known meaning or type.
    """
    given = first_usable(_json_object(identifiers))
    fields = {
        name: value for name, value in _json_object(payload).items() if name in known_fields and isinstance(value, str)
    }
    return {
        **fields,
        **{COLUMN_OF_IDENTIFIER[kind]: value for kind, value in given.items() if kind in COLUMN_OF_IDENTIFIER},
    }


def _json_object(text: str | None) -> dict[str, Any]:
    """Return a JSON object from the lake; empty for an old text that `clean` would reject today."""
    try:
        document = decode(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def records(raw: DataFrame) -> DataFrame:
    """Return the rows of curated.identity_records, with normalised values and a list of dropped placeholders."""
    prepare = F.udf(_prepare, PREPARED_SCHEMA)
    prepared = raw.select(
        F.concat_ws(":", "source", "key").alias("record_id"),
        "source",
        "loaded_at",
        "updated_at",
        prepare(
            F.struct("source", "key", "email_verified", *SOURCE_DEFAULTS, *TEXTS), F.unix_millis("loaded_at")
        ).alias("prepared"),
    )
    return prepared.select("record_id", "source", "loaded_at", "updated_at", "prepared.*")


def _prepare(values: Row, loaded_at: int) -> dict[str, Any]:
    """Prepare a record in a Python worker; times stay in Spark, where they have a zone."""
    raw = values.asDict()
    at = datetime.fromtimestamp(loaded_at / 1000, UTC)
    record = prepare_record(
        raw,
        source=raw["source"],
        key=raw["key"],
        loaded_at=at,
        region=raw["default_country"],
        earliest_birth=date.fromisoformat(raw["earliest_birth_date"]),
    )
    row = record.as_row()
    region = region_of(raw.get("country"), raw["default_country"])
    keys = {f"{by}_key": join_key(by, row, region=region) for by in (JoinedBy.PERSON, JoinedBy.HOUSEHOLD)}
    return {**row, **keys}


def match_input(identity_records: DataFrame) -> DataFrame:
    """Return the rows for the matcher: all text, columns in the order of its schema."""
    names = [name for name in identity_records.columns if name not in {"loaded_at", "updated_at"}]
    row = F.udf(_match_row, MATCH_SCHEMA)(F.struct(*names), F.unix_millis("loaded_at"))
    return identity_records.select(row.alias("row")).select("row.*")


def _match_row(values: Row, loaded_at: int) -> dict[str, str | None]:
    at = datetime.fromtimestamp(loaded_at / 1000, UTC)
    return match_row(record_from_row({**values.asDict(), "loaded_at": at}))
