"""People, what they do, and three runs of identity resolution over them: recognised, merged, split again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

Row = Mapping[str, Any]

PEOPLE = 10
EVENTS = 400
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_RUN, MERGE_RUN, SPLIT_RUN = 1_000, 2_000, 3_000
KINDS = ("loyalty_id", "email", "device_id")
CITIES = ("Ohio City", "O'Fallon", "Zürich", None)


@dataclass(frozen=True, slots=True)
class World:
    """A world of its own for one interleaving: no two share a person or an identifier."""

    name: str

    def person(self, number: int) -> str:
        return f"p_{self.name}{number:025d}"

    def key(self, kind: str, number: int) -> str:
        return f"{kind}:{sha256(f'{self.name}{kind}{number}'.encode()).hexdigest()[:32]}"

    def interactions(self) -> list[Row]:
        """What ten people do, each under any of three identifiers."""
        random = Random(self.name)
        return [self._interaction(number, random) for number in range(EVENTS)]

    def first_run(self) -> list[Row]:
        """Everyone is a person but for the devices, which stay unknown; one person has never done anything.

        Told as the job tells it: what is theirs, then who they are.
        """
        changes: list[Row] = []
        for number in range(PEOPLE + 1):
            changes += [self.owned(kind, number, number, FIRST_RUN) for kind in KINDS[:2]]
            changes.append(self.said(number, FIRST_RUN))
        return changes

    def merge_run(self) -> list[Row]:
        """Person 1 was person 0, person 3 was person 2; the devices of both pairs are recognised."""
        changes: list[Row] = []
        for survivor, merged in ((0, 1), (2, 3)):
            changes += [self.said(survivor, MERGE_RUN), self.gone(merged, MERGE_RUN, survivor=survivor)]
            changes += [
                self.owned(kind, person, survivor, MERGE_RUN) for kind in KINDS for person in (survivor, merged)
            ]
        return changes

    def split_run(self) -> list[Row]:
        """Person 1 is somebody else after all; person 4 is forgotten, with all identifiers."""
        changes = [self.said(0, SPLIT_RUN), self.said(1, SPLIT_RUN), self.gone(4, SPLIT_RUN, survivor=None)]
        changes += [self.owned(kind, 1, 1, SPLIT_RUN) for kind in KINDS]
        return changes + [{**self.owned(kind, 4, 4, SPLIT_RUN), "op": "delete"} for kind in KINDS[:2]]

    def said(self, number: int, version: int) -> Row:
        return {
            "kind": "person",
            "op": "upsert",
            "person_id": self.person(number),
            "version": version,
            "survivor_id": None,
            "first_name": f"Name {number} of {version}",
            "email": f"{number}@example.com",
            "city": CITIES[number % len(CITIES)],
            "state": "OH" if number % 2 else "NY",
            "birth_date": f"19{50 + number}-02-03" if number != 5 else "3rd of February",
            "loyalty_id": f"L{number}" if number % 3 else None,
            "record_count": number + 1,
        }

    def gone(self, number: int, version: int, *, survivor: int | None) -> Row:
        survivor_id = None if survivor is None else self.person(survivor)
        person_id = self.person(number)
        return {
            "kind": "person",
            "op": "delete",
            "person_id": person_id,
            "version": version,
            "survivor_id": survivor_id,
        }

    def owned(self, kind: str, number: int, owner: int, version: int) -> Row:
        key, person_id = self.key(kind, number), self.person(owner)
        return {"kind": "identifier", "op": "upsert", "key": key, "person_id": person_id, "version": version}

    def _interaction(self, number: int, random: Random) -> Row:
        at = START + timedelta(minutes=number * 7 % EVENTS, milliseconds=number)  # not in the order of arrival
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event_type, details = random.choice(ACTIONS)(f"{self.name}{number}", random)
        return {
            # The shop and the tills number their events each for themselves.
            "event_id": f"{self.name}-{number // 2}",
            "event_type": event_type,
            "source": ("web_events", "pos_transactions")[number % 2],
            "schema_version": 1,
            "occurred_at": moment,
            "received_at": moment,
            "replay_id": "history" if random.random() < 0.5 else None,
            "customer_key": self.key(random.choice(KINDS), random.randrange(PEOPLE)),
            "identifier_keys": [self.key(kind, random.randrange(3)) for kind in ("email", "phone", "device_id")],
            "session_start": False,
            "payload": "{}",
            **details,
        }


def order(name: str, random: Random) -> tuple[str, dict[str, Any]]:
    amount = f"{random.randrange(1, 30_000) / 100:.2f}"
    currency = "EUR" if random.random() < 0.01 else "USD"
    return "order_placed", {"order_id": f"o-{name}", "amount": amount, "currency": currency}


def returned(_: str, random: Random) -> tuple[str, dict[str, Any]]:
    cents = random.randrange(1, 3_000)
    return "order_returned", {"amount": f"-{cents / 100:.2f}", "currency": "EUR" if cents % 25 == 0 else "USD"}


def visit(name: str, random: Random) -> tuple[str, dict[str, Any]]:
    return "page_viewed", {"session_id": f"s-{name}", "session_start": random.random() < 0.5}


def opened(name: str, _: Random) -> tuple[str, dict[str, Any]]:
    return "case_opened", {"payload": json.dumps({"case_id": f"c-{name}", "topic": "delivery", "channel": "phone"})}


def scored(name: str, _: Random) -> tuple[str, dict[str, Any]]:
    drawn = drawn_from(f"score {name}")
    payload = {"score": ("churn_risk", "sentiment")[drawn % 2], "value": drawn % 2_000_001 / 1_000_000 - 1}
    return "score_computed", {"payload": json.dumps(payload)}


def opened_or_scored(name: str, random: Random) -> tuple[str, dict[str, Any]]:
    """Draw nothing, so that whatever else happens is what it was without scores."""
    return (opened, scored)[drawn_from(f"action {name}") % 2](name, random)


def drawn_from(text: str) -> int:
    return int(sha256(text.encode()).hexdigest()[:8], 16)


def closed(name: str, random: Random) -> tuple[str, dict[str, Any]]:
    mark = {"csat": random.randrange(1, 6)} if random.random() < 0.8 else {}
    return "case_closed", {"payload": json.dumps({"case_id": f"c-{name}", **mark})}


def points(_: str, random: Random) -> tuple[str, dict[str, Any]]:
    tier = {"tier": random.choice(["silver", "gold"])} if random.random() < 0.7 else {}
    return "loyalty_points_changed", {"payload": json.dumps({"delta": 1, "balance": random.randrange(900), **tier})}


def enriched(name: str, random: Random) -> tuple[str, dict[str, Any]]:
    payload = {"age_band": random.choice(["19-24", "65+"]), "kids_count": random.choice(["0", "2"])}
    source = random.choice(["demographics", "web_events"])
    return "contact_changed", {"event_id": name, "source": source, "payload": json.dumps(payload)}


def consented(_: str, random: Random) -> tuple[str, dict[str, Any]]:
    said = {"purpose": "marketing", "channel": random.choice(["email", "sms", "any"]), "granted": random.random() < 0.5}
    return "consent_changed", {"payload": json.dumps(said)}


ACTIONS = (order, order, order, order, returned, visit, visit, opened_or_scored, closed, points, enriched, consented)
