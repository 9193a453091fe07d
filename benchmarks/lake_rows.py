# ruff: noqa: S608  # the statements have our own names and numbers in them
"""A lake of as many interactions as are wanted, made by the engine: a year of shop, of people most of whom are known.

A number decides all of an event: a hash of it says who did what, so that the rows are the same in every run. Of a
hundred events 40 are pages, 25 products looked at, 14 baskets, 8 orders, 1 a return, and the rest messages, answers,
cases and experiments. Two of a hundred come twice. Four people of five are known, with two identifiers each.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from tests.engines.trino import lake
from twin.engines.trino import CATALOG

EVENTS_A_PERSON: Final = 50
FIRST: Final = date(2025, 1, 1)
DAYS: Final = 365
_RAW: Final = f'"{CATALOG}"."{lake.RAW}"'
_CURATED: Final = f'"{CATALOG}"."{lake.CURATED}"'
_STEP: Final = 28  # days for each statement: a table's writer takes so many partitions at once
_BLOCK: Final = 1_000


def statements(interactions: int) -> Iterator[str]:
    """Yield what fills the lake."""
    people = max(interactions // EVENTS_A_PERSON, 10)
    for begin in range(0, DAYS, _STEP):
        yield _events(interactions, people, begin, min(begin + _STEP, DAYS))
    yield (
        f"INSERT INTO {_RAW}.interactions ({_COLUMNS}) SELECT {_COLUMNS.replace('received_at', _A_DAY_LATER, 1)} "
        f"FROM {_RAW}.interactions WHERE event_id LIKE 'b-%7' AND received_at >= {_day(DAYS - 100)}"
    )
    yield from _people(people)


def news(interactions: int) -> Iterator[str]:
    """Yield what fills one more day."""
    yield _events(interactions, max(interactions // EVENTS_A_PERSON, 10), DAYS, DAYS + 1)


_COLUMNS: Final = (
    "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
    "session_start, order_id, amount, currency, payload"
)
_A_DAY_LATER: Final = "received_at + interval '26' hour"


def _day(number: int) -> str:
    return f"timestamp '{FIRST + timedelta(days=number):%F} 00:00:00 UTC'"


def _numbers(first: int, after: int) -> str:
    """Return a query of the whole numbers in a range, as `n`; a sequence of Trino has ten thousand at most."""
    blocks = -(-(after - first) // _BLOCK)
    return (
        f"SELECT {first} + b * {_BLOCK} + i AS n FROM unnest(sequence(0, {max(blocks - 1, 0)})) AS x (b) "
        f"CROSS JOIN unnest(sequence(0, {_BLOCK - 1})) AS y (i) WHERE {first} + b * {_BLOCK} + i < {after}"
    )


def _events(interactions: int, people: int, begin: int, end: int) -> str:
    """Return the statement for the events of some days."""
    first, after = interactions * begin // DAYS, interactions * end // DAYS
    kinds = ", ".join(f"({low}, {high}, '{kind}', '{source}')" for low, high, kind, source in _KINDS)
    return f"""
INSERT INTO {_RAW}.interactions ({_COLUMNS})
WITH numbers AS ({_numbers(first, after)}),
hashed AS (
  SELECT n, abs(from_big_endian_64(xxhash64(to_utf8('event ' || cast(n AS varchar)))) % 1000000000) AS h FROM numbers
),
happened AS (
  SELECT
    n,
    h,
    h / 100 % {people} AS person,
    date_add('second', cast(n AS bigint) * {86_400 * DAYS} / {interactions}, {_day(0)}) AS at
  FROM hashed
)
SELECT
  'b-' || cast(n AS varchar),
  kind,
  source,
  1,
  at,
  at + h % 7 * interval '1' minute,
  key,
  ARRAY[key],
  kind = 'page_viewed' AND h % 3 = 0,
  CASE WHEN kind LIKE 'order_%' THEN 'o-' || cast(n AS varchar) END,
  CASE kind
    WHEN 'order_placed' THEN cast(h % 30000 + 100 AS decimal(14, 2)) / 100
    WHEN 'order_returned' THEN cast(-(h % 9000) AS decimal(14, 2)) / 100
  END,
  CASE WHEN kind LIKE 'order_%' THEN if(person % 6 = 0, 'EUR', 'USD') END,
  {_PAYLOAD}
FROM happened
CROSS JOIN LATERAL (
  SELECT
    if(person % 5 = 4, 'cookie_id:', if(h % 2 = 0, 'loyalty_id:', 'email:')) || lpad(cast(person AS varchar), 32, '0')
      AS key
)
INNER JOIN (VALUES {kinds}) AS k (low, high, kind, source) ON h % 100 BETWEEN low AND high
"""


_KINDS: Final = (
    (0, 39, "page_viewed", "web_events"),
    (40, 64, "product_viewed", "web_events"),
    (65, 78, "cart_updated", "web_events"),
    (79, 86, "order_placed", "pos_transactions"),
    (87, 87, "order_returned", "pos_transactions"),
    (88, 89, "message_sent", "engagement_events"),
    (90, 91, "message_opened", "engagement_events"),
    (92, 93, "consent_changed", "engagement_events"),
    (94, 94, "case_opened", "support_cases"),
    (95, 95, "case_closed", "support_cases"),
    (96, 96, "score_computed", "engagement_events"),
    (97, 97, "custom_event", "web_events"),
    (98, 99, "decision_made", "engagement_events"),
)
_PAYLOAD: Final = """
  CASE kind
    WHEN 'page_viewed' THEN if(h % 4 = 0, '{"url": "https://shop.example.com/?utm_medium=cpc&utm_campaign=spring"}',
      '{"url": "https://shop.example.com/"}')
    WHEN 'cart_updated' THEN '{"product_id": "17", "quantity": ' || cast(h % 3 AS varchar) || '}'
    WHEN 'message_sent' THEN '{"channel": "email", "template": "welcome"}'
    WHEN 'message_opened' THEN '{"channel": "email"}'
    WHEN 'consent_changed' THEN '{"purpose": "marketing", "channel": "email", "granted": '
      || if(h % 3 = 0, 'false', 'true') || '}'
    WHEN 'case_closed' THEN '{"case_id": "K", "csat": ' || cast(h % 5 + 1 AS varchar) || '}'
    WHEN 'score_computed' THEN '{"score": "nps", "value": ' || cast(h % 11 AS varchar) || '}'
    WHEN 'custom_event' THEN '{"name": "Experiment Viewed", "properties": {"experiment_id": "checkout", '
      || '"variation_id": "' || if(person % 2 = 0, 'control', 'short') || '"}}'
    WHEN 'decision_made' THEN '{"decision_id": "' || cast(n AS varchar) || '", "trigger": "visit", "action": "'
      || if(h % 4 = 0, 'silence', 'send') || '", "channel": "email", "template": "welcome", "reasons": []}'
    ELSE '{}'
  END"""


def _people(people: int) -> Iterator[str]:
    known = (
        f"(SELECT n, 'b_' || cast(n AS varchar) AS person_id FROM ({_numbers(0, people)}) AS x WHERE n % 5 < 4) AS p"
    )
    key = "lpad(cast(n AS varchar), 32, '0')"
    yield (
        f"INSERT INTO {_CURATED}.identifier_map (identifier_key, person_id, version) SELECT kind || ':' || {key}, "
        f"person_id, 9 FROM {known} CROSS JOIN unnest(ARRAY['loyalty_id', 'email']) AS k (kind)"
    )
    yield (
        f"INSERT INTO {_CURATED}.identity_map (record_id, person_id, valid_from, valid_to, run_id, version) SELECT "
        f"'crm_contacts:' || {key}, person_id, {_day(1)}, CAST(null AS timestamp(6) with time zone), 'run-9', 9 "
        f"FROM {known}"
    )
    yield (
        f"INSERT INTO {_CURATED}.profiles (person_id, identity_version, event_count, computed_at, email, segments, "
        f"record_count) SELECT person_id, 9, 1, {_day(DAYS)}, person_id || '@example.com', "
        "CAST(CASE n % 4 WHEN 0 THEN ARRAY['frequent', 'vip'] WHEN 1 THEN ARRAY['new'] WHEN 2 THEN ARRAY['vip'] "
        f"ELSE ARRAY[] END AS array(varchar)), 1 FROM {known}"
    )
    yield (
        f"INSERT INTO {_CURATED}.segment_membership (person_id, segment, member, changed_at, identity_version) SELECT "
        f"person_id, 'vip', true, {_day(DAYS)}, 9 FROM {known} WHERE n % 2 = 0"
    )
