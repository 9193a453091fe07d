"""A question to Athena: its start, its pages, what it costs, and why it has no answer."""

import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError

from c360_core.personas import MARKETING_ANALYST
from ops.queries import files
from ops.queries.asking import Answer, Column, Desk, Prepared
from ops.queries.cost import QueryCost, in_units
from ops.queries.failures import (
    Asked,
    NotAllowedError,
    QueryFailedError,
    ReadTooMuchError,
    WrongStatementError,
    explained,
)

GIGABYTE = 1_000_000_000
WORKGROUP = "c360-dev-marketing-analyst"


class Athena:
    """Athena, with one answer of two pages.

    Attributes:
        status: how the query ends.
        refused: the message with which it is not even taken.
    """

    def __init__(self) -> None:
        self.status: dict[str, str] = {"State": "SUCCEEDED"}
        self.statistics: dict[str, Any] = {"DataScannedInBytes": 25_500_001, "TotalExecutionTimeInMillis": 1234}
        self.refused: tuple[str, str] | None = None
        self.started: dict[str, Any] = {}
        self.stopped: list[str] = []
        self.waits = 1
        self.pages: list[list[list[str | None]]] = [[["n", "a"], ["1", "x"]], [["n", "a"], ["2", None]]]

    def get_work_group(self, **given: str) -> Any:
        assert given == {"WorkGroup": WORKGROUP}
        return {"WorkGroup": {"Configuration": {"BytesScannedCutoffPerQuery": 10 * GIGABYTE}}}

    def start_query_execution(self, **given: Any) -> Any:
        if self.refused is not None:
            code, message = self.refused
            raise ClientError({"Error": {"Code": code, "Message": message}}, "StartQueryExecution")
        self.started = given
        return {"QueryExecutionId": "q-1"}

    def get_query_execution(self, **_: str) -> Any:
        self.waits -= 1
        status = {"State": "RUNNING"} if self.waits >= 0 else self.status
        location = {"OutputLocation": "s3://results/athena/marketing-analyst/q-1.csv"}
        return {
            "QueryExecution": {
                "QueryExecutionId": "q-1",
                "StatementType": "DML",
                "Status": status,
                "Statistics": self.statistics,
                "ResultConfiguration": location,
            }
        }

    def stop_query_execution(self, **given: str) -> None:
        self.stopped.append(given["QueryExecutionId"])

    def get_query_results(self, **_: Any) -> Any:
        described = [{"Name": "n", "Type": "decimal", "Precision": 14, "Scale": 2}, {"Name": "a", "Type": "varchar"}]
        return {"ResultSet": {"ResultSetMetadata": {"ColumnInfo": described}, "Rows": []}}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_query_results"
        return self

    def paginate(self, **_: str) -> Iterable[Any]:
        for page in self.pages:
            rows = [[{} if cell is None else {"VarCharValue": cell} for cell in row] for row in page]
            yield {"ResultSet": {"Rows": [{"Data": row} for row in rows]}}

    def list_prepared_statements(self, **given: Any) -> Any:
        if "NextToken" not in given:
            return {"PreparedStatements": [{"StatementName": "one"}], "NextToken": "more"}
        return {"PreparedStatements": [{"StatementName": "two"}]}

    def get_prepared_statement(self, **given: str) -> Any:
        described = {"Description": "One. Parameters: id."} if given["StatementName"] == "one" else {}
        return {"PreparedStatement": {"StatementName": given["StatementName"], "QueryStatement": "q", **described}}


@pytest.fixture
def athena(monkeypatch: pytest.MonkeyPatch) -> Athena:
    monkeypatch.setattr("ops.queries.asking.time.sleep", lambda _: None)
    return Athena()


def desk(athena: Athena) -> Desk:
    return Desk(athena=athena, workgroup=WORKGROUP, persona=MARKETING_ANALYST, environment="dev")


# ---- asking


def test_a_question_is_asked_in_the_workgroup_and_the_database_of_the_marts(athena: Athena) -> None:
    answer = desk(athena).ask("SELECT n, a FROM rfm")
    assert athena.started == {
        "QueryString": "SELECT n, a FROM rfm",
        "QueryExecutionContext": {"Database": "c360_dev_products"},
        "WorkGroup": WORKGROUP,
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
    }
    assert answer.columns == (Column(name="n", type="decimal", precision=14, scale=2), Column(name="a", type="varchar"))
    assert answer.limit_bytes == 10 * GIGABYTE


def test_only_the_first_row_of_all_is_the_head(athena: Athena) -> None:
    """The second page has a row that looks like it."""
    assert list(desk(athena).ask("SELECT 1").rows()) == [("1", "x"), ("n", "a"), ("2", None)]


def test_a_list_has_no_head(athena: Athena) -> None:
    athena.pages = [[["rfm", "1"]]]
    assert list(desk(athena).ask("SHOW TABLES").rows()) == [("rfm", "1")]


def test_an_earlier_result_is_asked_for_by_its_age(athena: Athena) -> None:
    desk(athena).ask("SELECT 1", reuse_minutes=30)
    by_age = athena.started["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]
    assert by_age == {"Enabled": True, "MaxAgeInMinutes": 30}


def test_who_interrupts_a_question_stops_it(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ops.queries.asking.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        desk(athena).ask("SELECT 1")
    assert athena.stopped == ["q-1"]


def test_what_is_prepared_says_what_it_is(athena: Athena) -> None:
    assert desk(athena).prepared() == [
        Prepared(name="one", description="One. Parameters: id."),
        Prepared(name="two", description=""),
    ]


# ---- what it costs


def cost(**changed: Any) -> QueryCost:
    execution = {"StatementType": "DML", "Status": {"State": "SUCCEEDED"}, "Statistics": {}, **changed}
    return QueryCost.of(execution)


def scanned(amount: int, **more: Any) -> dict[str, Any]:
    return {"Statistics": {"DataScannedInBytes": amount, **more}}


@pytest.mark.parametrize(
    ("execution", "billed", "usd"),
    [
        (scanned(0), 10_000_000, "0.000050"),
        (scanned(10_000_000), 10_000_000, "0.000050"),
        (scanned(10_000_001), 11_000_000, "0.000055"),
        (scanned(10**12), 10**12, "5.000000"),
        (scanned(3 * 10**12 + 1), 3_000_001_000_000, "15.000005"),
        ({"StatementType": "DDL", **scanned(0)}, 0, "0.000000"),
        ({"StatementType": "UTILITY", **scanned(0)}, 0, "0.000000"),
        ({"StatementType": "DDL", **scanned(10**12)}, 10**12, "5.000000"),
        ({"Status": {"State": "FAILED"}, **scanned(10**12)}, 0, "0.000000"),
        ({"Status": {"State": "CANCELLED"}, **scanned(10**12)}, 10**12, "5.000000"),
        (scanned(0, ResultReuseInformation={"ReusedPreviousResult": True}), 0, "0.000000"),
        (scanned(10**12, DpuCount=24.0), 0, "0.000000"),
    ],
    ids=[
        "nothing read",
        "least",
        "begun megabyte",
        "terabyte",
        "more",
        "definition",
        "list",
        "table from a query",
        "failed",
        "cancelled",
        "reused",
        "capacity",
    ],
)
def test_a_query_is_billed_by_what_it_reads(execution: dict[str, Any], billed: int, usd: str) -> None:
    found = cost(**execution)
    assert (found.billed_bytes, found.usd) == (billed, Decimal(usd))


def test_the_cost_is_said_to_people() -> None:
    took = {"TotalExecutionTimeInMillis": 1234}
    assert str(cost(**scanned(25_500_001, **took))) == "25.5 MB read, 26 MB billed: 0.000130 USD; 1.2 s"
    capacity = str(cost(**scanned(25_500_001, DpuCount=24, **took)))
    assert capacity == "25.5 MB read; 24 DPUs of reserved capacity, which are paid for by the hour; 1.2 s"
    reused = str(cost(**scanned(0, ResultReuseInformation={"ReusedPreviousResult": True}, **took)))
    assert reused == "an earlier result; nothing was read; 1.2 s"


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (10**10, "10 GB"), (10**12, "1 TB")]
)
def test_bytes_have_decimal_units(amount: int, text: str) -> None:
    assert in_units(amount) == text


# ---- why there is no answer


def why(reason: str, statement: str) -> QueryFailedError:
    asked = Asked(statement=statement, persona=MARKETING_ANALYST, environment="dev", database="c360_dev_products")
    return explained(reason, asked, cost=cost(**scanned(11 * GIGABYTE)), limit=10 * GIGABYTE)


def test_a_wrong_name_is_pointed_at() -> None:
    error = why("COLUMN_NOT_FOUND: line 2:3: Column 'spnd' cannot be resolved", "SELECT\n  spnd\nFROM customer_360")
    assert type(error) is WrongStatementError
    assert str(error).splitlines() == [
        "COLUMN_NOT_FOUND: line 2:3: Column 'spnd' cannot be resolved",
        "  spnd",
        "  ^",
    ]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("EXECUTE one_customer USING 'x'", "line 1:8: Column 'a' cannot be resolved"),
        ("SELECT 1", "line 7:1: mismatched input"),
    ],
    ids=["prepared", "elsewhere"],
)
def test_a_place_that_is_not_in_the_statement_is_not_pointed_at(statement: str, reason: str) -> None:
    error = why(reason, statement)
    assert type(error) is WrongStatementError
    assert str(error) == reason


CLOSED_COLUMN = "SELECT email FROM c360_dev_curated.profiles"


@pytest.mark.parametrize(
    "reason",
    [
        "COLUMN_NOT_FOUND: line 1:8: Column 'email' cannot be resolved or requester is not authorized to access "
        "requested resources",
        "PERMISSION_DENIED: Access Denied: Cannot select from columns [email] in table or view "
        "awsdatacatalog.c360_dev_curated.profiles",
    ],
    ids=["Athena", "laptop"],
)
def test_a_refused_column_is_named_with_the_rights_of_the_persona(reason: str) -> None:
    error = why(reason, CLOSED_COLUMN)
    assert type(error) is NotAllowedError
    told = str(error)
    assert told.startswith("MarketingAnalyst may not read the column email of profiles, which is direct. ")
    assert "reads the columns of the classes none and pseudonymous, in the zones curated and products." in told
    assert " Of profiles: person_id, " in told
    assert "email," not in told.partition(" Of profiles: ")[2].split()


@pytest.mark.parametrize(
    "reason",
    [
        "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.c360_dev_quarantine.rejected' does not exist",
        "Insufficient Lake Formation permission(s) on rejected",
        "User: arn:aws:sts::1:assumed-role/a is not authorized to perform: glue:GetTable",
    ],
)
def test_a_table_of_another_zone_is_not_the_personas(reason: str) -> None:
    error = why(reason, "SELECT body FROM c360_dev_quarantine.rejected")
    assert type(error) is NotAllowedError
    assert str(error).startswith("MarketingAnalyst may not read quarantine.rejected. MarketingAnalyst reads ")


def test_a_column_that_is_nowhere_is_a_mistake_and_no_refusal() -> None:
    reason = "COLUMN_NOT_FOUND: line 1:8: Column 'emial' cannot be resolved or requester is not authorized to access it"
    error = why(reason, "SELECT emial FROM c360_dev_curated.segment_membership")
    assert type(error) is WrongStatementError
    assert str(error).endswith("\nSELECT emial FROM c360_dev_curated.segment_membership\n       ^")


def test_a_query_that_read_too_much_says_what_it_cost(athena: Athena) -> None:
    athena.status = {"State": "CANCELLED", "StateChangeReason": "Bytes scanned limit was exceeded"}
    athena.statistics = {"DataScannedInBytes": 11 * GIGABYTE, "TotalExecutionTimeInMillis": 1000}
    with pytest.raises(ReadTooMuchError) as failure:
        desk(athena).ask("SELECT 1")
    told = str(failure.value)
    assert "read more than the 10 GB that a query may read" in told
    assert "11 GB read, 11 GB billed: 0.055000 USD" in told
    assert "analytics.scan_limit_gigabytes" in told


def test_what_athena_does_not_even_take_is_pointed_at_too(athena: Athena) -> None:
    athena.refused = ("InvalidRequestException", "line 1:10: mismatched input 'form'. Expecting: ','")
    with pytest.raises(WrongStatementError) as failure:
        desk(athena).ask("SELECT n form rfm")
    assert str(failure.value).splitlines()[1:] == ["SELECT n form rfm", "         ^"]


def test_other_errors_of_the_service_are_left_alone(athena: Athena) -> None:
    athena.refused = ("TooManyRequestsException", "later")
    with pytest.raises(ClientError, match="later"):
        desk(athena).ask("SELECT 1")


def test_any_other_reason_is_said_as_it_is(athena: Athena) -> None:
    athena.status = {"State": "FAILED", "StateChangeReason": "GENERIC_INTERNAL_ERROR: no luck"}
    with pytest.raises(QueryFailedError, match="GENERIC_INTERNAL_ERROR: no luck"):
        desk(athena).ask("SELECT 1")


# ---- files


RESULT = (
    b'"id","spend","on","at","when","ok","raw","share","parts","text"\n'
    b'"1","12.30","2026-03-01","2026-03-01 10:00:00.123456","2026-03-01 10:00:00.500 Europe/Berlin","true","68 69",'
    b'"0.5","[a, b]","two\nlines, ""quoted"""\n'
    b',,,,,,,,,""\n'
)
COLUMNS = (
    Column(name="id", type="bigint"),
    Column(name="spend", type="decimal", precision=14, scale=2),
    Column(name="on", type="date"),
    Column(name="at", type="timestamp"),
    Column(name="when", type="timestamp with time zone"),
    Column(name="ok", type="boolean"),
    Column(name="raw", type="varbinary"),
    Column(name="share", type="double"),
    Column(name="parts", type="array"),
    Column(name="text", type="varchar"),
)


class S3:
    """S3 with one result."""

    def __init__(self, body: bytes = RESULT) -> None:
        self._body = body

    def get_object(self, **given: str) -> Any:
        assert given == {"Bucket": "results", "Key": "athena/marketing-analyst/q-1.csv"}
        return {"Body": io.BytesIO(self._body)}


def answered(columns: tuple[Column, ...] = COLUMNS, suffix: str = "csv") -> Answer:
    return Answer(
        athena=None,
        execution_id="q-1",
        location=f"s3://results/athena/marketing-analyst/q-1.{suffix}",
        columns=columns,
        cost=cost(),
        limit_bytes=None,
    )


def test_a_csv_file_is_what_athena_wrote(tmp_path: Path) -> None:
    target = tmp_path / "new" / "answer.csv"
    files.write_csv(answered(), S3(), target)
    assert target.read_bytes() == RESULT
    assert [path.name for path in target.parent.iterdir()] == ["answer.csv"]


def test_a_parquet_file_has_the_types_of_the_columns(tmp_path: Path) -> None:
    files.write_parquet(answered(), S3(), tmp_path / "answer.parquet")
    first, second = pyarrow.parquet.read_table(tmp_path / "answer.parquet").to_pylist()
    assert first == {
        "id": 1,
        "spend": Decimal("12.30"),
        "on": date(2026, 3, 1),
        "at": datetime(2026, 3, 1, 10, 0, 0, 123456),  # noqa: DTZ001  # Athena's timestamp has no zone
        "when": datetime(2026, 3, 1, 9, 0, 0, 500000, tzinfo=UTC),
        "ok": True,
        "raw": b"hi",
        "share": 0.5,
        "parts": "[a, b]",
        "text": 'two\nlines, "quoted"',
    }
    assert second.pop("text") == ""
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-03-01 10:00:00.000 UTC", 10),
        ("2026-03-01 10:00:00.000 +02:00", 8),
        ("2026-07-01 10:00:00 Europe/Berlin", 8),
    ],
)
def test_times_keep_their_moment(tmp_path: Path, text: str, hour: int) -> None:
    column = (Column(name="when", type="timestamp with time zone"),)
    files.write_parquet(answered(column), S3(f'"when"\n"{text}"\n'.encode()), tmp_path / "answer.parquet")
    (row,) = pyarrow.parquet.read_table(tmp_path / "answer.parquet").to_pylist()
    assert row["when"].astimezone(UTC).hour == hour


def test_an_answer_without_rows_is_a_file_with_columns(tmp_path: Path) -> None:
    column = (Column(name="id", type="bigint"),)
    files.write_parquet(answered(column), S3(b'"id"\n'), tmp_path / "answer.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "answer.parquet")
    assert (table.num_rows, table.schema.names) == (0, ["id"])


@pytest.mark.parametrize(
    ("answer", "body", "said"),
    [
        (answered(suffix="txt"), RESULT, "gives no table"),
        (
            answered((Column(name="a", type="bigint"), Column(name="a", type="bigint"))),
            RESULT,
            "two columns are called a",
        ),
        (answered((Column(name="a", type="bigint"),)), b'"a"\n"x"\n', "cast the column"),
    ],
    ids=["a list", "twice", "no number"],
)
def test_what_cannot_be_a_parquet_file_is_refused(tmp_path: Path, answer: Answer, body: bytes, said: str) -> None:
    with pytest.raises(files.NotWrittenError, match=said):
        files.write_parquet(answer, S3(body), tmp_path / "answer.parquet")
    assert list(tmp_path.iterdir()) == []
