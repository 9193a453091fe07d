"""The stand-in of QuickSight: it describes what is deployed, and fills data sets as their sources may."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.quicksight.service import QuickSight

ROLE = "arn:aws:iam::123456789012:role/dashboards"
SOURCE = "arn:aws:quicksight:us-east-1:123456789012:datasource/marts"
SET = "arn:aws:quicksight:us-east-1:123456789012:dataset/trading"
COLUMNS = [{"Name": "day", "Type": "DATETIME"}, {"Name": "spend", "Type": "DECIMAL", "SubType": "FIXED"}]
FOUND = [{"Name": "day", "Type": "date"}, {"Name": "spend", "Type": "decimal"}]


def resource(kind: str, arn: str, **properties: Any) -> Resource:
    return Resource(
        type_name=f"AWS::QuickSight::{kind}", physical_id="p", logical_id="l", stack="s", properties=properties,
        attributes={"Arn": arn},
    )  # fmt: skip


class Athena:
    """Athena as a role reaches it."""

    def __init__(self, state: str = "SUCCEEDED", columns: Any = FOUND, rows: int = 3) -> None:
        self.state, self.columns, self.rows, self.asked = state, columns, rows, list[dict[str, str]]()

    def start_query_execution(self, **request: str) -> dict[str, str]:
        self.asked.append(request)
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: str) -> dict[str, Any]:
        return {"QueryExecution": {"Status": {"State": self.state, "StateChangeReason": "PERMISSION_DENIED"}}}

    def get_paginator(self, _: str) -> Any:
        rows = [{"Data": []}] * (self.rows + 1)
        answer = {"ResultSet": {"ResultSetMetadata": {"ColumnInfo": self.columns}, "Rows": rows}}
        return type("Pages", (), {"paginate": lambda *_, **__: [answer]})()


class World:
    """A data source, a data set and a dashboard."""

    def __init__(self, athena: Athena | None = None, pages: Path = Path("/nowhere")) -> None:
        self.athena, self.roles = athena or Athena(), list[str]()
        parameters = {"AthenaParameters": {"WorkGroup": "dashboards", "RoleArn": ROLE}}
        query = {"DataSourceArn": SOURCE, "Name": "m", "SqlQuery": "SELECT day, spend FROM m", "Columns": COLUMNS}
        sources = [resource("DataSource", SOURCE, DataSourceId="marts", DataSourceParameters=parameters)]
        sets = [
            resource(
                "DataSet",
                SET,
                DataSetId="trading",
                Name="T",
                ImportMode="SPICE",
                PhysicalTableMap={"m": {"CustomSql": query}},
            )
        ]
        boards = [resource("Dashboard", "arn:b", DashboardId="executive", Name="E", Definition=DEFINITION)]
        self.service = QuickSight(
            dashboards=lambda: boards,
            data_sets=lambda: sets,
            data_sources=lambda: sources,
            athena=self._as,
            pages=pages,
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )
        self.wire = Wire("quicksight", self.service)

    def _as(self, role: str) -> Athena:
        self.roles.append(role)
        return self.athena

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call as a client does, with the shapes of AWS's own model."""
        return self.wire.invoke(operation, {"AwsAccountId": "123456789012", **request})

    def filled(self) -> dict[str, Any]:
        self.call("CreateIngestion", DataSetId="trading", IngestionId="one")
        for _ in range(200):
            found = self.call("DescribeIngestion", DataSetId="trading", IngestionId="one")["Ingestion"]
            if found["IngestionStatus"] != "RUNNING":
                return dict(found)
            time.sleep(0.01)
        raise AssertionError("the refresh did not end")


DEFINITION = {"DataSetIdentifierDeclarations": [{"Identifier": "trading", "DataSetArn": SET}]}


def test_a_dashboard_is_described_as_it_was_deployed() -> None:
    world = World()
    assert world.call("DescribeDashboardDefinition", DashboardId="executive")["Definition"] == DEFINITION
    assert [one["DashboardId"] for one in world.call("ListDashboards")["DashboardSummaryList"]] == ["executive"]


def test_a_data_set_is_described_with_its_query_and_its_columns() -> None:
    found = World().call("DescribeDataSet", DataSetId="trading")["DataSet"]
    assert found["PhysicalTableMap"]["m"]["CustomSql"]["SqlQuery"] == "SELECT day, spend FROM m"
    assert [one["Name"] for one in found["OutputColumns"]] == ["day", "spend"]


def test_a_refresh_asks_under_the_role_and_in_the_workgroup_of_the_source() -> None:
    world = World()
    found = world.filled()
    assert (found["IngestionStatus"], found["RowInfo"]["RowsIngested"]) == ("COMPLETED", 3)
    assert world.roles == [ROLE]
    assert world.athena.asked == [{"QueryString": "SELECT day, spend FROM m", "WorkGroup": "dashboards"}]


@pytest.mark.parametrize(
    ("athena", "kind", "message"),
    [
        (Athena(state="FAILED"), "SQL_EXCEPTION", "PERMISSION_DENIED"),
        (Athena(columns=FOUND[:1]), "SQL_SCHEMA_MISMATCH_ERROR", "column spend: declared DECIMAL, found None"),
        (
            Athena(columns=[FOUND[0], {"Name": "spend", "Type": "varchar"}]),
            "SQL_SCHEMA_MISMATCH_ERROR",
            "column spend: declared DECIMAL, found varchar",
        ),
    ],
)
def test_a_refresh_that_fails_says_why(athena: Athena, kind: str, message: str) -> None:
    found = World(athena).filled()
    assert found["IngestionStatus"] == "FAILED"
    assert found["ErrorInfo"] == {"Type": kind, "Message": message}


def test_an_id_names_one_refresh() -> None:
    world = World()
    world.filled()
    with pytest.raises(ServiceError, match="give another id"):
        world.call("CreateIngestion", DataSetId="trading", IngestionId="one")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribeDashboardDefinition", {"DashboardId": "x"}),
        ("DescribeDataSet", {"DataSetId": "x"}),
        ("CreateIngestion", {"DataSetId": "x", "IngestionId": "i"}),
        ("DescribeIngestion", {"DataSetId": "trading", "IngestionId": "i"}),
    ],
)
def test_what_is_not_deployed_is_not_found(operation: str, request_: dict[str, str]) -> None:
    with pytest.raises(ServiceError) as caught:
        World().call(operation, **request_)
    assert (caught.value.code, caught.value.status) == ("ResourceNotFoundException", 404)


def test_what_the_stand_in_lacks_is_refused_by_name() -> None:
    with pytest.raises(ServiceError, match="has no ListTopics"):
        World().call("ListTopics")
    with pytest.raises(ServiceError, match="FULL_REFRESH alone"):
        World().call("CreateIngestion", DataSetId="trading", IngestionId="i", IngestionType="INCREMENTAL_REFRESH")


# ---- embedding

SHOWN = {"ExperienceConfiguration": {"Dashboard": {"InitialDashboardId": "executive"}}}
SITE = {"AllowedDomains": ["https://portal.example.com"]}
USER = {"UserArn": "arn:aws:quicksight:us-east-1:123456789012:user/default/portal"}
NOBODY = {"Namespace": "default", "AuthorizedResourceArns": ["arn:b"]}


@pytest.mark.parametrize(("kind", "who"), [("RegisteredUser", USER), ("AnonymousUser", NOBODY)])
def test_an_embed_url_leads_to_the_page_that_was_drawn(tmp_path: Path, kind: str, who: dict[str, Any]) -> None:
    page = tmp_path / "executive.html"
    page.write_text("drawn", encoding="utf-8")
    told = World(pages=tmp_path).call(f"GenerateEmbedUrlFor{kind}", **SHOWN, **SITE, **who)
    assert told["EmbedUrl"] == page.as_uri()


def test_no_page_no_site_or_another_dashboard_is_refused_by_name(tmp_path: Path) -> None:
    world = World(pages=tmp_path)
    with pytest.raises(ServiceError, match=r"draw it with \./c360 report"):
        world.call("GenerateEmbedUrlForRegisteredUser", **SHOWN, **SITE, **USER)
    with pytest.raises(ServiceError, match="AllowedDomains"):
        world.call("GenerateEmbedUrlForRegisteredUser", **SHOWN, **USER)
    with pytest.raises(ServiceError, match="AuthorizedResourceArns lacks the dashboard"):
        world.call(
            "GenerateEmbedUrlForAnonymousUser", **SHOWN, **SITE, **{**NOBODY, "AuthorizedResourceArns": ["arn:other"]}
        )
    console = {"ExperienceConfiguration": {"QuickSightConsole": {}}}
    with pytest.raises(ServiceError, match="a Dashboard alone"):
        world.call("GenerateEmbedUrlForRegisteredUser", **console, **SITE, **USER)
    other = {"ExperienceConfiguration": {"Dashboard": {"InitialDashboardId": "other"}}}
    with pytest.raises(ServiceError, match="there is no dashboard other"):
        world.call("GenerateEmbedUrlForRegisteredUser", **other, **SITE, **USER)
