"""From rows of the marts to interactions, articles and the files of an export."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.recommendation.columns import DataSet
from c360_core.recommendation.named_filters import ORDERED, ORDERED_EARLIER, VIEWED
from glue_jobs.recommend.rows import Cuts, attributes, files, interaction
from tests.factories.recommendations import interactions
from twin.providers.personalize.data import fields_of, read_rows

NOW = datetime(2026, 3, 31, tzinfo=UTC)
CUTS = Cuts(now=NOW, recent=timedelta(days=30), offered=timedelta(days=90), age_restricted=frozenset({"SPIRITS"}))


def at(*parts: int) -> datetime:
    """Return a time as the marts have it: UTC, without saying so."""
    year, month, day, hour = (*parts, 0)[:4]
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


def row(**changed: Any) -> dict[str, Any]:
    """Return a row of the mart; its times say no zone."""
    told = {"person_id": "p", "product_id": "i", "event_type": ORDERED, "device": "till", "place": "store"}
    return {**told, "occurred_at": at(2026, 3, 1, 18), **changed}


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, ORDERED),
        ({"occurred_at": at(2026, 2, 28, 23)}, ORDERED_EARLIER),
        ({"occurred_at": at(2025, 1, 1), "event_type": VIEWED}, VIEWED),
    ],
)
def test_an_order_is_recent_or_earlier(changed: dict[str, Any], kind: str) -> None:
    assert interaction(row(**changed), CUTS).event_type == kind


def test_an_interaction_has_its_circumstances() -> None:
    assert interaction(row(), CUTS).context == {
        "DEVICE": "till",
        "PLACE": "store",
        "PART_OF_DAY": "evening",
        "WEEKDAY": "sunday",
    }


@pytest.mark.parametrize(
    ("sold", "department", "offered", "restricted"),
    [
        (at(2026, 3, 1), "BAKERY", "True", "False"),
        (at(2025, 12, 1), "BAKERY", "False", "False"),
        (None, None, "False", "False"),
        (at(2026, 3, 1), "SPIRITS", "True", "True"),
    ],
)
def test_an_article_is_offered_while_somebody_buys_it(
    sold: datetime | None, department: str | None, offered: str, restricted: str
) -> None:
    found = attributes({"last_sold_at": sold, "department": department}, CUTS)
    assert found == {"CATEGORY": department or "", "OFFERED": offered, "AGE_RESTRICTED": restricted}


def test_the_files_are_those_of_the_schemas() -> None:
    """Personalize reads what the job writes, by the schemas that the template deploys."""
    items = {"i, 1": {"CATEGORY": 'A "B"', "OFFERED": "True", "AGE_RESTRICTED": "False"}}
    written = files(interactions(people=3), items)
    for data_set in DataSet:
        fields = fields_of(data_set.value, data_set.schema())
        assert list(fields) == list(csv.DictReader(io.StringIO(written[data_set])).fieldnames or ())
        assert list(read_rows(written[data_set], fields, file="f"))
    assert len(list(csv.reader(io.StringIO(written[DataSet.USERS])))) == 1 + 3
    assert next(read_rows(written[DataSet.ITEMS], {"ITEM_ID": "string"}, file="f")) == {"ITEM_ID": "i, 1"}


@pytest.mark.parametrize("data_set", DataSet)
def test_a_schema_names_what_personalize_asks_for(data_set: DataSet) -> None:
    """Key columns are plain texts, the time is a long, and every other text is a category."""
    fields = {one["name"]: one for one in json.loads(data_set.schema())["fields"]}
    for name, one in fields.items():
        if name == "TIMESTAMP":
            assert one["type"] == "long"
        elif name.endswith("_ID") or name == "EVENT_TYPE":
            assert one == {"name": name, "type": "string"}
        else:
            assert one["categorical"] is True
