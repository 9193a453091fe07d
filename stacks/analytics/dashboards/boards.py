"""The three dashboards: one page for those who decide, one for those who manage, one for those who look closely."""

from collections.abc import Callable, Mapping
from typing import Final

from c360_metrics.definitions import Metrics
from stacks.analytics.dashboards.definition import (
    Dashboard,
    Link,
    Parameter,
    Visual,
    bar,
    bars,
    heat,
    insight,
    kpi,
    line,
    named,
    on,
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
    """One page: how many customers, how much they buy, whether they come back and recommend us, how it may go on."""
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
            line(of["net_promoter_score"], over="happened_in", granularity="month").sized(9, 9),
            line(of["case_satisfaction"], over="happened_in", granularity="month").sized(9, 9),
            heat(of["cohort_retention"], rows="cohort_month", columns="months_since").sized(18, 9),
            line(of["orders"], over="traded_on", granularity="month").sized(12, 8),
            bar(of["decisions"], by="action").sized(12, 8),
            insight(of["revenue"], over="traded_on", granularity="week", forecast=_WEEKS_AHEAD).sized(12, 8),
        ),
    )


def management(metrics: Metrics) -> Dashboard:
    """Segments, campaigns, retention, service and quality, each on a sheet, to decide what to do next."""
    return Dashboard(
        id=MANAGEMENT,
        name="Management",
        about="Trade, segments, campaigns, funnel and retention, service, and the quality of data.",
        parameters=(_CURRENCY, _SEGMENT),
        visuals=(
            *on("Trade and segments", *_trade(metrics)),
            *on("Campaigns", *_campaigns(metrics)),
            *on("Funnel and retention", *_retention(metrics)),
            *on("Service", *_service(metrics)),
            *on("Consent and quality", *_quality(metrics)),
        ),
    )


def _trade(metrics: Metrics) -> tuple[Visual, ...]:
    of = metrics.metrics
    to_people = Link(title="Look at the customers", dashboard=DETAIL, parameter="Segment", column="segment")
    return (
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
        heat(of["overlap_share"], rows="segment", columns="other_segment").sized(18, 9),
        bars("Movement of segments", [of["segment_entries"], of["segment_exits"]], by="segment"),
        table(
            "Movement by month",
            [of["segment_entries"], of["segment_exits"]],
            by=["happened_on", "segment"],
            granularity="month",
        ).sized(18, 9),
    )


def _campaigns(metrics: Metrics) -> tuple[Visual, ...]:
    of = metrics.metrics
    answers = [of[f"revenue_by_{name}"] for name in ("first", "last", "linear", "position", "data_driven")]
    trial = ("people", "ratio_deviations", "conversion", "lift", "lift_at_least", "lift_at_most")
    effects = ("spend_lift", "refusal_lift")
    more = [f"{effect}{limit}" for effect in effects for limit in ("", "_at_least", "_at_most")]
    return (
        bars("Revenue by touch and answer", answers, by="touch").sized(18, 12),
        table("Revenue by touch", answers, by=["touch"]).sized(18, 12),
        table(
            "Lift of trials",
            [of[f"trial_{name}"] for name in trial],
            by=["kind", "trial", "variant"],
        ).sized(36, 9),
        table(
            "Lift of spend and of refusals",
            [of[f"trial_{name}"] for name in more],
            by=["kind", "trial", "variant", "currency"],
        ).sized(36, 9),
        table("Decisions", [of["decisions"], of["messages"]], by=["trigger_name", "action"]).sized(18, 9),
    )


def _retention(metrics: Metrics) -> tuple[Visual, ...]:
    of = metrics.metrics
    steps = ("product_viewers", "basket_fillers", "converted_viewers", "returning_viewers")
    return (
        *(kpi(of[name]) for name in ("basket_rate", "order_rate", "lapsed_share", "lifetime_value")),
        bars("Funnel by month", [of[name] for name in steps], by="happened_in", granularity="month").sized(36, 9),
        heat(of["cohort_retention"], rows="cohort_month", columns="months_since").sized(18, 12),
        table(
            "Cohorts",
            [of["cohort_customers"], of["cohort_active"], of["cohort_spend"]],
            by=["cohort_month", "months_since"],
        ).sized(18, 12),
    )


def _service(metrics: Metrics) -> tuple[Visual, ...]:
    of = metrics.metrics
    return (
        *(kpi(of[name]) for name in ("net_promoter_score", "case_satisfaction", "satisfied_share", "closed_cases")),
        bars(
            "Cases by month", [of["incoming_cases"], of["settled_cases"]], by="happened_on", granularity="month"
        ).sized(18, 9),
        bars("Recommendation by month", [of["promoters"], of["detractors"]], by="happened_in", granularity="month"),
    )


def _quality(metrics: Metrics) -> tuple[Visual, ...]:
    of = metrics.metrics
    consent = ("consent_rate", "people_with_consent", "people_without_consent", "people_reachable")
    identity = ("joined_records", "moved_records", "moved_share", "source_interactions", "source_known_share")
    return (
        *(kpi(of[name]) for name in ("known_interaction_share", "late_interaction_share", "rules_failed")),
        heat(of["consent_rate"], rows="purpose", columns="channel").sized(18, 9),
        table("Consent", [of[name] for name in consent], by=["purpose", "channel"]).sized(18, 9),
        table("Identity quality", [of[name] for name in identity], by=["source"]).sized(18, 9),
        table(
            "Data quality",
            [of["rules_checked"], of["rules_failed"], of["checks_failed"]],
            by=["zone", "table_name"],
        ).sized(18, 9),
    )


def detail(metrics: Metrics) -> Dashboard:
    """From a segment to its customers, and to one of them."""
    models = metrics.models
    to_person = Link(title="Look at the customer", dashboard=DETAIL, parameter="Person", column="person_id")
    return Dashboard(
        id=DETAIL,
        name="Detail",
        about="Search to one customer: value, segments, decisions, timeline, consents and identity.",
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
            rows(
                "Timeline of customers",
                models["customer_timeline"],
                ["person_id", "day", "event_type", "source", "events", "first_at", "last_at"],
                links=[to_person],
            ).sized(36, 12),
            rows(
                "Consents of customers",
                models["customer_consents"],
                ["person_id", "purpose", "channel", "granted", "answered_at"],
                links=[to_person],
            ).sized(18, 10),
            rows(
                "Identity of customers",
                models["customer_identity"],
                ["person_id", "kind", "name", "number", "since"],
                links=[to_person],
            ).sized(18, 10),
        ),
    )


# The most general one first.
BOARDS: Final[Mapping[str, Callable[[Metrics], Dashboard]]] = {
    EXECUTIVE: executive,
    MANAGEMENT: management,
    DETAIL: detail,
}


def all_dashboards(metrics: Metrics) -> tuple[Dashboard, ...]:
    """Return the dashboards, the most general one first.

    Raises:
        DashboardError: a visual names what is not there, or would show a number without a meaning.
    """
    known = named(metrics)
    return tuple(make(known) for make in BOARDS.values())
