"""From rows of the marts to interactions, articles and files."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from c360_core.recommendation.columns import ACTIVE, CONTEXT, LAPSED, DataSet
from c360_core.recommendation.named_filters import ORDERED, ORDERED_EARLIER
from c360_core.recommendation.request import DAYS, part_of_day
from glue_jobs.recommend.model import Interaction

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """What is recent, and what is still offered.

    Attributes:
        now: from when days are counted back.
        recent: an order of that time is recent: a filter may leave out what was bought.
        offered: an article is offered if somebody bought it in that time.
        age_restricted: departments whose articles are never recommended.
    """

    now: datetime
    recent: timedelta
    offered: timedelta
    age_restricted: Collection[str]


def interaction(row: Row, cuts: Cuts) -> Interaction:
    """Return what a row of `product_interactions` says; times of the marts are UTC and say no zone."""
    at = row["occurred_at"].replace(tzinfo=UTC)
    earlier = row["event_type"] == ORDERED and at < cuts.now - cuts.recent
    return Interaction(
        user_id=row["person_id"],
        item_id=row["product_id"],
        event_type=ORDERED_EARLIER if earlier else row["event_type"],
        at=int(at.timestamp()),
        context={
            "DEVICE": row["device"],
            "PLACE": row["place"],
            "PART_OF_DAY": part_of_day(at.hour),
            "WEEKDAY": DAYS[at.weekday()],
        },
    )


def attributes(row: Row, cuts: Cuts) -> dict[str, str]:
    """Return what a row of `products_sold` says of an article."""
    sold = row["last_sold_at"]
    offered = sold is not None and sold.replace(tzinfo=UTC) >= cuts.now - cuts.offered
    department = row["department"] or ""
    return {
        "CATEGORY": department,
        "OFFERED": str(offered),
        "AGE_RESTRICTED": str(department in cuts.age_restricted),
    }


def files(interactions: Iterable[Interaction], items: Mapping[str, Mapping[str, str]]) -> dict[DataSet, str]:
    """Return the files of an export, with a header each."""
    known = list(interactions)
    recent = {one.user_id for one in known if one.event_type == ORDERED}
    people = sorted({one.user_id for one in known})
    rows: dict[DataSet, list[dict[str, Any]]] = {
        DataSet.INTERACTIONS: [
            {
                "USER_ID": one.user_id,
                "ITEM_ID": one.item_id,
                "TIMESTAMP": one.at,
                "EVENT_TYPE": one.event_type,
                **{name: one.context.get(name, "") for name in CONTEXT},
            }
            for one in known
        ],
        DataSet.USERS: [{"USER_ID": one, "ACTIVITY": ACTIVE if one in recent else LAPSED} for one in people],
        DataSet.ITEMS: [{"ITEM_ID": name, **items[name]} for name in sorted(items)],
    }
    return {name: _text(name, part) for name, part in rows.items()}


def _text(data_set: DataSet, rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=data_set.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
