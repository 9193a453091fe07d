# the statements are literals of these tests
"""Three customers of whom little is known, so that a person can work out what each does to a number.

Ann bought in November. Bea bought in January, complained, and was happy with the answer. Cal bought in February, after
a visit. All are in segments, and among the invented customers before the first build.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack

ANN, BEA, CAL = "k_ann", "k_bea", "k_cal"
KEYS: Final = {ANN: "loyalty_id:ann", BEA: "email:bea", CAL: "email:cal"}
RECORDS: Final = {ANN: "loyalty_members:ANN", BEA: "crm_contacts:BEA", CAL: "crm_contacts:CAL"}
SEGMENTS: Final = {ANN: ("vip",), BEA: ("new", "vip"), CAL: ("new",)}
SINCE: Final = "2026-02-10 09:00:00"
JOINED_AT: Final = "2026-02-15 09:00:00"
# What happened in January comes again then: eight days before the newest arrival, from where a build reads on.
REPLAYED_AT: Final = "2026-03-28 12:00:00"
MONTH: Final = "timestamp '2026-01-01 00:00:00 UTC' AND timestamp '2026-01-31 23:59:59.999 UTC'"
LOST_ORDER: Final = "15.00"
COLUMNS: Final = (
    "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
    "session_start, order_id, amount, currency, payload"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that somebody did, which arrived a minute later."""

    person: str
    kind: str
    at: str
    source: str = "web_events"
    amount: str | None = None
    is_visit: bool = False
    payload: dict[str, Any] | None = None

    def row(self, number: int, *, received: str | None = None) -> str:
        """Return the event as a row of VALUES."""
        key, at = KEYS[self.person], f"timestamp '{self.at} UTC'"
        arrived = f"timestamp '{received} UTC'" if received else f"{at} + interval '1' minute"
        money = f"decimal '{self.amount}', 'USD'" if self.amount else "null, null"
        order = f"'order-{number}'" if self.amount else "null"
        return (
            f"('k-{number}', '{self.kind}', '{self.source}', 1, {at}, {arrived}, '{key}', array['{key}'], "
            f"{str(self.is_visit).lower()}, {order}, {money}, {lake.quote(json.dumps(self.payload or {}))})"
        )


TILL, SHOP, CARE, TALK = "pos_transactions", "web_events", "support_cases", "engagement_events"
DEEDS: Final = (
    Deed(person=ANN, kind="order_placed", at="2025-11-10 10:00:00", source=TILL, amount="40.00"),
    Deed(
        person=ANN,
        kind="consent_changed",
        at="2025-11-10 10:05:00",
        source=TALK,
        payload={"purpose": "marketing", "channel": "email", "granted": True},
    ),
    Deed(person=BEA, kind="product_viewed", at="2026-01-14 10:00:00", payload={"product_id": "17"}),
    Deed(person=BEA, kind="order_placed", at="2026-01-15 10:00:00", source=TILL, amount="60.00"),
    Deed(
        person=BEA,
        kind="consent_changed",
        at="2026-01-15 10:05:00",
        source=TALK,
        payload={"purpose": "marketing", "channel": "sms", "granted": True},
    ),
    Deed(person=BEA, kind="case_opened", at="2026-01-16 10:00:00", source=CARE, payload={"case_id": "B"}),
    Deed(person=BEA, kind="case_closed", at="2026-01-18 10:00:00", source=CARE, payload={"case_id": "B", "csat": 5}),
    Deed(
        person=BEA,
        kind="decision_made",
        at="2026-01-20 10:00:00",
        source=TALK,
        payload={"decision_id": "bea", "trigger": "case_closed", "action": "send", "channel": "email", "reasons": []},
    ),
    Deed(person=CAL, kind="page_viewed", at="2026-02-01 10:00:00", is_visit=True),
    Deed(person=CAL, kind="order_placed", at="2026-02-03 10:00:00", source=TILL, amount="25.00"),
    Deed(
        person=CAL,
        kind="consent_changed",
        at="2026-02-03 10:05:00",
        source=TALK,
        payload={"purpose": "marketing", "channel": "email", "granted": True},
    ),
    Deed(person=CAL, kind="case_closed", at="2026-02-05 10:00:00", source=CARE, payload={"case_id": "C", "csat": 1}),
)


def insert(stack: Stack) -> None:
    """Insert the three and what they did."""
    _insert_events(stack, [deed.row(number) for number, deed in enumerate(DEEDS)])
    keys = ", ".join(f"('{key}', '{person}', 9)" for person, key in KEYS.items())
    stack.query(f"INSERT INTO {lake.CURATED}.identifier_map (identifier_key, person_id, version) VALUES {keys}")
    for person, record in RECORDS.items():
        _insert_record(stack, record, person, "2025-12-01 00:00:00", version=9)
    for person, segments in SEGMENTS.items():
        _insert_profile(stack, person, segments, SINCE, version=9)


def join(stack: Stack) -> None:
    """Find out that Bea is Ann, as the identity run and then the profiles do."""
    stack.query(f"UPDATE {lake.CURATED}.identifier_map SET person_id = '{ANN}' WHERE person_id = '{BEA}'")
    _close_records(stack, BEA, JOINED_AT)
    _insert_record(stack, RECORDS[BEA], ANN, JOINED_AT, version=11)
    _insert_profile(stack, ANN, ("frequent", "vip"), JOINED_AT, version=11)


def forget(stack: Stack) -> None:
    """Erase Cal: what is known of persons goes, and what happened stays under a key that leads to nobody."""
    stack.query(f"DELETE FROM {lake.CURATED}.identifier_map WHERE person_id = '{CAL}'")
    _close_records(stack, CAL, JOINED_AT)
    for table in ("profiles", "segment_membership"):
        stack.query(f"DELETE FROM {lake.CURATED}.{table} WHERE person_id = '{CAL}'")


def replay(stack: Stack) -> None:
    """Send all of January again, and with it an order of Ann that had been lost."""
    columns = COLUMNS.replace("received_at", f"timestamp '{REPLAYED_AT} UTC'", 1)
    stack.query(
        f"INSERT INTO {lake.RAW}.interactions ({COLUMNS}, replay_id) SELECT {columns}, 'replay-january' "
        f"FROM {lake.RAW}.interactions WHERE occurred_at BETWEEN {MONTH}"
    )
    lost = Deed(person=ANN, kind="order_placed", at="2026-01-25 10:00:00", source=TILL, amount=LOST_ORDER)
    _insert_events(stack, [lost.row(len(DEEDS), received=REPLAYED_AT)])


def _insert_events(stack: Stack, rows: list[str]) -> None:
    stack.query(f"INSERT INTO {lake.RAW}.interactions ({COLUMNS}) VALUES {', '.join(rows)}")


def _insert_record(stack: Stack, record: str, person: str, since: str, *, version: int) -> None:
    stack.query(
        f"INSERT INTO {lake.CURATED}.identity_map (record_id, person_id, valid_from, valid_to, run_id, version) "
        f"VALUES ('{record}', '{person}', timestamp '{since} UTC', null, 'run-{version}', {version})"
    )


def _close_records(stack: Stack, person: str, at: str) -> None:
    stack.query(
        f"UPDATE {lake.CURATED}.identity_map SET valid_to = timestamp '{at} UTC' "
        f"WHERE person_id = '{person}' AND valid_to IS NULL"
    )


def _insert_profile(stack: Stack, person: str, segments: tuple[str, ...], at: str, *, version: int) -> None:
    """Insert a version of a profile, and the entries into the segments that are new with it."""
    listed = ", ".join(map(lake.quote, segments))
    stack.query(
        f"INSERT INTO {lake.CURATED}.profiles "
        "(person_id, identity_version, event_count, computed_at, email, segments, record_count) "
        f"VALUES ('{person}', {version}, 1, timestamp '{at} UTC', '{person}@example.com', "
        f"cast(array[{listed}] as array(varchar)), 1)"
    )
    entered = [segment for segment in segments if at == SINCE or segment not in SEGMENTS[person]]
    rows = ", ".join(f"('{person}', '{segment}', true, timestamp '{at} UTC', {version})" for segment in entered)
    columns = "person_id, segment, member, changed_at, identity_version"
    stack.query(f"INSERT INTO {lake.CURATED}.segment_membership ({columns}) VALUES {rows}")
