"""Stand-in of QuickSight: what is deployed, as its API describes it, and refreshes of data sets.

A refresh runs the query of the data set through Athena, with the role and in the workgroup of its data source, and
holds the answer against the columns that the data set declares. Nobody can read the rows out of QuickSight, so they are
counted and not kept. An embed URL leads to the page that the report drew. Not carried:
drawing, analyses, topics, users and their permissions, schedules.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError

Document = dict[str, Any]
_FINAL: Final = {"SUCCEEDED", "FAILED", "CANCELLED"}
_POLL_SECONDS: Final = 0.1
_OK: Final = 200
# Types of Athena's answers that fit a type of a data set.
_FITS: Final[Mapping[str, frozenset[str]]] = {
    "STRING": frozenset({"varchar", "char", "string"}),
    "INTEGER": frozenset({"tinyint", "smallint", "integer", "bigint"}),
    "DECIMAL": frozenset({"decimal", "double", "float", "real"}),
    "DATETIME": frozenset({"date", "timestamp", "timestamp with time zone"}),
    "BOOLEAN": frozenset({"boolean"}),
}


@dataclass(slots=True, kw_only=True)
class Ingestion:
    """A refresh of a data set."""

    id: str
    data_set: str
    created: datetime
    status: str = "RUNNING"
    rows: int = 0
    error: tuple[str, str] | None = None


class QuickSight:
    """The operations that a report and an operator need.

    Args:
        dashboards: gives the deployed dashboards.
        data_sets: gives the deployed data sets.
        data_sources: gives the deployed data sources.
        athena: gives a client of Athena that acts under a role, by its ARN.
        pages: the folder with the pages of the dashboards.
        clock: gives the time.
    """

    def __init__(
        self,
        *,
        dashboards: Callable[[], Sequence[Resource]],
        data_sets: Callable[[], Sequence[Resource]],
        data_sources: Callable[[], Sequence[Resource]],
        athena: Callable[[str], Any],
        pages: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dashboards, self._data_sets, self._data_sources = dashboards, data_sets, data_sources
        self._athena, self._pages, self._clock = athena, pages, clock
        self._ingestions: dict[tuple[str, str], Ingestion] = {}
        self._lock = threading.Lock()

    # ---- descriptions

    def describe_dashboard_definition(self, request: Document) -> Document:
        """Return the definition of a dashboard, as it was deployed."""
        found = _named(self._dashboards(), "DashboardId", request["DashboardId"])
        return {
            "DashboardId": found.properties["DashboardId"],
            "Name": found.properties["Name"],
            "ResourceStatus": "CREATION_SUCCESSFUL",
            "ThemeArn": found.properties.get("ThemeArn", ""),
            "Definition": found.properties["Definition"],
            "Status": _OK,
        }

    def list_dashboards(self, request: Document) -> Document:  # noqa: ARG002  # there are few: one page
        """List the deployed dashboards."""
        listed = [
            {"Arn": one.attributes["Arn"], "DashboardId": one.properties["DashboardId"], "Name": one.properties["Name"]}
            for one in self._dashboards()
        ]
        return {"DashboardSummaryList": listed, "Status": _OK}

    def describe_data_set(self, request: Document) -> Document:
        """Return a data set: its query, its columns and who may see which."""
        found = _named(self._data_sets(), "DataSetId", request["DataSetId"])
        stated = {key: value for key, value in found.properties.items() if key in _DESCRIBED}
        columns = [
            {"Name": column["Name"], "Type": column["Type"]}
            for table in found.properties["PhysicalTableMap"].values()
            for column in table["CustomSql"]["Columns"]
        ]
        return {"DataSet": {**stated, "Arn": found.attributes["Arn"], "OutputColumns": columns}, "Status": _OK}

    # ---- embedding

    def generate_embed_url_for_registered_user(self, request: Document) -> Document:
        """Return the address of a dashboard's page, for a user."""
        return self._embedded(request)

    def generate_embed_url_for_anonymous_user(self, request: Document) -> Document:
        """Return the address of a dashboard's page, for nobody; the dashboard must be among those authorized."""
        dashboard = _named(self._dashboards(), "DashboardId", _initial(request))
        if dashboard.attributes["Arn"] not in request["AuthorizedResourceArns"]:
            raise ServiceError("InvalidParameterValueException", "AuthorizedResourceArns lacks the dashboard")
        place, _, _ = str(dashboard.attributes["Arn"]).rpartition(":")
        return {**self._embedded(request), "AnonymousUserArn": f"{place}:user/{request['Namespace']}/anonymous"}

    def _embedded(self, request: Document) -> Document:
        dashboard = _named(self._dashboards(), "DashboardId", _initial(request))
        if not request.get("AllowedDomains"):
            raise ServiceError("InvalidParameterValueException", "AllowedDomains: name the site; the account has none")
        found = [
            page for page in self._pages.glob("*.html") if str(dashboard.properties["DashboardId"]).endswith(page.stem)
        ]
        if not found:
            raise _not_found(f"there is no page of {_initial(request)} in {self._pages}; draw it with ./c360 report")
        return {"EmbedUrl": found[0].as_uri(), "RequestId": "twin", "Status": _OK}

    # ---- refreshes

    def create_ingestion(self, request: Document) -> Document:
        """Start a refresh of a data set, which reads everything anew."""
        data_set = _named(self._data_sets(), "DataSetId", request["DataSetId"])
        if request.get("IngestionType", "FULL_REFRESH") != "FULL_REFRESH":
            raise ServiceError("InvalidParameterValueException", "IngestionType: the twin knows FULL_REFRESH alone")
        key = (request["DataSetId"], request["IngestionId"])
        with self._lock:
            if key in self._ingestions:
                raise ServiceError("ResourceExistsException", f"there is an ingestion {key[1]}; give another id", 409)
            made = Ingestion(id=key[1], data_set=key[0], created=self._clock())
            self._ingestions[key] = made
        threading.Thread(target=self._fill, args=(made, data_set), name=f"ingestion-{key[0]}", daemon=True).start()
        return {
            "Arn": _ingestion_arn(data_set, made),
            "IngestionId": made.id,
            "IngestionStatus": "INITIALIZED",
            "Status": 201,
        }

    def describe_ingestion(self, request: Document) -> Document:
        """Return a refresh with its state and the rows that it read."""
        made = self._ingestions.get((request["DataSetId"], request["IngestionId"]))
        if made is None:
            raise _not_found(f"there is no ingestion {request['IngestionId']} of {request['DataSetId']}")
        data_set = _named(self._data_sets(), "DataSetId", made.data_set)
        described: Document = {
            "Arn": _ingestion_arn(data_set, made),
            "IngestionId": made.id,
            "IngestionStatus": made.status,
            "CreatedTime": made.created,
            "RequestSource": "MANUAL",
            "RequestType": "FULL_REFRESH",
            "RowInfo": {"RowsIngested": made.rows, "RowsDropped": 0, "TotalRowsInDataset": made.rows},
        }
        if made.error is not None:
            described["ErrorInfo"] = {"Type": made.error[0], "Message": made.error[1]}
        return {"Ingestion": described, "Status": _OK}

    def _fill(self, ingestion: Ingestion, data_set: Resource) -> None:
        try:
            [table] = data_set.properties["PhysicalTableMap"].values()
            ingestion.rows = self._read(table["CustomSql"])
        except ServiceError as error:
            ingestion.error, ingestion.status = (error.code, error.message), "FAILED"
        except Exception as error:  # whatever Athena's client raises is the refresh's own failure
            ingestion.error, ingestion.status = ("SQL_EXCEPTION", str(error)), "FAILED"
        else:
            ingestion.status = "COMPLETED"

    def _read(self, query: Document) -> int:
        source = next((one for one in self._data_sources() if one.attributes["Arn"] == query["DataSourceArn"]), None)
        if source is None:
            raise ServiceError("DATA_SOURCE_NOT_FOUND", f"there is no data source {query['DataSourceArn']}")
        parameters = source.properties["DataSourceParameters"]["AthenaParameters"]
        athena = self._athena(parameters["RoleArn"])
        started = athena.start_query_execution(QueryString=query["SqlQuery"], WorkGroup=parameters["WorkGroup"])
        execution = _ended(athena, started["QueryExecutionId"])
        if execution["Status"]["State"] != "SUCCEEDED":
            raise ServiceError("SQL_EXCEPTION", str(execution["Status"].get("StateChangeReason")))
        rows, header = 0, 1
        for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=started["QueryExecutionId"]):
            _require_columns(query["Columns"], page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
            rows += len(page["ResultSet"]["Rows"])
        return rows - header


def _require_columns(declared: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> None:
    """Refuse an answer whose columns are not those of the data set."""
    types = {column["Name"]: str(column["Type"]) for column in found}
    for column in declared:
        kind = types.get(column["Name"])
        if kind is None or kind not in _FITS[column["Type"]]:
            raise ServiceError(
                "SQL_SCHEMA_MISMATCH_ERROR", f"column {column['Name']}: declared {column['Type']}, found {kind}"
            )


def _ended(athena: Any, execution_id: str) -> Document:
    while True:
        found: Document = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        if found["Status"]["State"] in _FINAL:
            return found
        time.sleep(_POLL_SECONDS)


def _initial(request: Document) -> str:
    """Return the id of the dashboard that is shown first."""
    experience: Document = request["ExperienceConfiguration"]
    if set(experience) != {"Dashboard"}:
        raise ServiceError(
            "InvalidParameterValueException", "ExperienceConfiguration: the twin shows a Dashboard alone"
        )
    return str(experience["Dashboard"]["InitialDashboardId"])


def _named(resources: Sequence[Resource], key: str, wanted: str) -> Resource:
    found = next((one for one in resources if one.properties[key] == wanted), None)
    if found is None:
        raise _not_found(f"there is no {key.removesuffix('Id').lower()} {wanted}")
    return found


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, 404)


def _ingestion_arn(data_set: Resource, ingestion: Ingestion) -> str:
    return f"{data_set.attributes['Arn']}/ingestion/{ingestion.id}"


_DESCRIBED: Final = (
    "DataSetId",
    "Name",
    "PhysicalTableMap",
    "LogicalTableMap",
    "ImportMode",
    "ColumnLevelPermissionRules",
    "RowLevelPermissionDataSet",
)
