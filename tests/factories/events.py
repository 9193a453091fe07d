"""Builders of example events: each one is accepted by its contract as it is."""

from copy import deepcopy
from itertools import count
from typing import Any

_NUMBERS = count(1)

IDENTIFIERS: dict[str, list[str]] = {
    "loyalty_id": ["L0000001"],
    "crm_id": ["C0000001"],
    "case_system_id": ["S0000001"],
    "email": ["ada.lovelace@example.com"],
    "phone": ["+14155550101"],
    "social_id": ["chirper:4711"],
    "device_id": ["d-0001"],
    "cookie_id": ["k-0001"],
    "push_token": ["t-0001"],
    "ip": ["192.0.2.1"],
}

SOURCE_IDENTIFIERS: dict[str, tuple[str, ...]] = {
    "pos_transactions": ("loyalty_id",),
    "web_events": ("device_id", "cookie_id"),
    "engagement_events": ("email",),
    "product_reviews": ("email",),
    "crm_contacts": ("crm_id", "email"),
    "loyalty_members": ("loyalty_id", "email"),
    "support_cases": ("case_system_id", "email"),
    "demographics": ("email",),
    "erp_orders": ("crm_id", "email"),
    "erp_customers": ("crm_id", "email"),
    "salesforce_contacts": ("crm_id", "email"),
    "salesforce_cases": ("crm_id", "email"),
    "sap_business_partners": ("crm_id", "email"),
    "sap_sales_orders": ("crm_id", "email"),
    "marketo_leads": ("email", "cookie_id"),
    "marketo_activities": ("cookie_id",),
    "ga4_sessions": ("cookie_id",),
}

_MESSAGE = {"message_id": "m-1", "decision_id": "dec-1", "channel": "email"}

PAYLOADS: dict[str, dict[str, Any]] = {
    "score_computed": {"score": "churn_risk", "value": 0.25, "model": "churn 3"},
    "page_viewed": {"url": "https://shop.example.com/", "title": "Home"},
    "screen_viewed": {"name": "Home", "category": "start"},
    "identities_joined": {"previous": "visitor"},
    "group_joined": {"group_id": "org-7", "name": "Analytical Engines", "traits": {"employees": 12}},
    "custom_event": {"name": "Wishlist Shared", "properties": {"list": "w-1"}},
    "product_viewed": {"product_id": "1029743", "department": "GROCERY"},
    "cart_updated": {"product_id": "1029743", "quantity": 2},
    "identified": {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "time_zone": "America/Los_Angeles",
        "language": "en-US",
    },
    "order_placed": {
        "order_id": "o-1",
        "store_id": "367",
        "currency": "USD",
        "total": "12.34",
        "discount": "1.00",
        "lines": [
            {"product_id": "1029743", "quantity": 2, "amount": "10.00", "department": "GROCERY"},
            {"product_id": "883404", "quantity": 1, "amount": "2.34", "department": "DELI"},
        ],
    },
    "order_returned": {"order_id": "o-1", "currency": "USD", "total": "2.34", "reason": "spoilt"},
    "loyalty_points_changed": {"delta": 12, "balance": 340, "tier": "silver"},
    "contact_changed": {
        "age_band": "35-44",
        "income_band": "50-74K",
        "home_ownership": "Homeowner",
        "marital_status": "Married",
        "household_size": "2",
        "household_comp": "2 Adults No Kids",
        "kids_count": "0",
    },
    "consent_changed": {"purpose": "marketing", "channel": "email", "granted": True, "wording_version": "2026-01"},
    "case_opened": {"case_id": "K0000001", "topic": "delivery", "channel": "phone", "text": "It came late."},
    "case_closed": {"case_id": "K0000001", "csat": 4, "resolution": "refunded"},
    "review_posted": {"review_id": "r-1", "product_id": "1029743", "rating": 5, "text": "Fresh."},
    "review_edited": {"review_id": "r-1", "product_id": "1029743", "rating": 4, "text": "Fresh, mostly."},
    "review_deleted": {"review_id": "r-1", "reason": "by its author"},
    "brand_mentioned": {"mention_id": "n-1", "network": "chirper", "text": "Love this shop."},
    "mention_deleted": {"mention_id": "n-1"},
    "decision_made": {
        "decision_id": "dec-1",
        "trigger": "first_purchase",
        "action": "send_message",
        "channel": "email",
        "template": "welcome",
        "reasons": ["first_purchase"],
    },
    "message_sent": {**_MESSAGE, "template": "welcome"},
    "message_delivered": dict(_MESSAGE),
    "message_opened": dict(_MESSAGE),
    "message_clicked": {**_MESSAGE, "url": "https://shop.example.com/offers"},
    "message_dismissed": dict(_MESSAGE),
    "message_bounced": {**_MESSAGE, "bounce_type": "permanent", "bounce_subtype": "General"},
    "message_complained": {**_MESSAGE, "feedback_type": "abuse"},
    "message_rejected": {**_MESSAGE, "reason": "Bad content"},
    "loyalty_tier_written": {"tier": "gold", "outcome": "accepted"},
    "offer_shown": {"offer_id": "offer-1", "placement": "home"},
    "offer_redeemed": {"offer_id": "offer-1", "order_id": "o-1", "discount": "1.00"},
}


def event(source: str = "web_events", event_type: str = "page_viewed", **overrides: Any) -> dict[str, Any]:
    """Return a good event, with a new event id each time.

    `payload` is merged into the example payload; every other override replaces the envelope's field. An override
    of `...` (Ellipsis) removes the field instead.
    """
    payload = {**deepcopy(PAYLOADS[event_type]), **overrides.pop("payload", {})}
    built: dict[str, Any] = {
        "event_id": f"e-{next(_NUMBERS):08d}",
        "event_type": event_type,
        "source": source,
        "schema_version": 1,
        "occurred_at": "2026-03-01T09:30:00.000Z",
        "identifiers": {kind: list(IDENTIFIERS[kind]) for kind in SOURCE_IDENTIFIERS[source]},
        "payload": {name: value for name, value in payload.items() if value is not ...},
    }
    built.update(overrides)
    return {name: value for name, value in built.items() if value is not ...}
