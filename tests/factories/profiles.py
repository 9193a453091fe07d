"""Builders of profile changes and profiles."""

from typing import Any

from c360_core.profile import Profile
from c360_core.profile_change import profile_from_change

PERSON = "p_01HZX0000000000000000000AA"


def profile_change(person_id: str = PERSON, **changed: Any) -> dict[str, Any]:
    """Return a change of kind `profile` as the stream carries it: one order, made live; None leaves a column out."""
    change = {
        "kind": "profile",
        "op": "upsert",
        "person_id": person_id,
        "identity_version": 7,
        "last_event_at": "2026-03-01T12:00:00.000Z",
        "event_count": 3,
        "computed_at": "2026-03-01T12:00:01.000Z",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada.lovelace@mail.org",
        "phone": "+14155550132",
        "time_zone": "America/New_York",
        "crm_id": "C0000001",
        "case_customer_id": "S0000001",
        "loyalty_id": "L0000001",
        "record_count": 2,
        "orders": 1,
        "live_orders": 1,
        "live_events": 3,
        "spend": 12.34,
        "currency": "USD",
        "first_order_at": "2026-03-01T12:00:00.000Z",
        "last_order_at": "2026-03-01T12:00:00.000Z",
        "age_band": "35-44",
        "segments": ["new_customers"],
    } | changed
    return {name: value for name, value in change.items() if value is not None}


def profile(person_id: str = PERSON, *, sequence: int = 1, **changed: Any) -> Profile:
    """Return the profile that `profile_change` stands for."""
    built = profile_from_change(profile_change(person_id, sequence=sequence, **changed), position="1")
    if not isinstance(built, Profile):
        raise TypeError("op: expected upsert, a removal is no profile")
    return built
