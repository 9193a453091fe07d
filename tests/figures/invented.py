"""Invented customers with a year of everything that the marts count, the same on every run.

Some have several identifiers, some are unknown, some were merged or erased; orders come in two currencies and late,
histories come twice, and answers, marks and addresses may be nonsense.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.engines.trino import lake
from tests.engines.trino.lake import quote
from tests.engines.trino.stack import Stack

SEED: Final = 20_261_130
PEOPLE: Final = 60
SINCE: Final = datetime(2025, 1, 10)  # noqa: DTZ001  # times of the lake have no zone, as in the other rows
UNTIL: Final = datetime(2026, 3, 20)  # noqa: DTZ001  # the last events happen up to here
MERGED, ERASED = 7, 11  # every so many people are survivors of a merge, or erased
COLUMNS: Final = (
    "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
    "session_id, session_start, order_id, amount, currency, payload"
)
STATEMENT_BYTES: Final = 200_000  # Athena takes 262,144
STATEMENT_DAYS: Final = 100  # partitions that Athena writes at once
_ZONES: Final = ("America/New_York", None, "Europe/Berlin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One delivery of an event; an amount is in the currency."""

    event_id: str
    event_type: str
    source: str
    at: datetime
    key: str
    received: datetime
    amount: Decimal | None = None
    currency: str | None = None
    order_id: str | None = None
    session_start: bool = False
    payload: str = "{}"

    def row(self) -> str:
        """Return the event as a row of VALUES."""
        amount = f"cast('{self.amount}' as decimal(14, 2))" if self.amount is not None else "null"
        return (
            f"('{self.event_id}', '{self.event_type}', '{self.source}', 1, timestamp '{self.at:%F %T} UTC', "
            f"timestamp '{self.received:%F %T} UTC', '{self.key}', array['{self.key}'], null, "
            f"{str(self.session_start).lower()}, {quote(self.order_id)}, {amount}, {quote(self.currency)}, "
            f"{quote(self.payload)})"
        )


def insert(stack: Stack) -> None:
    """Insert the people and what they did."""
    for statement in statements():
        stack.query(statement)


def statements() -> Iterator[str]:
    """Yield the rows, as statements."""
    chance = random.Random(SEED)  # the same people on every run
    lives = [event for person in range(PEOPLE) for event in _life(chance, person)]
    yield from interactions([*lives, *_chosen(), *_asked()])
    yield _identifiers()
    yield _records(chance)
    yield _profiles(chance)
    yield _memberships(chance)
    yield _checks(chance)


def interactions(events: list[Event]) -> Iterator[str]:
    """Yield statements that insert events, each of few enough arrival days and bytes for Athena."""
    rows: list[str] = []
    days: set[str] = set()
    for event in sorted(events, key=lambda event: event.received):
        row, day = event.row(), f"{event.received:%F}"
        if rows and (len(days | {day}) > STATEMENT_DAYS or sum(map(len, rows)) + len(row) > STATEMENT_BYTES):
            yield f"INSERT INTO {lake.RAW}.interactions ({COLUMNS}) VALUES {', '.join(rows)}"
            rows, days = [], set()
        rows.append(row)
        days.add(day)
    yield f"INSERT INTO {lake.RAW}.interactions ({COLUMNS}) VALUES {', '.join(rows)}"


def keys(person: int) -> list[str]:
    """Return the identifiers of a person, by which their events came."""
    found = [f"loyalty_id:{person:032x}", f"cookie_id:{person + 1000:032x}"]
    return found[: 1 + (person % 3 > 0)]


def is_known(person: int) -> bool:
    """Say whether identity resolution knows the person."""
    return person % 5 != 4


def _life(chance: random.Random, person: int) -> Iterator[Event]:
    """Yield what a person did, in no order: shopping in phases, messages, answers, cases."""
    number = 0
    currency = "EUR" if person % 6 == 0 else "USD"
    begun = SINCE + timedelta(days=chance.randrange(200))
    ends = begun + timedelta(days=chance.choice([20, 90, 200, 400]))

    def event(kind: str, source: str, at: datetime, **more: Any) -> Event:
        nonlocal number
        number += 1
        late = chance.choice([0, 0, 0, 5, 100_000, 900_000])
        payload = more.pop("payload", {})
        return Event(
            event_id=f"i-{person}-{number}",
            event_type=kind,
            source=source,
            at=at,
            key=chance.choice(keys(person)),
            received=at + timedelta(seconds=late),
            payload=payload if isinstance(payload, str) else json.dumps(payload),
            **more,
        )

    at = begun
    while at < min(ends, UNTIL):
        yield from _visit(chance, event, at)
        if chance.random() < 0.5:
            yield from _order(chance, event, at + timedelta(hours=chance.randrange(1, 48)), currency)
        if chance.random() < 0.4:
            yield from _contact(chance, event, at - timedelta(hours=chance.randrange(1, 400)))
        at += timedelta(days=chance.randrange(3, 60), seconds=chance.randrange(86_400))


def _chosen() -> Iterator[Event]:
    """Yield what a play decided about each person: some are held out, some excluded, and some changed sides."""
    for person in range(PEOPLE):
        for number in range(2 if person % 10 == 9 else 1):
            held_out = (person + number) % 4 == 0
            reasons = ["HOLDOUT"] if held_out else ["FREQUENCY_CAP"] if person % 7 == 3 else ["WIN_BACK"]
            at = SINCE + timedelta(days=150 + 2 * person + 20 * number)
            decision = {
                "decision_id": f"w-{person}-{number}",
                "trigger": "win_back",
                "action": "send" if reasons == ["WIN_BACK"] else "silence",
                "template": "welcome",
                "reasons": reasons,
            }
            yield Event(
                event_id=f"w-{person}-{number}",
                event_type="decision_made",
                source="engagement_events",
                at=at,
                key=keys(person)[0],
                received=at,
                payload=json.dumps(decision),
            )


def _asked() -> Iterator[Event]:
    """Yield what every third person answered about personalisation; some take it back, some at the same moment."""
    for person in range(0, PEOPLE, 3):
        granted = [True, False] if person % 4 == 0 else [False, True] if person % 4 == 1 else [True]
        for number, answer in enumerate(granted):
            at = SINCE + timedelta(days=100 + person + (0 if person % 8 == 0 else 30 * number))
            told = {"purpose": "personalisation", "channel": "any", "granted": answer}
            yield Event(
                event_id=f"a-{person}-{number}",
                event_type="consent_changed",
                source="engagement_events",
                at=at,
                key=keys(person)[0],
                received=at,
                payload=json.dumps(told),
            )


def _lines(amount: Decimal) -> list[dict[str, Any]]:
    """Return the lines of an order: two or three, of which two may be the same article; one has no article."""
    cents = int(amount * 100)
    bought = [{"product_id": str(part), "department": f"D{part % 4}"} for part in (cents % 13, cents % 7)]
    return [*bought, *([{"quantity": 1}] if cents % 5 == 0 else [])]


def _visit(chance: random.Random, event: Any, at: datetime) -> Iterator[Event]:
    campaign = chance.choice(["", "", "?utm_medium=cpc&utm_campaign=Spring", "?x=1&utm_medium=social#top"])
    yield event(
        "page_viewed", "web_events", at, session_start=True, payload={"url": f"https://shop.example.com/{campaign}"}
    )
    if chance.random() < 0.7:
        yield event("product_viewed", "web_events", at + timedelta(minutes=1), payload={"product_id": "17"})
    for quantity in range(chance.choice([0, 1, 3])):
        yield event(
            "cart_updated",
            "web_events",
            at + timedelta(minutes=2),
            payload={"product_id": "17", "quantity": quantity},
        )
    if chance.random() < 0.3:
        names = chance.choice([("Experiment Viewed", "experiment_id", "variation_id"), ("Wish", "a", "b")])
        properties = {names[1]: "checkout", names[2]: chance.choice(["control", "short"])}
        yield event(
            "custom_event",
            "web_events",
            at + timedelta(minutes=3),
            payload={"name": names[0], "properties": properties},
        )


def _order(chance: random.Random, event: Any, at: datetime, currency: str) -> Iterator[Event]:
    other = {"USD": "EUR", "EUR": "USD"}[currency]
    paid = currency if chance.random() < 0.95 else other
    amount = Decimal(chance.randrange(100, 30_000)) / 100
    source = chance.choice(["pos_transactions", "web_events"])
    money = {"currency": paid, "order_id": f"o-{at:%j%H%M%S}"}
    # What is bought follows from the amount, so that no lot is drawn for it.
    told = {"lines": _lines(amount), **({"store_id": "1"} if source == "pos_transactions" else {})}
    placed = event("order_placed", source, at, amount=amount, payload=told, **money)
    yield placed
    if chance.random() < 0.1:
        yield placed  # a history that is loaded again
    if chance.random() < 0.2:
        yield event("order_returned", source, at + timedelta(days=chance.randrange(40)), amount=-amount / 2, **money)


def _contact(chance: random.Random, event: Any, at: datetime) -> Iterator[Event]:
    template = chance.choice(["welcome", "service_recovery"])
    message = {
        "message_id": f"m-{at:%j%H%M%S}",
        "decision_id": f"d-{at:%j%H%M%S}",
        "channel": "email",
        "template": template,
    }
    yield event("message_sent", "engagement_events", at, payload=message)
    if chance.random() < 0.3:
        silence = {"decision_id": f"s-{at:%j%H%M%S}", "action": "silence", "template": template, "reasons": []}
        yield event("decision_made", "engagement_events", at - timedelta(days=30), payload=silence)
    if chance.random() < 0.5:
        yield event("message_opened", "engagement_events", at + timedelta(hours=1), payload=message)
    if chance.random() < 0.3:
        yield event("offer_shown", "engagement_events", at + timedelta(hours=2), payload={"offer_id": "offer-1"})
    if chance.random() < 0.3:
        push = {"message_id": "p", "channel": "push"}
        yield event("message_clicked", "engagement_events", at + timedelta(hours=3), payload=push)
    if chance.random() < 0.6:
        answer = {
            "purpose": chance.choice(["marketing", "analytics"]),
            "channel": chance.choice(["email", "sms", "any"]),
            "granted": chance.random() < 0.6,
        }
        yield event("consent_changed", "engagement_events", at, payload=answer)
    if chance.random() < 0.5:
        case = {"case_id": "K", "csat": chance.choice([1, 2, 3, 4, 5, None, "great"])}
        yield event("case_closed", "support_cases", at + timedelta(days=1), payload=case)
    if chance.random() < 0.5:
        answer = {"score": chance.choice(["nps", "nps", "churn_risk"]), "value": chance.choice([0, 6, 7, 8, 9, 10, 11])}
        yield event("score_computed", "engagement_events", at + timedelta(days=2), payload=answer)


def _known() -> list[int]:
    return [person for person in range(PEOPLE) if is_known(person)]


def _survivor(person: int) -> str:
    """Return the person of now: every so often the one after was merged into the one before."""
    return f"i_{person - 1 if person % MERGED == 1 and is_known(person - 1) else person:03}"


def _identifiers() -> str:
    rows = [f"('{key}', '{_survivor(person)}', 9)" for person in _known() if person % ERASED for key in keys(person)]
    return f"INSERT INTO {lake.CURATED}.identifier_map (identifier_key, person_id, version) VALUES {', '.join(rows)}"


def _records(chance: random.Random) -> str:
    """Records, with those of earlier owners closed; an erased person has only closed ones."""
    rows = []
    begun, merged = "timestamp '2025-12-01 00:00:00 UTC'", "timestamp '2026-01-10 00:00:00 UTC'"
    for person in _known():
        own, now = f"i_{person:03}", _survivor(person)
        for source in chance.sample(["loyalty_members", "crm_contacts", "support_cases"], chance.randrange(1, 4)):
            record = f"{source}:I{person}"
            if own == now and person % ERASED:
                rows.append(f"('{record}', '{own}', {begun}, null, 'run-9', 9, 'email')")
                continue
            rows.append(f"('{record}', '{own}', {begun}, {merged}, 'run-9', 9, null)")
            if person % ERASED:
                rows.append(f"('{record}', '{now}', {merged}, null, 'run-10', 10, 'phone')")
    columns = "record_id, person_id, valid_from, valid_to, run_id, version, rule"
    return f"INSERT INTO {lake.CURATED}.identity_map ({columns}) VALUES {', '.join(rows)}"


def _profiles(chance: random.Random) -> str:
    """Versions of profiles, with segments that come and go."""
    rows = []
    for person in _known():
        for version in range(1 + person % 4):
            segments = chance.sample(["vip", "frequent", "new", "midwest"], chance.randrange(4))
            at = datetime(2025, 12, 5) + timedelta(days=version * 20, minutes=person)  # noqa: DTZ001  # as above
            rows.append(
                f"('i_{person:03}', 9, {version}, timestamp '{at:%F %T} UTC', 'i{person}@example.com', "
                f"cast(array[{', '.join(map(quote, sorted(segments)))}] as array(varchar)), 1, "
                f"{quote(_ZONES[person % len(_ZONES)])})"
            )
    columns = "person_id, identity_version, event_count, computed_at, email, segments, record_count, time_zone"
    return f"INSERT INTO {lake.CURATED}.profiles ({columns}) VALUES {', '.join(rows)}"


def _memberships(chance: random.Random) -> str:
    """Who entered and left segments; some changes are told again, as when profiles are rebuilt."""
    rows = []
    for person in _known():
        for segment in ("vip", "frequent", "new"):
            member = False
            for change in range(chance.randrange(5)):
                member = member if change and chance.random() < 0.2 else not member
                at = datetime(2025, 12, 1) + timedelta(days=change * 9, hours=person)  # noqa: DTZ001  # as above
                rows.append(f"('i_{person:03}', '{segment}', {str(member).lower()}, timestamp '{at:%F %T} UTC', 9)")
    columns = "person_id, segment, member, changed_at, identity_version"
    return f"INSERT INTO {lake.CURATED}.segment_membership ({columns}) VALUES {', '.join(rows)}"


def _checks(chance: random.Random) -> str:
    """Checks of tables, some of which failed."""
    rows = []
    for table in ("crm_contacts", "support_cases"):
        for day in range(40):
            at = (
                f"timestamp '2026-02-{1 + day:02} 02:00:00 UTC'"
                if day < 28
                else f"timestamp '2026-03-{day - 27:02} 02:00:00 UTC'"
            )
            for kind, measured in (("contract", "null"), ("volume", str(chance.randrange(100, 200))), ("nulls", "0.5")):
                outcome = chance.choice(["passed"] * 8 + ["failed", "learning"])
                rows.append(f"('q-{day}', {at}, 'raw', '{table}', '{kind}', 'r', '{outcome}', {measured})")
    columns = "run_id, evaluated_at, zone, table_name, kind, rule, outcome, measured"
    return f"INSERT INTO {lake.PRODUCTS}.quality_results ({columns}) VALUES {', '.join(rows)}"
