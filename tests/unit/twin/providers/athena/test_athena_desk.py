"""`c360 sql` asks the laptop's Athena by the requests that AWS takes; the service's model checks each."""

from collections.abc import Iterator
from typing import Any

import pytest

from c360_core.names import Querier, workgroup_name
from c360_core.personas import MARKETING_ANALYST
from ops.queries.asking import Desk, Prepared
from ops.queries.failures import NotAllowedError, ReadTooMuchError
from tests.unit.twin.providers.athena.test_athena import Engine, Store
from twin.emulator.wire import ServiceError, Wire
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.service import Access, Athena

WORKGROUP = workgroup_name("dev", Querier.MARKETING_ANALYST)
LIMIT = 10_000_000  # the least that a workgroup can have
PREPARED = {
    "WorkGroup": WORKGROUP,
    "StatementName": "one",
    "QueryStatement": "select n from rfm where n = ?",
    "Description": "One. Parameters: n.",
}


class Client:
    """A client of Athena that talks to the stand-in without a network."""

    def __init__(self, athena: Athena) -> None:
        self._wire = Wire("athena", athena)

    def __getattr__(self, operation: str) -> Any:
        name = "".join(part.title() for part in operation.split("_"))
        return lambda **request: self._wire.invoke(name, request)

    def get_paginator(self, _operation: str) -> "Client":
        return self

    def paginate(self, **request: Any) -> Iterator[Any]:
        more: dict[str, Any] = {}
        while True:
            page = self.get_query_results(**request, MaxResults=2, **more)
            yield page
            if "NextToken" not in page:
                return
            more = {"NextToken": page["NextToken"]}


class World:
    """The stand-in, and the marketing analyst at a desk."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.refused = ""
        result = {"OutputLocation": f"s3://results/{WORKGROUP}/"}
        configuration = {"ResultConfiguration": result, "BytesScannedCutoffPerQuery": LIMIT}
        self.athena = Athena(
            connect=self.engine.connect,
            client=lambda _: Store(),
            workgroups=lambda: [{"Name": WORKGROUP, "WorkGroupConfiguration": configuration}],
            prepared=PreparedStatements(lambda: [PREPARED]),
            access=Access(caller=lambda: "Analyst", require=self.require),
        )
        self.desk = Desk(athena=Client(self.athena), workgroup=WORKGROUP, persona=MARKETING_ANALYST, environment="dev")

    def require(self, _principal: str, calls: Any) -> None:
        for one in calls:
            if self.refused and self.refused in one.resource:
                raise ServiceError("AccessDeniedException", f"User: x is not authorized to perform: {one.action}")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.athena.close()


def test_an_answer_comes_in_pages_with_its_price(world: World) -> None:
    answer = world.desk.ask("SELECT n FROM rfm")
    assert list(answer.rows()) == [("1",), ("2",), ("3",)]
    assert answer.columns[0].type == "bigint"
    assert answer.location.startswith(f"s3://results/{WORKGROUP}/")
    assert (answer.cost.scanned_bytes, answer.cost.billed_bytes, str(answer.cost.usd)) == (42, 10_000_000, "0.000050")
    assert answer.limit_bytes == LIMIT


def test_a_prepared_question_is_found_and_asked(world: World) -> None:
    assert world.desk.prepared() == [Prepared(name="one", description="One. Parameters: n.")]
    answer = world.desk.ask("EXECUTE one USING 2")
    assert world.engine.asked[-1][1] == "EXECUTE IMMEDIATE 'select n from rfm where n = ?' USING 2"
    assert len(list(answer.rows())) == 3


def test_an_earlier_result_costs_nothing(world: World) -> None:
    world.desk.ask("SELECT n FROM rfm", reuse_minutes=5)
    again = world.desk.ask("SELECT n FROM rfm", reuse_minutes=5)
    assert (again.cost.reused, again.cost.billed_bytes) == (True, 0)
    assert list(again.rows()) == [("1",), ("2",), ("3",)]


def test_a_refusal_names_what_the_persona_reads(world: World) -> None:
    world.refused = "c360_dev_quarantine"
    with pytest.raises(NotAllowedError, match=r"MarketingAnalyst may not read quarantine\.rejected"):
        world.desk.ask("SELECT body FROM c360_dev_quarantine.rejected")


def test_a_query_that_reads_too_much_is_billed_for_what_it_read(world: World) -> None:
    world.engine.reads = LIMIT + 1
    with pytest.raises(ReadTooMuchError, match=r"than the 10 MB that .* 10 MB read, 11 MB billed: 0\.000055 USD"):
        world.desk.ask("SELECT n FROM rfm")
