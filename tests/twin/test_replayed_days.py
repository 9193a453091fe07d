"""An interaction that `unify` never saw counts once when its day goes over the stream again, and moves nobody.

Its file sorts behind the one that makes profiles again: it leaves a row in the lake that is history to the single view,
and that profiles made again count as what it is in the lake, an order that came live.
"""

from datetime import UTC, datetime

from c360_core.names import TableName, Zone, database_name
from tests.twin import views
from tests.twin.test_history import SECONDS, done, interactions
from tests.twin.test_story import order
from tools.laptop.demonstrate import Demonstration
from twin.scenario import unify
from twin.scenario.deployment import Deployment
from twin.scenario.waiting import until

SEEN = "seen-by-unify"


def forget(deployment: Deployment, event_id: str, missed: str) -> None:
    """Give the lake an interaction that `unify` has never seen: a copy of another, with an id of its own."""
    raw = database_name(deployment.emulator.settings.environment, Zone.RAW)
    table = deployment.client("glue").get_table(DatabaseName=raw, Name=TableName.INTERACTIONS)["Table"]
    columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    copied = ", ".join(f"'{missed}'" if name == "event_id" else name for name in columns)
    name = interactions(deployment)
    deployment.query(
        f"INSERT INTO {name} ({', '.join(columns)}) SELECT {copied} FROM {name} WHERE event_id = '{event_id}'"
    )
    assert deployment.count(name, f"event_id = '{missed}'") == 1


def test_an_interaction_that_unify_missed_counts_once_is_history_and_moves_nobody(run: Demonstration) -> None:
    deployment = run.story.deployment
    views.count_once(deployment, {**order(10, run.story._cards()[2]), "event_id": SEEN})
    until("the order is in the lake", lambda: deployment.count(interactions(deployment), f"event_id = '{SEEN}'"),
          lambda found: found == 1, seconds=SECONDS)  # fmt: skip
    forget(deployment, SEEN, "missed")
    before, orders = views.whole(deployment), unify.view_totals(deployment).orders
    today = datetime.now(UTC).date().isoformat()
    [(day,)] = deployment.query(
        "SELECT CAST(CAST(received_at AT TIME ZONE 'UTC' AS date) AS varchar) "
        f"FROM {interactions(deployment)} WHERE event_id = 'missed'"
    )

    for _ in range(2):
        done(deployment, "backfill", "--source", "pos_transactions", "--from", str(day), "--to", today, "--again")

    until("the order counts once", lambda: unify.view_totals(deployment).orders,
          lambda seen: seen == orders + 1, seconds=SECONDS)  # fmt: skip
    assert views.differences(deployment, before, "EVENT#") == {}
    assert views.view(deployment, "DECISION#") == before["DECISION#"]
    assert len(views.differences(deployment, before, "PROFILE")) == 1
