"""`c360 quarantine`: who may see what, what a list reads, and how an event that comes back names its row."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import awswrangler
import pandas as pd
import pytest
import sqlglot
from botocore.exceptions import ClientError
from sqlglot import exp

from c360_aws.event_stream import EventStreamWriter
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import Pace
from c360_core.replay import Mark, ReplayInstructions, judge
from ops.quarantine import AthenaQuarantine, QuarantineGroup, RefusedError, Selection, summary_statement
from ops.replay import ReplayOptions, replay
from tests.factories.events import event
from tests.factories.rejected import NOW, row
from tests.fakes.ports import MemoryStream
from tests.unit.ops.test_replay_command import MemoryQuarantine

REFUSALS = [
    "COLUMN_NOT_FOUND: line 1:60: Column 'held.body' cannot be resolved or requester is not authorized to access it",
    "Access Denied: Cannot select from columns [body] in table or view rejected",
    "TABLE_NOT_FOUND: line 1:60: Table 'awsdatacatalog.c360_dev_quarantine.rejected' does not exist",
    "Insufficient Lake Formation permission(s) on rejected",
]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    error: Exception = request.param

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(awswrangler.athena, "read_sql_query", fail)


def refusing() -> Iterator[Exception]:
    yield from (awswrangler.exceptions.QueryFailed(text) for text in REFUSALS)
    yield ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StartQueryExecution")


@pytest.mark.parametrize("refused", list(refusing()), indirect=True, ids=range(len(REFUSALS) + 1))
@pytest.mark.usefixtures("refused")
def test_whoever_may_not_see_bodies_is_told_who_may() -> None:
    with pytest.raises(RefusedError, match=r"may not see what was rejected.*Lake Formation administrator grants"):
        AthenaQuarantine(environment="dev").show(Selection(), limit=1)


@pytest.mark.parametrize("refused", [awswrangler.exceptions.QueryFailed("it took too long")], indirect=True)
@pytest.mark.usefixtures("refused")
def test_a_failure_is_no_refusal() -> None:
    with pytest.raises(awswrangler.exceptions.QueryFailed, match="it took too long"):
        AthenaQuarantine(environment="dev").groups(Selection())


@pytest.mark.parametrize("selection", [Selection(), Selection(source="web_events", since=NOW, fixed_too=True)])
def test_a_list_names_no_column_that_holds_what_was_rejected(selection: Selection) -> None:
    sql, _ = summary_statement(selection)

    columns = {column.name for column in sqlglot.parse_one(sql, dialect="trino").find_all(exp.Column)}
    assert columns - {"id"} == {"source", "reason_code", "received_at", "fixed_by", "reason"}


def test_a_list_cannot_choose_by_what_is_in_bodies() -> None:
    with pytest.raises(ValueError, match="a list reads no bodies"):
        summary_statement(Selection(event_type="order_placed"))


def test_groups_are_read_as_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {
        "source": "web_events",
        "reason_code": "MISSING_FIELD",
        "day": "2026-03-01",
        "records": 5,
        "open_records": 2,
        "example": "`payload.sku` is missing; send it",
    }
    monkeypatch.setattr(awswrangler.athena, "read_sql_query", lambda *_, **__: pd.DataFrame([counted]))

    [group] = AthenaQuarantine(environment="dev").groups(Selection())

    assert group == QuarantineGroup(
        source="web_events",
        reason_code="MISSING_FIELD",
        day=date(2026, 3, 1),
        rows=5,
        open_rows=2,
        reason="`payload.sku` is missing; send it",
    )


# ---- what comes back


def sent(body: dict[str, Any], mark: Mark) -> dict[str, Any]:
    judged = judge(row(1, body=body), ReplayInstructions(mark=mark), now=NOW)
    assert judged.event is not None
    document: dict[str, Any] = json.loads(judged.event.data)
    return document


def test_an_event_that_comes_back_is_history_and_names_its_row() -> None:
    told = event(event_id="e-1")
    assert sent(told, Mark.HISTORY) == {**told, "replay_id": row(1).rejected_id}


@pytest.mark.parametrize(("given", "wanted"), [(None, row(1).rejected_id), ("of the sender", "of the sender")])
def test_a_live_event_names_its_row_as_its_trace_unless_it_has_one(given: str | None, wanted: str) -> None:
    told = event(event_id="e-1", trace_id=given)
    assert sent(told, Mark.TRACE) == {**told, "trace_id": wanted}


def test_chosen_ids_alone_are_replayed_and_those_that_are_not_there_are_named() -> None:
    quarantine, stream = MemoryQuarantine([row(1), row(2), row(3, fixed_by="e-3")]), MemoryStream()
    ids = (row(2).rejected_id, row(3).rejected_id, "r_gone")
    options = ReplayOptions(environment="dev", selection=Selection(rejected_ids=ids), mark=Mark.HISTORY)

    report = replay(options, {}, quarantine, stream, now=NOW)

    assert [(one["event_id"], one["replay_id"]) for one in stream.events()] == [("e-2", row(2).rejected_id)]
    assert report.missing == ("r_gone",)
    assert quarantine.fixed() == {row(2).rejected_id: "e-2", row(3).rejected_id: "e-3"}


class Taking:
    """Kinesis, which takes everything at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803  # of boto3
        self.sizes.append(len(Records))
        return {"Records": [{} for _ in Records]}


def test_a_replay_keeps_its_rate_from_batch_to_batch() -> None:
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    kinesis: Any = Taking()
    bodies = [event(event_id=f"e-{n}", identifiers={"device_id": [f"d-{n:012}"]}) for n in range(1200)]
    quarantine = MemoryQuarantine([row(n, body=body) for n, body in enumerate(bodies)])
    pace = Pace(records=100, size=1e9, clock=lambda: now[0], pause=pause)
    stream = EventStreamWriter(sender=KinesisSender(client=kinesis, stream="events"), pace=pace)

    replay(ReplayOptions(environment="dev", selection=Selection()), {}, quarantine, stream, now=NOW)

    assert sum(kinesis.sizes) == 1200
    assert max(kinesis.sizes) == 100
    assert now[0] == pytest.approx(11)  # twelve requests, of which the first goes at once
