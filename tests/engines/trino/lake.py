# the statements are literals of these tests
"""A small lake in one template, and the literal rows in it."""

import json
from typing import Any

from c360_core import contracts
from c360_core.names import Zone, database_name
from c360_core.projections import iceberg_partition_spec, iceberg_schema, lakeformation_tags
from stacks.analytics.prepared_statements import PreparedQuery
from twin.settings import ACCOUNT, ROOT

ENVIRONMENT = "dev"
RAW, CURATED, PRODUCTS = (database_name(ENVIRONMENT, zone) for zone in (Zone.RAW, Zone.CURATED, Zone.PRODUCTS))
LAKE, RESULTS = "test-lake", "test-results"
WORKGROUP = "c360-test"
PERSONA = "Analyst"
TABLES = (
    "interactions",
    "identity_map",
    "identity_records",
    "identifier_map",
    "profiles",
    "segment_membership",
    "quality_results",
    "reference_demographics",
    "reference_credit_bands",
    "reference_advertising_audiences",
    "shared_people",
    "shared_segments",
    "shared_orders",
    "shared_audiences",
)


def template() -> str:
    """The template of the lake: databases, Iceberg tables, a workgroup, prepared statements, an analyst's rights."""
    resources: dict[str, Any] = {}
    for database, zone in ((RAW, "raw"), (CURATED, "curated"), (PRODUCTS, "products")):
        resources[f"Database{zone}"] = {
            "Type": "AWS::Glue::Database",
            "Properties": {"CatalogId": ACCOUNT, "DatabaseInput": {"Name": database}},
        }
    for name in TABLES:
        resources |= of_table(contracts.load().product(name).table)
    resources |= _permissions()
    resources["Workgroup"] = {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": WORKGROUP,
            "WorkGroupConfiguration": {
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": f"s3://{RESULTS}/athena/"},
            },
        },
    }
    return json.dumps({"Resources": resources | _prepared()})


def _prepared() -> dict[str, Any]:
    return {
        f"Prepared{query.name.replace('_', '')}": {
            "Type": "AWS::Athena::PreparedStatement",
            "DependsOn": "Workgroup",
            "Properties": {
                "StatementName": query.name,
                "WorkGroup": WORKGROUP,
                "QueryStatement": query.statement,
                "Description": query.told,
            },
        }
        for query in map(PreparedQuery.read, sorted((ROOT / "sql" / "prepared_statements").glob("*.sql")))
    }


def of_table(table: contracts.Table) -> dict[str, Any]:
    """The resources of a table: itself, and the tags of its columns."""
    stated = {"Location": f"s3://{LAKE}/{table.zone}/{table.name}", "Schema": iceberg_schema(table)}
    if spec := iceberg_partition_spec(table):
        stated["PartitionSpec"] = spec
    iceberg = {"MetadataOperation": "CREATE", "Version": "2", "IcebergTableInput": stated}
    database = database_name(ENVIRONMENT, table.zone)
    resource = {
        "Type": "AWS::Glue::Table",
        "DependsOn": f"Database{table.zone}",
        "Properties": {
            "CatalogId": ACCOUNT,
            "DatabaseName": database,
            "Name": table.name,
            "OpenTableFormatInput": {"IcebergInput": iceberg},
        },
    }
    resources = {f"Table{table.name.replace('_', '')}": resource}
    by_class: dict[str, list[str]] = {}
    for column, value in lakeformation_tags(table).items():
        by_class.setdefault(str(value), []).append(column)
    for pii, columns in by_class.items():
        place = {"DatabaseName": database, "Name": table.name, "ColumnNames": columns, "CatalogId": ACCOUNT}
        name = f"Tags{table.name.replace('_', '')}{pii}"
        resources[name] = _association({"TableWithColumns": place}, pii)
    return resources


def _association(resource: dict[str, Any], value: str) -> dict[str, Any]:
    tags = [{"CatalogId": ACCOUNT, "TagKey": "pii", "TagValues": [value]}]
    return {"Type": "AWS::LakeFormation::TagAssociation", "Properties": {"Resource": resource, "LFTags": tags}}


def _permissions() -> dict[str, Any]:
    expression = [{"TagKey": "pii", "TagValues": ["none", "pseudonymous"]}]
    policy = {"CatalogId": ACCOUNT, "ResourceType": "TABLE", "Expression": expression}
    return {
        "PiiTag": {
            "Type": "AWS::LakeFormation::Tag",
            "Properties": {"TagKey": "pii", "TagValues": ["none", "pseudonymous", "direct", "sensitive"]},
        },
        "TagsOfProducts": _association({"Database": {"CatalogId": ACCOUNT, "Name": PRODUCTS}}, "pseudonymous"),
        "TagsOfCurated": _association({"Database": {"CatalogId": ACCOUNT, "Name": CURATED}}, "direct"),
        "AnalystMayRead": {
            "Type": "AWS::LakeFormation::PrincipalPermissions",
            "Properties": {
                "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::{ACCOUNT}:role/{PERSONA}"},
                "Permissions": ["SELECT", "DESCRIBE"],
                "PermissionsWithGrantOption": [],
                "Resource": {"LFTagPolicy": policy},
            },
        },
    }


LOYALTY, EMAIL, CRM, COOKIE = "loyalty_id:aa01", "email:bb02", "crm_id:cc03", "cookie_id:" + "d" * 32
DECISION = {
    "decision_id": "d-1",
    "trigger": "first_order",
    "action": "send",
    "channel": "email",
    "template": "welcome",
    "reasons": ["FIRST_ORDER", "CONSENT_GRANTED"],
}

# event_id, event_type, occurred_at, customer_key, session_start, amount, payload
_EVENTS: list[tuple[str, str, str, str, bool, str | None, dict[str, Any]]] = [
    ("e-01", "order_placed", "2026-01-05 10:00:00", LOYALTY, True, "100.10", {}),
    ("e-01", "order_placed", "2026-01-05 10:00:00", LOYALTY, True, "100.10", {}),  # a history loaded again
    ("e-02", "order_placed", "2026-02-01 10:00:00", EMAIL, True, "50.05", {}),
    ("e-03", "order_returned", "2026-02-03 10:00:00", LOYALTY, False, "-20.02", {}),
    ("e-04", "order_placed", "2026-02-11 23:59:59", CRM, True, "10.00", {}),
    ("e-05", "page_viewed", "2026-02-12 08:00:00", COOKIE, True, None, {"url": "/"}),
    ("e-06", "order_placed", "2026-02-12 09:00:00", COOKIE, False, "99.99", {}),
    ("e-07", "case_opened", "2026-02-13 09:00:00", CRM, False, None, {"case_id": "K1"}),
    ("e-08", "case_closed", "2026-02-13 19:00:00", CRM, False, None, {"case_id": "K1", "csat": 4}),
    ("e-09", "case_closed", "2026-02-14 19:00:00", CRM, False, None, {"case_id": "K2", "csat": 5}),
    ("e-10", "decision_made", "2026-02-14 20:00:00", LOYALTY, False, None, DECISION),
]

REVIEWER = "social_id:" + "e" * 32
# Reviews of somebody whom nobody knows: event id, type, minute, payload
_REVIEWS: list[tuple[str, str, int, dict[str, Any]]] = [
    ("r-1a", "review_posted", 0, {"review_id": "r-1", "product_id": "17", "rating": 5, "text": "Great."}),
    ("r-1b", "review_edited", 2, {"review_id": "r-1", "product_id": "17", "rating": 2, "text": "It broke."}),
    ("r-1c", "review_edited", 1, {"review_id": "r-1", "product_id": "17", "rating": 4, "text": "Came late."}),
    ("r-2a", "review_posted", 0, {"review_id": "r-2", "product_id": "17", "rating": 1, "text": "Secret."}),
    ("r-2b", "review_deleted", 5, {"review_id": "r-2"}),
    ("r-3a", "review_posted", 0, {"product_id": "17", "rating": 4, "text": "No id."}),
    ("r-3a", "review_posted", 0, {"product_id": "17", "rating": 4, "text": "No id."}),  # it came twice
    ("r-4a", "review_posted", 0, {"review_id": "r-4", "product_id": "18", "rating": 3}),
    ("n-1a", "brand_mentioned", 0, {"mention_id": "r-1", "network": "chirper", "text": "Love it."}),
    ("n-2a", "brand_mentioned", 0, {"mention_id": "n-2", "network": "chirper", "text": "Gone."}),
    ("n-2b", "mention_deleted", 0, {"mention_id": "n-2"}),
]

FOREIGN, RICH = "email:ff06", "email:aa07"
LAST_TO_COME = "7.00"  # what comes again and says something else
# source, and then as above, with the currency before the payload: customers about whom something is odd
_ODD_EVENTS: list[tuple[str, str, str, str, str, str | None, str | None, str]] = [
    ("pos_transactions", "1001", "order_placed", "2025-12-01 10:00:00", FOREIGN, "10.00", "USD", "{}"),
    ("pos_transactions", "1002", "order_placed", "2025-12-02 10:00:00", FOREIGN, "20.00", "EUR", "{}"),
    ("pos_transactions", "1003", "order_placed", "2025-12-03 10:00:00", FOREIGN, "5.00", "EUR", "{}"),
    ("web_events", "1001", "order_placed", "2025-12-01 10:00:00", RICH, "999999999999.99", "USD", "{}"),
    ("web_events", "1002", "order_placed", "2025-12-02 10:00:00", RICH, "999999999999.99", "USD", "{}"),
    ("web_events", "1002", "order_placed", "2025-12-02 10:00:00", RICH, LAST_TO_COME, "USD", "{}"),
    ("support_cases", "1001", "case_closed", "2025-12-03 10:00:00", RICH, None, None, '{"csat": "great"}'),
    ("support_cases", "1002", "case_closed", "2025-12-04 10:00:00", RICH, None, None, '{"csat": 1000}'),
    ("support_cases", "1003", "case_closed", "2025-12-05 10:00:00", RICH, None, None, '{"csat": 3.0}'),
    ("support_cases", "1004", "case_closed", "2025-12-06 10:00:00", RICH, None, None, "not JSON"),
    ("support_cases", "1005", "case_closed", "2025-12-07 10:00:00", RICH, None, None, '{"csat": null}'),
    (
        "decisions",
        "1001",
        "decision_made",
        "2025-12-05 11:00:00",
        RICH,
        None,
        None,
        '{"decision_id": "d-0", "reasons": 7}',
    ),
    ("decisions", "1002", "decision_made", "2025-12-05 12:00:00", RICH, None, None, '{"decision_id": "d-0"}'),
]

# person_id, identity_version, event_count, email, phone, spend, segments
_PROFILES: list[tuple[str, int, int, str | None, str | None, str, list[str]]] = [
    ("p_1", 1, 2, "old@example.org", None, "150.15", ["new"]),
    ("p_1", 2, 1, "old@example.org", None, "100.10", ["frequent"]),
    ("p_1", 2, 3, "maria@example.org", "+12025550123", "130.13", ["frequent", "vip"]),
    ("p_2", 2, 1, "bob@example.com", None, "10.00", []),
    ("p_9", 1, 1, "gone@example.com", None, "7.00", ["vip"]),  # merged into p_1 since
    ("a_" + "d" * 26, 0, 2, None, None, "99.99", []),
]

_NOW, _LATER = "timestamp '2026-02-20 00:00:00 UTC'", "timestamp '2026-02-20 01:00:00 UTC'"


def inserts() -> list[str]:
    """The rows, as statements."""
    return [
        _interactions(),
        _odd_interactions(),
        _reviews(),
        _identity_map(),
        _identifier_map(),
        _profiles(),
        *_bought(),
    ]


def _interactions() -> str:
    rows = (
        f"('{e}', '{kind}', 'pos_transactions', 1, timestamp '{at} UTC', {_NOW}, '{key}', array['{key}'], {first}, "
        f"{f'decimal {quote(amount)}' if amount else 'null'}, {quote('USD') if amount else 'null'}, "
        f"{quote(json.dumps(payload))}, '{{}}')"
        for e, kind, at, key, first, amount, payload in _EVENTS
    )
    columns = (
        "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
        "session_start, amount, currency, payload, identifiers"
    )
    return f"INSERT INTO {RAW}.interactions ({columns}) VALUES {', '.join(rows)}"


def _odd_interactions() -> str:
    rows = (
        f"('{e}', '{kind}', '{source}', 1, timestamp '{at} UTC', {_LATER if amount == LAST_TO_COME else _NOW}, "
        f"'{key}', array['{key}'], false, "
        f"{f'decimal {quote(amount)}' if amount else 'null'}, {quote(currency)}, {quote(payload)})"
        for source, e, kind, at, key, amount, currency, payload in _ODD_EVENTS
    )
    columns = (
        "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
        "session_start, amount, currency, payload"
    )
    return f"INSERT INTO {RAW}.interactions ({columns}) VALUES {', '.join(rows)}"


def _reviews() -> str:
    rows = (
        f"('{e}', '{kind}', 'product_reviews', 1, timestamp '2026-02-01 10:{minute:02}:00 UTC', {_NOW}, '{REVIEWER}', "
        f"array['{REVIEWER}'], false, {quote(json.dumps(payload))})"
        for e, kind, minute, payload in _REVIEWS
    )
    columns = (
        "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
        "session_start, payload"
    )
    return f"INSERT INTO {RAW}.interactions ({columns}) VALUES {', '.join(rows)}"


def _identity_map() -> str:
    rows = (
        f"('{record}', '{person}', {_NOW}, {until}, 'run-2', 2)"
        for record, person, until in (
            ("loyalty_members:L1", "p_1", "null"),
            ("crm_contacts:C9", "p_9", _NOW),
            ("crm_contacts:C9", "p_1", "null"),
            ("crm_contacts:C2", "p_2", "null"),
            ("support_cases:S3", "p_3", "null"),
            ("crm_contacts:C4", "p_4", "null"),
            ("crm_contacts:C5", "p_5", "null"),
        )
    )
    columns = "record_id, person_id, valid_from, valid_to, run_id, version"
    return f"INSERT INTO {CURATED}.identity_map ({columns}) VALUES {', '.join(rows)}"


def _identifier_map() -> str:
    people = ((LOYALTY, "p_1"), (EMAIL, "p_1"), (CRM, "p_2"), (FOREIGN, "p_4"), (RICH, "p_5"))
    rows = (f"('{key}', '{person}', 2)" for key, person in people)
    return f"INSERT INTO {CURATED}.identifier_map (identifier_key, person_id, version) VALUES {', '.join(rows)}"


def _profiles() -> str:
    rows = (
        f"('{person}', {version}, {count}, timestamp '2026-02-{10 + version:02} 00:0{count}:00 UTC', {quote(email)}, "
        f"{quote(phone)}, decimal '{spend}', cast(array[{', '.join(map(quote, segments))}] as array(varchar)), 1)"
        for person, version, count, email, phone, spend, segments in _PROFILES
    )
    columns = "person_id, identity_version, event_count, computed_at, email, phone, spend, segments, record_count"
    return f"INSERT INTO {CURATED}.profiles ({columns}) VALUES {', '.join(rows)}"


# record_id, person_key, household_key, postal_code
_KEYS = [
    ("loyalty_members:L1", "ann@example.com", "1 main st|60601", "60601"),
    ("crm_contacts:C9", "ann@example.com", None, "60602"),
    ("crm_contacts:C2", "bob@example.com", "1 main st|60601", "60601"),
    ("support_cases:S3", "cat@example.com", "9 oak ave|60609", "60609"),
]


def _bought() -> list[str]:
    """Keys of records, and what bought products say: of now, of the past, and of an audience that was taken back."""
    since, current = "timestamp '2026-01-01 00:00:00 UTC'", "true, array[timestamp '2026-01-01 00:00:00 UTC']"
    past = "false, array[timestamp '2025-01-01 00:00:00 UTC']"
    records = ", ".join(
        f"('{record}', 'x', {_NOW}, {quote(person)}, {quote(household)}, {quote(code)}, {quote(person)}, {_NOW})"
        for record, person, household, code in _KEYS
    )
    columns = "valid_from, valid_to, is_current, revisions"
    return [
        f"INSERT INTO {CURATED}.identity_records "
        f"(record_id, source, loaded_at, person_key, household_key, postal_code, email, updated_at) VALUES {records}",
        f"INSERT INTO {CURATED}.reference_demographics (provider_row_id, age_band, person_key, {columns}) VALUES "
        f"('D000001', '25-34', 'ann@example.com', {since}, null, {current}), "
        f"('D000002', '65+', 'nobody@example.com', {since}, null, {current})",
        f"INSERT INTO {CURATED}.reference_credit_bands (bureau_id, credit_band, household_key, {columns}) VALUES "
        f"('B000001', 'A', '1 main st|60601', {since}, null, {current}), "
        f"('B000001', 'E', '1 main st|60601', {since}, {_NOW}, {past}), "
        f"('B000002', 'C', '9 oak ave|60609', {since}, null, {current})",
        f"INSERT INTO {CURATED}.reference_advertising_audiences (audience_row, audience, postal_code_key, {columns}) "
        f"VALUES ('A000001', 'runners', '60601', {since}, null, {current}), "
        f"('A000002', 'cooks', '60602', {since}, null, {current}), "
        f"('A000003', 'none', '60609', {since}, null, {current})",
    ]


def quote(text: str | None) -> str:
    """A text or NULL in SQL."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"
