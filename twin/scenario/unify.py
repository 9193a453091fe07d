"""Who is who: run the identity resolution, wait for the single view, and score the result against the truth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from c360_core.names import ANONYMOUS_PREFIX, TableName, Zone, database_name
from twin.scenario.deployment import Deployment, money
from twin.scenario.lake import until_committed
from twin.scenario.records import true_people
from twin.scenario.scoring import Agreement, score
from twin.scenario.waiting import STALLED_SECONDS, until


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTotals:
    """Sums over all profiles of the single view; `known_spend` leaves out those of people who are still anonymous."""

    profiles: int
    orders: int
    spend: Decimal
    known_spend: Decimal


def resolve(deployment: Deployment) -> None:
    """Run the state machine that resolves identities, to its end."""
    deployment.execute("ResolveIdentityStateMachineArn")


def view_totals(deployment: Deployment) -> ViewTotals:
    """Add up the single view."""
    profiles = list(deployment.profiles("PK", "aggregates.orders", "aggregates.spend"))
    known = [item for item in profiles if not str(item["PK"]).startswith(f"PERSON#{ANONYMOUS_PREFIX}")]
    return ViewTotals(
        profiles=len(profiles),
        orders=sum(int(item.get("aggregates", {}).get("orders") or 0) for item in profiles),
        spend=_spend(profiles),
        known_spend=_spend(known),
    )


def _spend(profiles: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((money(item.get("aggregates", {}).get("spend")) for item in profiles), Decimal(0))


def wait_for_view(deployment: Deployment, *, orders: int, spend: Decimal) -> ViewTotals:
    """Wait until the single view holds every order and every cent, and stays so; return its sums.

    Two equal readings in a row are asked for: while people are merged, sums may pass the right value.
    """
    seen: list[ViewTotals] = []

    def read() -> bool:
        seen.append(view_totals(deployment))
        right = (seen[-1].orders, seen[-1].spend) == (orders, spend)
        return right and len(seen) > 1 and seen[-2] == seen[-1]

    until(
        f"the single view holds {orders} orders and {spend}",
        lambda: (read(), seen[-1]),
        lambda state: state[0],
        seconds=STALLED_SECONDS,
        pause=1.0,
        moving=True,
        done=lambda state: state[1].orders / orders,
    )
    return seen[-1]


def lake_spend(deployment: Deployment) -> Decimal:
    """Add up the amounts of all clean interactions in the lake."""
    rows = deployment.query(f"SELECT sum(amount) FROM {_interactions(deployment)}")  # noqa: S608  # our own names
    return money(rows[0][0])


def _interactions(deployment: Deployment) -> str:
    return f"{database_name(deployment.emulator.settings.environment, Zone.RAW)}.{TableName.INTERACTIONS}"


def wait_for_lake_spend(deployment: Deployment, spend: Decimal) -> Decimal:
    """Wait until the lake holds every cent, and return it: it is written at checkpoints, seconds after the view."""
    return until_committed(
        f"the lake holds {spend}",
        deployment,
        _interactions(deployment),
        lambda: lake_spend(deployment),
        lambda seen: seen == spend,
    )


def agreement(deployment: Deployment, folder: Path) -> Agreement:
    """Score the identity map in the lake against the truth of who is who."""
    curated = database_name(deployment.emulator.settings.environment, Zone.CURATED)
    sql = f"SELECT record_id, person_id FROM {curated}.{TableName.IDENTITY_MAP} WHERE valid_to IS NULL"  # noqa: S608
    found = {str(record): str(person) for record, person in deployment.query(sql)}
    return score(found, true_people(folder))
