"""The three dashboards: one page for those who decide, one for those who manage, one for those who look closely."""

from typing import Final

from c360_metrics.definitions import Metrics
from stacks.analytics.dashboards.definition import (
    Dashboard,
    Link,
    Parameter,
    bar,
    heat,
    insight,
    kpi,
    line,
    rows,
    table,
)

EXECUTIVE: Final = "executive"
MANAGEMENT: Final = "management"
DETAIL: Final = "detail"
_CURRENCY: Final = Parameter(name="Currency", title="Currency", column="currency", default="USD")
_SEGMENT: Final = Parameter(name="Segment", title="Segment", column="segment")
_PERSON: Final = Parameter(name="Person", title="Customer", column="person_id")
_WEEKS_AHEAD: Final = 8


def executive(metrics: Metrics) -> Dashboard:
    """One page: how many customers, how much they buy, whether they come back, and how it may go on."""
    of = metrics.metrics
    to_segment = Link(title="Look at the segment", dashboard=MANAGEMENT, parameter="Segment", column="segment")
    return Dashboard(
        id=EXECUTIVE,
        name="Executive",
        about="Customers, revenue, retention and satisfaction on one page.",
        parameters=(_CURRENCY,),
        visuals=(
            *(
                kpi(of[name])
                for name in ("customers", "buyers", "retention", "satisfaction", "revenue", "average_order")
            ),
            line(of["revenue"], over="traded_on", granularity="week", forecast=_WEEKS_AHEAD),
            bar(of["segment_size"], by="segment", links=[to_segment]).sized(12, 9),
            line(of["orders"], over="traded_on", granularity="month").sized(12, 8),
            bar(of["decisions"], by="action").sized(12, 8),
            insight(of["revenue"], over="traded_on", granularity="week", forecast=_WEEKS_AHEAD).sized(12, 8),
        ),
    )


def management(metrics: Metrics) -> Dashboard:
    """Segments, value groups, messages and service, to decide what to do next."""
    of = metrics.metrics
    to_people = Link(title="Look at the customers", dashboard=DETAIL, parameter="Segment", column="segment")
    return Dashboard(
        id=MANAGEMENT,
        name="Management",
        about="Segments, value groups, decisions, reviews and cases.",
        parameters=(_CURRENCY, _SEGMENT),
        visuals=(
            *(kpi(of[name]) for name in ("orders", "return_rate", "send_share", "cases", "visits", "bad_review_share")),
            bar(of["segment_revenue"], by="segment", links=[to_people]),
            bar(of["segment_size"], by="segment", links=[to_people]),
            heat(of["rated_buyers"], rows="recency_score", columns="frequency_score"),
            table(
                "Trade by month",
                [of["revenue"], of["gross_revenue"], of["orders"], of["returns"], of["return_rate"]],
                by=["traded_on"],
                granularity="month",
            ).sized(18, 9),
            table("Decisions", [of["decisions"], of["messages"]], by=["trigger_name", "action"]).sized(18, 9),
        ),
    )


def detail(metrics: Metrics) -> Dashboard:
    """From a segment to its customers, and to one of them."""
    models = metrics.models
    to_person = Link(title="Look at the customer", dashboard=DETAIL, parameter="Person", column="person_id")
    return Dashboard(
        id=DETAIL,
        name="Detail",
        about="Search to one customer: value, segments and decisions.",
        parameters=(_SEGMENT, _PERSON),
        visuals=(
            rows(
                "Customers",
                models["customers"],
                ["person_id", "email_masked", "state", "loyalty_tier", "rfm_cell", "orders", "spend", "currency"],
                links=[to_person],
            ).sized(36, 12),
            rows(
                "Segments of customers",
                models["segment_members"],
                ["person_id", "segment", "since"],
                links=[to_person],
            ).sized(12, 10),
            rows(
                "Decisions about customers",
                models["decided"],
                ["decided_at", "person_id", "trigger_name", "action", "channel"],
            ).sized(24, 10),
        ),
    )


def all_dashboards(metrics: Metrics) -> tuple[Dashboard, ...]:
    """Return the dashboards, the most general one first."""
    return (executive(metrics), management(metrics), detail(metrics))
