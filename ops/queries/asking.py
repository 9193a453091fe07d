"""A question to Athena, from its start to the pages of its answer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from c360_core.names import Zone, database_name
from c360_core.personas import PersonaDefinition
from ops.queries.cost import QueryCost
from ops.queries.failures import Asked, explained

MOST_REUSE_MINUTES: Final = 10_080
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_REFUSED_AT_ONCE: Final = frozenset({"InvalidRequestException", "AccessDeniedException"})
_PREPARED_PAGE: Final = 50

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an answer.

    Attributes:
        type: as Athena names it, such as `decimal` or `varchar`.
        precision: digits of a decimal.
        scale: of them behind the point.
    """

    name: str
    type: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A question that is prepared: its name, and what it says of itself and of its values."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a question.

    Attributes:
        execution_id: by which Athena knows the query.
        location: of the result in S3.
        limit_bytes: how much a query of the workgroup may read; None without a limit.
    """

    athena: Any
    execution_id: str
    location: str
    columns: tuple[Column, ...]
    cost: QueryCost
    limit_bytes: int | None

    def rows(self) -> Iterator[Row]:
        """Yield the rows, page by page as they are wanted."""
        names = tuple(column.name for column in self.columns)
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=self.execution_id)
        at_head = True
        for page in pages:
            for one in page["ResultSet"]["Rows"]:
                row = tuple(cell.get("VarCharValue") for cell in one["Data"])
                # The first row of a query has the names; a list, such as SHOW TABLES, has none.
                if not (at_head and row == names):
                    yield row
                at_head = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a persona asks.

    Attributes:
        athena: a client that asks as the persona.
        workgroup: the persona's own.
    """

    athena: Any
    workgroup: str
    persona: PersonaDefinition
    environment: str

    @property
    def database(self) -> str:
        """The database of the tables that a statement names without one: that of the marts."""
        return database_name(self.environment, Zone.PRODUCTS)

    def ask(self, statement: str, *, reuse_minutes: int = 0) -> Answer:
        """Ask, and wait for the answer; whoever interrupts it stops the query, which would go on and cost.

        Args:
            statement: one statement of Athena's SQL.
            reuse_minutes: how old an earlier result may be that is given again; 0 for none.

        Raises:
            QueryFailedError: there is no answer.
        """
        asked = Asked(statement=statement, persona=self.persona, environment=self.environment, database=self.database)
        limit = self._limit()
        execution = self._ended(self._started(asked, reuse_minutes))
        status, cost = execution["Status"], QueryCost.of(execution)
        if status["State"] != "SUCCEEDED":
            raise explained(status.get("StateChangeReason", status["State"]), asked, cost=cost, limit=limit)
        identifier = execution["QueryExecutionId"]
        head = self.athena.get_query_results(QueryExecutionId=identifier, MaxResults=1)
        return Answer(
            athena=self.athena,
            execution_id=identifier,
            location=execution["ResultConfiguration"]["OutputLocation"],
            columns=tuple(_column(one) for one in head["ResultSet"]["ResultSetMetadata"].get("ColumnInfo", ())),
            cost=cost,
            limit_bytes=limit,
        )

    def prepared(self) -> list[Prepared]:
        """Return the questions that are prepared in the workgroup."""
        found: list[Prepared] = []
        more: dict[str, str] = {}
        while True:
            page = self.athena.list_prepared_statements(WorkGroup=self.workgroup, MaxResults=_PREPARED_PAGE, **more)
            found += [self._described(one["StatementName"]) for one in page["PreparedStatements"]]
            if "NextToken" not in page:
                return found
            more = {"NextToken": page["NextToken"]}

    def _described(self, name: str) -> Prepared:
        stated = self.athena.get_prepared_statement(WorkGroup=self.workgroup, StatementName=name)["PreparedStatement"]
        return Prepared(name=name, description=stated.get("Description", ""))

    def _limit(self) -> int | None:
        stated = self.athena.get_work_group(WorkGroup=self.workgroup)["WorkGroup"].get("Configuration", {})
        limit = stated.get("BytesScannedCutoffPerQuery")
        return None if limit is None else int(limit)

    def _started(self, asked: Asked, reuse_minutes: int) -> str:
        by_age = {"Enabled": reuse_minutes > 0, **({"MaxAgeInMinutes": reuse_minutes} if reuse_minutes > 0 else {})}
        try:
            started = self.athena.start_query_execution(
                QueryString=asked.statement,
                QueryExecutionContext={"Database": self.database},
                WorkGroup=self.workgroup,
                ResultReuseConfiguration={"ResultReuseByAgeConfiguration": by_age},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED_AT_ONCE:
                raise
            raise explained(error.response["Error"].get("Message", str(error)), asked) from error
        return str(started["QueryExecutionId"])

    def _ended(self, identifier: str) -> dict[str, Any]:
        pause = _FIRST_PAUSE
        try:
            while True:
                execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=identifier)
                described: dict[str, Any] = execution["QueryExecution"]
                if described["Status"]["State"] in _ENDED:
                    return described
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except KeyboardInterrupt:
            self.athena.stop_query_execution(QueryExecutionId=identifier)
            raise


def _column(stated: dict[str, Any]) -> Column:
    return Column(
        name=stated["Name"], type=stated["Type"], precision=stated.get("Precision", 0), scale=stated.get("Scale", 0)
    )
