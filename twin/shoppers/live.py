"""New people who turn up while the demonstration runs, and what they do.

Their events carry no `replay_id`, and the rows about them are minutes old, so activation answers them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from twin.shoppers.chance import generator
from twin.shoppers.clock import MINUTE, SECOND, iso, milliseconds

Event = dict[str, Any]
Row = dict[str, str]
WEB: Final = "web_events"
ENGAGEMENT: Final = "engagement_events"
# One zone for each few hours of the clock, so that somewhere it is always day and somewhere always night.
ZONES: Final = (
    "Pacific/Auckland", "Asia/Tokyo", "Asia/Kolkata", "Asia/Dubai", "Europe/Berlin", "America/Sao_Paulo",
    "America/New_York", "America/Los_Angeles", "Pacific/Honolulu",
)  # fmt: skip
NOON: Final = 13
MIDNIGHT: Final = 2
_LATER: Final = 120 * MINUTE
_PEOPLE: Final = (
    ("welcome", "Nora", "Sunfield"),
    ("night", "Milo", "Moonridge"),
    ("unhappy", "Greta", "Stormwell"),
    ("withdrawn", "Ivo", "Quietwood"),
    ("later", "Elin", "Duskwater"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCustomer:
    """One new person and the events they send, in order.

    Attributes:
        contact: their row of a CRM export, with consent to marketing e-mail.
        member: their row of a loyalty export.
        cases: their rows of a call centre's export.
        scored: what a model says of them, if anything: an event of the platform itself.
    """

    role: str
    first_name: str
    last_name: str
    email: str
    phone: str
    loyalty_id: str
    crm_id: str
    device_id: str
    time_zone: str
    contact: Row
    member: Row
    cases: tuple[Row, ...]
    events: tuple[Event, ...]
    scored: Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveScenario:
    """The new people by what they show.

    welcome: logs in, says yes to e-mail and buys for the first time; it is day where they live: a welcome goes out.
    night: the same, but it is night where they live: nothing goes out.
    unhappy: calls, and the case is closed with the worst mark: service recovery, once it is known who called.
    withdrawn: said yes in the CRM and takes it back before the first purchase: nothing goes out.
    later: the same as the first, but reads messages two hours from now: the welcome waits.
    """

    welcome: LiveCustomer
    night: LiveCustomer
    unhappy: LiveCustomer
    withdrawn: LiveCustomer
    later: LiveCustomer

    @property
    def all(self) -> tuple[LiveCustomer, ...]:
        """Everybody, in order."""
        return self.welcome, self.night, self.unhappy, self.withdrawn, self.later

    @property
    def shoppers(self) -> tuple[LiveCustomer, ...]:
        """Those who place an order, one each."""
        return self.welcome, self.night, self.withdrawn, self.later


def live_customers(now: datetime, seed: int) -> LiveScenario:
    """Return new people whose events happen in the minutes before `now` (timezone-aware)."""
    if now.tzinfo is None:
        raise ValueError("`now` has no time zone; pass datetime.now(UTC)")
    day, night = zone_nearest(now, NOON), zone_nearest(now, MIDNIGHT)
    zones = {"welcome": day, "night": night, "unhappy": day, "withdrawn": day, "later": day}
    people = {
        role: _customer(number, role, first, last, zones[role], milliseconds(now), seed)
        for number, (role, first, last) in enumerate(_PEOPLE)
    }
    return LiveScenario(**people)


def zone_nearest(now: datetime, hour: int) -> str:
    """Return the zone where the local time is nearest to this hour."""

    def distance(zone: str) -> float:
        local = now.astimezone(ZoneInfo(zone))
        away = abs(local.hour + local.minute / 60 - hour)
        return min(away, 24 - away)

    return min(ZONES, key=distance)


def _customer(number: int, role: str, first: str, last: str, zone: str, now: int, seed: int) -> LiveCustomer:
    rng = generator(seed, f"live {role}")
    tag = rng.randint(100_000, 999_999)
    email = f"{first}.{last}{tag}@example.com".lower()
    phone = f"+1872555{100 + 20 * number + rng.randrange(20):04d}"
    loyalty_id, crm_id = (f"{letter}88{tag}{number}" for letter in "LC")
    device_id = f"d-{rng.getrandbits(48):012x}"
    told = {
        "first_name": first,
        "last_name": last,
        "email": email,
        "phone": phone,
        "street": f"{rng.randint(1, 999)} Live Oak Lane",
        "city": "Chicago",
        "state": "IL",
        "postal_code": "60601",
        "birth_date": f"19{rng.randint(60, 99)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
    }
    since, written = iso(now - 30 * MINUTE), {"language": "en-US", "time_zone": zone}
    contact = {"crm_id": crm_id, **told, **written, "created_at": since, "updated_at": since}
    contact |= {"email_opt_in": "true", "consent_at": since}
    member = {"loyalty_id": loyalty_id, **told, "joined_at": since, "updated_at": since, "points": "0", "tier": "basic"}
    story = _Story(role=role, tag=str(tag), email=email, device_id=device_id, loyalty_id=loyalty_id, now=now)
    identity = {"first_name": first, "last_name": last, **written}
    return LiveCustomer(
        role=role,
        first_name=first,
        last_name=last,
        email=email,
        phone=phone,
        loyalty_id=loyalty_id,
        crm_id=crm_id,
        device_id=device_id,
        time_zone=zone,
        contact=contact,
        member=member,
        cases=(_case(told, f"88{tag}{number}", now),) if role == "unhappy" else (),
        events=story.events(identity),
        scored=_scored(email, zone, str(tag), now) if role == "later" else None,
    )


def _scored(email: str, zone: str, tag: str, now: int) -> Event:
    """Return what the model of the hours says of somebody who reads messages two hours from now."""
    hour = datetime.fromisoformat(iso(now + _LATER)).astimezone(ZoneInfo(zone)).hour
    return {
        "event_id": f"live-score-{tag}",
        "event_type": "score_computed",
        "source": ENGAGEMENT,
        "schema_version": 1,
        "occurred_at": iso(now - MINUTE),
        "identifiers": {"email": [email]},
        "payload": {"score": "best_hour", "value": hour, "model": "hours 2026-01-01"},
    }


def _case(told: Row, number: str, now: int) -> Row:
    """Return the case of somebody whom the call centre has never heard of: only name, address and number say who."""
    return {
        "case_id": f"K{number}",
        "case_customer_id": f"S{number}",
        "customer_name": f"{told['first_name']} {told['last_name']}",
        "email": told["email"],
        "phone": told["phone"],
        "topic": "delivery",
        "channel": "phone",
        "text": "This is terrible. My order never came, nobody called me back and I am furious.",
        "opened_at": iso(now - 20 * MINUTE),
        "closed_at": iso(now - 10 * MINUTE),
        "csat": "1",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """What one new person does on the web, one event every few seconds, the last one at `now`."""

    role: str
    tag: str
    email: str
    device_id: str
    loyalty_id: str
    now: int

    def events(self, identity: dict[str, str]) -> tuple[Event, ...]:
        visitor = {"email": [self.email], "device_id": [self.device_id]}
        log_in = ("identified", visitor, dict(identity))
        if self.role == "unhappy":
            return self._dated([log_in])
        granted = self.role != "withdrawn"
        consent = {"purpose": "marketing", "channel": "email", "granted": granted, "wording_version": "2026-01"}
        member = {"loyalty_id": [self.loyalty_id], **visitor}
        return self._dated(
            [
                log_in,
                ("consent_changed", visitor, consent),
                ("product_viewed", visitor, {"product_id": "1029743", "department": "GROCERY"}),
                ("order_placed", member, self._order()),
            ]
        )

    def _order(self) -> dict[str, Any]:
        lines = [
            {"product_id": "1029743", "quantity": 2, "amount": "31.40", "department": "GROCERY"},
            {"product_id": "883404", "quantity": 1, "amount": "8.50", "department": "PASTRY"},
        ]
        return {"order_id": f"live-{self.tag}", "currency": "USD", "total": "39.90", "lines": lines}

    def _dated(self, told: list[tuple[str, dict[str, list[str]], dict[str, Any]]]) -> tuple[Event, ...]:
        start = self.now - 5 * SECOND * (len(told) - 1)
        return tuple(
            {
                "event_id": f"live-{self.role}-{self.tag}-{number}",
                "event_type": event_type,
                "source": WEB,
                "schema_version": 1,
                "occurred_at": iso(start + 5 * SECOND * number),
                "identifiers": identifiers,
                "payload": payload,
            }
            for number, (event_type, identifiers, payload) in enumerate(told)
        )
