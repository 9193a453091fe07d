"""What `unify` has to know after a given input, worked out in plain Python from the whole of it."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from c360_core.contracts import load
from c360_core.segment import Segment
from flink_apps.unify.pipeline import WORD_COLUMNS, identity_columns
from tests.factories.segment_logic import matches

Row = Mapping[str, Any]

GOLDEN = [name for name, _ in identity_columns(load())[len(WORD_COLUMNS) :]]
ENRICHMENT = (
    "age_band",
    "income_band",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
MOMENTS = (
    "last_event_at",
    "first_order_at",
    "last_order_at",
    "last_case_closed_at",
    "last_consent_at",
    "occurred_at",
    "decided_at",
)
CENT = Decimal("0.01")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(slots=True)
class Oracle:
    """Everything that was fed, and the answers to it."""

    segments: Sequence[Segment]
    interactions: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)

    def attributed(self) -> dict[str, list[Row]]:
        """Each interaction once, by the person whose it is now."""
        owners = self._latest("identifier", "key")
        people: dict[str, list[Row]] = defaultdict(list)
        for event in {(event["source"], event["event_id"]): event for event in self.interactions}.values():
            owner = owners.get(event["customer_key"], {"op": "delete"})
            known = owner["op"] == "upsert"
            people[owner["person_id"] if known else anonymous_id(event["customer_key"])].append(event)
        return people

    def profiles(self) -> dict[str, dict[str, Any] | None]:
        """The profile of everyone there ever was; None for those who are gone."""
        people, said = self.attributed(), self._latest("person", "person_id")
        found: dict[str, dict[str, Any] | None] = {}
        for person_id in set(people) | set(said):
            word = said.get(person_id)
            gone = word is not None and word["op"] == "delete"
            found[person_id] = None if gone else self._profile(person_id, word, people.get(person_id, []))
        return found

    def consents(self) -> dict[tuple[str, str, str], tuple[bool, datetime]]:
        """The latest word of each person on each purpose and channel."""
        words: dict[tuple[str, str, str], tuple[datetime, bool]] = {}
        for person_id, events in self.attributed().items():
            for event in events:
                if event["event_type"] == "consent_changed":
                    said = json.loads(event["payload"])
                    key = (person_id, said["purpose"], said["channel"])
                    word = (moment(event["occurred_at"]), not said["granted"])
                    words[key] = max(words.get(key, word), word)
        return {key: (not refused, at) for key, (at, refused) in words.items()}

    def address_consents(self) -> dict[tuple[str, str, str], tuple[bool, datetime]]:
        """The latest word on each address, purpose and channel, whoever said it and whoever owns it."""
        prefixes = {"email": ("email:",), "sms": ("phone:",), "any": ("email:", "phone:", "push_token:")}
        words: dict[tuple[str, str, str], tuple[datetime, bool]] = {}
        for event in self.interactions:
            if event["event_type"] != "consent_changed":
                continue
            said = json.loads(event["payload"])
            word = (moment(event["occurred_at"]), not said["granted"])
            for address in event["identifier_keys"]:
                if address.startswith(prefixes[said["channel"]]):
                    key = (address, said["purpose"], said["channel"])
                    words[key] = max(words.get(key, word), word)
        return {key: (not refused, at) for key, (at, refused) in words.items()}

    def timeline(self) -> set[tuple[str, str, str]]:
        """(person, source, event) of everything that is not history."""
        people = self.attributed().items()
        return {
            (person, event["source"], event["event_id"])
            for person, events in people
            for event in events
            if not event["replay_id"]
        }

    def _latest(self, kind: str, key: str) -> dict[str, Row]:
        words = sorted((c for c in self.changes if c["kind"] == kind), key=lambda change: change["version"])
        return {word[key]: word for word in words}

    def _profile(self, person_id: str, word: Row | None, events: list[Row]) -> dict[str, Any]:
        values = {name: (word or {}).get(name) for name in GOLDEN}
        values["birth_date"] = values["birth_date"] if is_date(values["birth_date"]) else None
        values |= {"person_id": person_id, "identity_version": word["version"] if word else 0}
        values |= _sums(events) | _latest_words(events)
        known = {name: value for name, value in values.items() if value is not None}
        return {**known, "segments": [s.name for s in self.segments if matches(s, known)]}


def is_date(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def anonymous_id(customer_key: str) -> str:
    return "a_" + customer_key.split(":")[1][:26]


def _sums(events: list[Row]) -> dict[str, Any]:
    of: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        of[event["event_type"]].append(event)
    placed = of["order_placed"]
    times = [moment(event["occurred_at"]) for event in placed]
    paid = placed + of["order_returned"]
    currencies = {event["currency"] for event in paid}
    spend = sum((Decimal(event["amount"]) for event in paid), Decimal("0.00"))
    marks = [mark for event in of["case_closed"] if (mark := json.loads(event["payload"]).get("csat"))]
    return {
        "event_count": len(events),
        "last_event_at": max((moment(event["occurred_at"]) for event in events), default=None),
        "orders": len(placed),
        "returns": len(of["order_returned"]),
        "spend": spend if len(currencies) < 2 else None,
        "currency": currencies.pop() if len(currencies) == 1 else None,
        "first_order_at": min(times, default=None),
        "last_order_at": max(times, default=None),
        "live_orders": sum(1 for event in placed if not event["replay_id"]),
        "live_events": sum(1 for event in events if not event["replay_id"]),
        "last_consent_at": max((moment(event["occurred_at"]) for event in of["consent_changed"]), default=None),
        "visits": sum(1 for event in events if event["session_start"]),
        "cases_opened": len(of["case_opened"]),
        "cases_closed": len(of["case_closed"]),
        "csat_average": (Decimal(sum(marks)) / len(marks)).quantize(CENT, ROUND_HALF_UP) if marks else None,
    }


def _latest_words(events: list[Row]) -> dict[str, Any]:
    case = _latest(e for e in events if e["event_type"] == "case_closed" and not e["replay_id"])
    loyalty = _latest(e for e in events if e["event_type"] == "loyalty_points_changed")
    enrichment = _latest(e for e in events if e["event_type"] == "contact_changed" and e["source"] == "demographics")
    return {
        "last_case_id": case.get("case_id"),
        "last_case_csat": case.get("csat"),
        "last_case_closed_at": case.get("at"),
        "loyalty_points": loyalty.get("balance"),
        "loyalty_tier": loyalty.get("tier"),
        **{name: enrichment.get(name) for name in ENRICHMENT},
        "scores": _scores(events) or None,
    }


def _scores(events: list[Row]) -> dict[str, Decimal]:
    scored = [event for event in events if event["event_type"] == "score_computed"]
    said = [json.loads(event["payload"]) for event in sorted(scored, key=lambda event: moment(event["occurred_at"]))]
    return {word["score"]: Decimal(str(word["value"])).quantize(Decimal("0.000001")) for word in said}


def _latest(events: Any) -> dict[str, Any]:
    last = max(events, key=lambda event: moment(event["occurred_at"]), default=None)
    return {} if last is None else {**json.loads(last["payload"]), "at": moment(last["occurred_at"])}


def read(message: Row) -> dict[str, Any]:
    """A message with moments as moments, and without what no oracle can know."""
    left_out = ("kind", "op", "sequence", "computed_at")
    return {
        name: moment(value) if name in MOMENTS else value for name, value in message.items() if name not in left_out
    }
