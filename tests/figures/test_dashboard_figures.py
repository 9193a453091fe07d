"""Two people are joined, one is forgotten, a month comes again: each moves the numbers that it should, and no other.

By the deployed definitions of all three dashboards, and Athena. What is named here has to move by so much; whatever is
not named may not move. Of a share there are two numbers, by how much each part of it moved; see `shown`.
"""

from decimal import Decimal
from typing import Any, Final

import pytest

from tests.engines.trino.stack import Stack, let_dbt
from tests.figures import acquaintances
from tests.figures.acquaintances import ANN, BEA, CAL, JOINED_AT, SINCE
from tests.figures.second_engine import SecondEngine, marts
from tests.figures.shown import Place, look, moved, visuals

Moves = dict[Place, dict[Any, Any]]
KEPT: Final = ("events_by_key_day", "customer_events", "interactions_by_key_day", "decision_events")
# Buyers are ranked among all, so that one less may move others between the cells; together they are one less.
RANKED: Final = ("management", "heat-rated-buyers")
ASKED: Final = [
    (purpose, channel)
    for purpose in ("marketing", "analytics", "personalisation")
    for channel in ("email", "sms", "push", "in_app")
]


def on(dashboards: str, visual: str, moves: dict[Any, Any]) -> Moves:
    """Return the moves of a visual that stands on several dashboards."""
    return {(dashboard, visual): moves for dashboard in dashboards.split(", ")}


def row(*cells: str | None, change: int) -> dict[tuple[str | None, ...], int]:
    return {cells: change}


def day(person: str, at: str, kind: str, source: str, change: int) -> dict[tuple[str | None, ...], int]:
    """One event on the timeline of somebody."""
    return row(person, at[:10], kind, source, "1", at, at, change=change)


def contact(person: str) -> tuple[str | None, ...]:
    return (person, "k***@***.com", None, None)


def bea_is(person: str, change: int) -> dict[tuple[str | None, ...], int]:
    """What Bea did, under the name of a person."""
    return (
        day(person, "2026-01-14 10:00:00", "product_viewed", "web_events", change)
        | day(person, "2026-01-15 10:00:00", "order_placed", "pos_transactions", change)
        | day(person, "2026-01-15 10:05:00", "consent_changed", "engagement_events", change)
        | day(person, "2026-01-16 10:00:00", "case_opened", "support_cases", change)
        | day(person, "2026-01-18 10:00:00", "case_closed", "support_cases", change)
        | day(person, "2026-01-20 10:00:00", "decision_made", "engagement_events", change)
    )


# Bea is Ann: nothing was sold and nobody did anything, but there is one customer less, and she came back.
JOINED: Final[Moves] = {
    **on("executive", "kpi-customers", {(): -1}),
    **on("executive", "kpi-buyers", {(): -1}),
    **on("executive", "kpi-retention", {(): (1, -1)}),
    # Both were `vip`; Bea was `new`, which two orders are not; they are `frequent`.
    **on("executive, management", "bar-segment-size-by-segment", {("frequent",): 1, ("new",): -1, ("vip",): -1}),
    # Of those who first bought in November one more bought in January, where one less was new.
    **on(
        "executive, management",
        "heat-cohort-retention",
        {
            ("2025-11-01", "2", "USD"): (1, 0),
            ("2026-01-01", "0", "USD"): (-1, -1),
            ("2026-01-01", "1", "USD"): (0, -1),
            ("2026-01-01", "2", "USD"): (0, -1),
        },
    ),
    **on(
        "management",
        "table-cohorts",
        {
            ("2025-11-01", "2", "USD"): {"cohort_active": 1, "cohort_spend": Decimal("60.00")},
            ("2026-01-01", "0", "USD"): {
                "cohort_customers": -1,
                "cohort_active": -1,
                "cohort_spend": Decimal("-60.00"),
            },
            ("2026-01-01", "1", "USD"): {"cohort_customers": -1},
            ("2026-01-01", "2", "USD"): {"cohort_customers": -1},
        },
    ),
    # What `vip` spent was 40 and 60, and is 100.
    **on(
        "management",
        "bar-segment-revenue-by-segment",
        {("frequent", "USD"): Decimal("100.00"), ("new", "USD"): Decimal("-60.00")},
    ),
    **on(
        "management",
        "heat-overlap-share",
        {
            ("frequent", "midwest"): (0, 1),
            ("frequent", "new"): (0, 1),
            ("frequent", "vip"): (1, 1),
            ("new", "frequent"): (0, -1),
            ("new", "midwest"): (0, -1),
            ("new", "vip"): (-1, -1),
            ("vip", "frequent"): (1, -1),
            ("vip", "midwest"): (0, -1),
            ("vip", "new"): (-1, -1),
        },
    ),
    **on(
        "management",
        "bars-movement-of-segments",
        {
            ("frequent",): {"segment_entries": 1},
            ("new",): {"segment_entries": -1},
            ("vip",): {"segment_entries": -1},
        },
    ),
    **on(
        "management",
        "table-movement-by-month",
        {
            ("2026-02-01", "frequent"): {"segment_entries": 1},
            ("2026-02-01", "new"): {"segment_entries": -1},
            ("2026-02-01", "vip"): {"segment_entries": -1},
        },
    ),
    # Ann had not bought for long; she has.
    **on("management", "kpi-lapsed-share", {("USD",): (-1, -1)}),
    **on("management", "kpi-lifetime-value", {("USD",): (Decimal("0.00"), -1)}),
    # Each answer is another question's, so that both stand; there is one less who could have answered.
    **on("management", "heat-consent-rate", dict.fromkeys(ASKED, (0, -1))),
    **on("management", "table-consent", {asked: {"consent_rate": (0, -1)} for asked in ASKED}),
    **on("management", "table-identity-quality", {("crm_contacts",): {"moved_records": 1, "moved_share": (1, 0)}}),
    **on(
        "detail",
        "rows-customers",
        {
            (*contact(ANN), "1", "40.00", "USD"): -1,
            (*contact(ANN), "2", "100.00", "USD"): 1,
            (*contact(BEA), "1", "60.00", "USD"): -1,
        },
    ),
    **on(
        "detail",
        "rows-segments-of-customers",
        {(ANN, "frequent", JOINED_AT): 1, (BEA, "new", SINCE): -1, (BEA, "vip", SINCE): -1},
    ),
    **on(
        "detail",
        "rows-decisions-about-customers",
        {
            ("2026-01-20 10:00:00", ANN, "case_closed", "send", "email"): 1,
            ("2026-01-20 10:00:00", BEA, "case_closed", "send", "email"): -1,
        },
    ),
    **on("detail", "rows-timeline-of-customers", bea_is(BEA, -1) | bea_is(ANN, 1)),
    **on(
        "detail",
        "rows-consents-of-customers",
        {
            (ANN, "marketing", "sms", "true", "2026-01-15 10:05:00"): 1,
            (BEA, "marketing", "sms", "true", "2026-01-15 10:05:00"): -1,
        },
    ),
    **on(
        "detail",
        "rows-identity-of-customers",
        {
            (ANN, "record", "crm_contacts", "1", JOINED_AT): 1,
            (ANN, "identifier", "email", "1", None): 1,
            (BEA, "record", "crm_contacts", "1", "2025-12-01 00:00:00"): -1,
            (BEA, "identifier", "email", "1", None): -1,
        },
    ),
}

# Cal is forgotten: what the shop sold stays, and what is said of persons is without Cal.
FORGOTTEN: Final[Moves] = {
    **on("executive", "kpi-customers", {(): -1}),
    **on("executive", "kpi-buyers", {(): -1}),
    **on("executive", "kpi-retention", {(): (0, -1)}),
    **on("executive", "kpi-satisfaction", {(): (Decimal("-1.00"), -1)}),
    **on("executive, management", "bar-segment-size-by-segment", {("new",): -1}),
    **on(
        "executive, management",
        "heat-cohort-retention",
        {("2026-02-01", "0", "USD"): (-1, -1), ("2026-02-01", "1", "USD"): (0, -1)},
    ),
    **on(
        "management",
        "table-cohorts",
        {
            ("2026-02-01", "0", "USD"): {
                "cohort_customers": -1,
                "cohort_active": -1,
                "cohort_spend": Decimal("-25.00"),
            },
            ("2026-02-01", "1", "USD"): {"cohort_customers": -1},
        },
    ),
    **on("management", "bar-segment-revenue-by-segment", {("new", "USD"): Decimal("-25.00")}),
    **on(
        "management",
        "heat-overlap-share",
        {("new", other): (0, -1) for other in ("frequent", "midwest", "vip")},
    ),
    **on("management", "bars-movement-of-segments", {("new",): {"segment_entries": -1}}),
    **on("management", "table-movement-by-month", {("2026-02-01", "new"): {"segment_entries": -1}}),
    **on("management", "kpi-lapsed-share", {("USD",): (0, -1)}),
    **on("management", "kpi-lifetime-value", {("USD",): (Decimal("-25.00"), -1)}),
    **on("management", "kpi-visits", {(): -1}),
    **on("management", "kpi-closed-cases", {(): -1}),
    **on("management", "kpi-known-interaction-share", {(): (-4, 0)}),
    **on(
        "management",
        "heat-consent-rate",
        dict.fromkeys(ASKED, (0, -1)) | {("marketing", "email"): (-1, -1)},
    ),
    **on(
        "management",
        "table-consent",
        {asked: {"consent_rate": (0, -1)} for asked in ASKED}
        | {("marketing", "email"): {"consent_rate": (-1, -1), "people_with_consent": -1, "people_reachable": -1}},
    ),
    **on(
        "management",
        "table-identity-quality",
        {
            ("crm_contacts",): {"joined_records": -1, "moved_share": (0, -1)},
            **{
                (source,): {"source_known_share": (-1, 0)}
                for source in ("web_events", "pos_transactions", "engagement_events", "support_cases")
            },
        },
    ),
    **on("detail", "rows-customers", {(*contact(CAL), "1", "25.00", "USD"): -1}),
    **on("detail", "rows-segments-of-customers", {(CAL, "new", SINCE): -1}),
    **on(
        "detail",
        "rows-timeline-of-customers",
        day(CAL, "2026-02-01 10:00:00", "page_viewed", "web_events", -1)
        | day(CAL, "2026-02-03 10:00:00", "order_placed", "pos_transactions", -1)
        | day(CAL, "2026-02-03 10:05:00", "consent_changed", "engagement_events", -1)
        | day(CAL, "2026-02-05 10:00:00", "case_closed", "support_cases", -1),
    ),
    **on(
        "detail",
        "rows-consents-of-customers",
        {(CAL, "marketing", "email", "true", "2026-02-03 10:05:00"): -1},
    ),
    **on(
        "detail",
        "rows-identity-of-customers",
        {
            (CAL, "record", "crm_contacts", "1", "2025-12-01 00:00:00"): -1,
            (CAL, "identifier", "email", "1", None): -1,
        },
    ),
}

# All of January comes again, and with it an order of Ann's for 15.00 that had been lost: that one counts, and is late.
MORE: Final = Decimal("15.00")
BY_ALL: Final = {f"revenue_by_{answer}": MORE for answer in ("first", "last", "linear", "position", "data_driven")}
REPLAYED: Final[Moves] = {
    **on("executive", "kpi-revenue", {("USD",): MORE}),
    **on("executive", "kpi-average-order", {("USD",): (MORE, 1)}),
    **on("executive", "line-revenue-by-week", {("2026-01-19", "USD"): MORE}),
    **on("executive", "insight-revenue-by-week", {("2026-01-19", "USD"): MORE}),
    **on("executive", "line-orders-by-month", {("2026-01-01", "USD"): 1}),
    **on("management", "kpi-orders", {("USD",): 1}),
    **on("management", "kpi-return-rate", {("USD",): (0, 1)}),
    **on(
        "management",
        "table-trade-by-month",
        {("2026-01-01", "USD"): {"revenue": MORE, "gross_revenue": MORE, "orders": 1, "return_rate": (0, 1)}},
    ),
    **on("management", "bar-segment-revenue-by-segment", {("frequent", "USD"): MORE, ("vip", "USD"): MORE}),
    # Nothing led to it.
    **on("management", "bars-revenue-by-touch-and-answer", {("none", "USD"): BY_ALL}),
    **on("management", "table-revenue-by-touch", {("none", "USD"): BY_ALL}),
    **on("management", "table-cohorts", {("2025-11-01", "2", "USD"): {"cohort_spend": MORE}}),
    **on("management", "kpi-lifetime-value", {("USD",): (MORE, 0)}),
    **on("management", "kpi-known-interaction-share", {(): (1, 1)}),
    **on("management", "kpi-late-interaction-share", {(): (1, 1)}),
    **on(
        "management",
        "table-identity-quality",
        {("pos_transactions",): {"source_interactions": 1, "source_known_share": (1, 1)}},
    ),
    **on(
        "detail",
        "rows-customers",
        {(*contact(ANN), "2", "100.00", "USD"): -1, (*contact(ANN), "3", "115.00", "USD"): 1},
    ),
    **on(
        "detail",
        "rows-timeline-of-customers",
        day(ANN, "2026-01-25 10:00:00", "order_placed", "pos_transactions", 1),
    ),
}


def build(variables: dict[str, str]) -> None:
    """Build the marts; their tests of data are of other tests."""
    let_dbt(variables, "run")


def kept(stack: Stack) -> dict[str, list[list[str | None]]]:
    return {name: sorted(stack.query(f"SELECT * FROM {name}"), key=str) for name in KEPT}


def named(moves: Moves) -> Moves:
    """Return the moves as the tests name them, without those of the ranks."""
    return {place: changes for place, changes in moves.items() if place != RANKED}


def ranked(moves: Moves) -> int:
    """Return how many buyers more there are in the ranks."""
    return sum(moves.get(RANKED, {}).values())


@pytest.mark.parametrize("moves", [JOINED, FORGOTTEN, REPLAYED], ids=["joined", "forgotten", "replayed"])
def test_what_is_expected_to_move_is_on_the_dashboards(moves: Moves) -> None:
    assert moves.keys() <= visuals().keys()
    assert {dashboard for dashboard, _ in moves} == {"executive", "management", "detail"}


def test_each_change_moves_exactly_what_it_should(stack: Stack, numbers: None, dbt_variables: dict[str, str]) -> None:
    before, history = look(stack), kept(stack)

    acquaintances.join(stack)
    build(dbt_variables)
    joined = look(stack)
    moves = moved(before, joined)
    assert named(moves) == JOINED
    assert ranked(moves) == -1

    acquaintances.forget(stack)
    build(dbt_variables)
    forgotten = look(stack)
    moves = moved(joined, forgotten)
    assert named(moves) == FORGOTTEN
    assert ranked(moves) == -1
    assert kept(stack) == history, "what is kept by identifier knows no people"

    acquaintances.replay(stack)
    build(dbt_variables)
    moves = moved(forgotten, look(stack))
    assert named(moves) == REPLAYED
    assert ranked(moves) == 0
    engine = SecondEngine(stack)
    assert {mart: engine.differences(mart)[:3] for mart in marts()} == {mart: [] for mart in marts()}
