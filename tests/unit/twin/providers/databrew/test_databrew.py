"""The stand-in of DataBrew: it runs the repository's recipe, measures a data set, and refuses the rest by name."""

import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stacks.analytics.preparation.data_set import customers
from stacks.analytics.preparation.preparation import RECIPE
from stacks.analytics.preparation.recipe import ACTIONS, CONDITIONS, Kind, columns_after, read_recipe
from tests.factories.databrew import KEY, ROLE, data_sets, jobs
from twin.emulator.wire import ServiceError, Wire
from twin.principals import RoleSession
from twin.providers.databrew import recipe as executed
from twin.providers.databrew.service import DataBrew, Deployed

SQL = Path(__file__).resolve().parents[5] / "sql"
DATA = customers(SQL)
ARROW = {Kind.TEXT: pyarrow.string(), Kind.WHOLE: pyarrow.int64(), Kind.NUMBER: pyarrow.float64()}
SCHEMA = pyarrow.schema([(name, ARROW[kind]) for name, kind in DATA.columns.items()])
ROWS: list[dict[str, Any]] = [
    # Ordered often and returned some.
    {"person_id": "p_1", "state": "oh", "language": "en", "time_zone": "America/New_York", "loyalty_tier": "gold",
     "loyalty_points": 3100, "orders": 12, "returns": 3, "spend": 600.0, "currency": "USD", "average_basket": 60.0,
     "visits": 40, "cases_opened": 1, "csat_average": 4.0},
    # Neither a tier nor a satisfaction.
    {"person_id": "p_2", "state": "KY", "language": None, "time_zone": None, "loyalty_tier": None,
     "loyalty_points": None, "orders": 4, "returns": 0, "spend": 50.0, "currency": "USD", "average_basket": 12.5,
     "visits": 0, "cases_opened": 0, "csat_average": None},
    # An empty tier is missing, too; a tier that the map does not have has the rank of the others.
    {"person_id": "p_3", "state": None, "language": "de", "time_zone": "Europe/Berlin", "loyalty_tier": "",
     "loyalty_points": 0, "orders": 1, "returns": 1, "spend": 0.0, "currency": "EUR", "average_basket": 9.99,
     "visits": 2, "cases_opened": 2, "csat_average": 1.0},
    {"person_id": "p_4", "state": "oh", "language": "en", "time_zone": None, "loyalty_tier": "diamond",
     "loyalty_points": 5, "orders": 2, "returns": 0, "spend": 7.0, "currency": "USD", "average_basket": 3.5,
     "visits": 2, "cases_opened": 0, "csat_average": 4.0},
    # Never ordered: no row of the outcome.
    {"person_id": "p_5", "state": "oh", "language": "en", "time_zone": None, "loyalty_tier": "basic",
     "loyalty_points": 0, "orders": 0, "returns": 0, "spend": 0.0, "currency": None, "average_basket": None,
     "visits": 1, "cases_opened": 0, "csat_average": 5.0},
]  # fmt: skip


class S3:
    """Objects by bucket and key."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.encrypted: dict[str, tuple[str, str]] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **stated: str) -> None:  # noqa: N803
        self.objects[Bucket, Key] = Body
        self.encrypted[Key] = (stated["ServerSideEncryption"], stated["SSEKMSKeyId"])

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Bucket, Key]

    def get_paginator(self, _: str) -> "S3":
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        found = [{"Key": key} for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)]
        return [{"Contents": found}] if found else [{}]


class World:
    """A data set with rows, a recipe, and a job of each kind, as the template deploys them."""

    def __init__(self, tmp_path: Path, rows: Sequence[dict[str, Any]] = ROWS) -> None:
        self.s3, self.told, self.asked = S3(), list[dict[str, Any]](), list[str]()
        self.refused = ""
        self.steps = [step.as_property() for step in read_recipe(RECIPE)]
        self.parameters = {"classification": "parquet", "typeOfData": "file"}
        if rows:
            # Athena writes many files and gives none of them an ending.
            for number, half in enumerate((rows[:2], rows[2:])):
                body = io.BytesIO()
                pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(half), schema=SCHEMA), body)
                self.s3.objects["results", f"preparation/customers/2026_{number}"] = body.getvalue()
        self.jobs = jobs()
        self.service = DataBrew(
            deployed=Deployed(
                jobs=self.jobs.get,
                recipes=lambda name: {"Steps": self.steps} if name == "customers" else None,
                data_sets=data_sets("curated").get,
            ),
            kept=tmp_path / "databrew.json",
            assume=lambda role: RoleSession(arn=f"{role}/session", access_key="k", secret_key="s", token="t"),
            require=self._require,
            clients=lambda service, _: self.s3 if service == "s3" else self,
            caller=lambda: "arn:aws:iam::123456789012:role/machine",
            tell=lambda kind, detail: self.told.append({"kind": kind, **detail}),
        )
        self.wire = Wire("databrew", self.service)

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        columns = [{"Name": name, "Type": str(kind)} for name, kind in DATA.columns.items()]
        storage = {"Location": "s3://results/preparation/customers/", "Columns": columns}
        return {"Table": {"Name": Name, "Parameters": self.parameters, "StorageDescriptor": storage}}

    def _require(self, _principal: str, action: str, resource: str, _context: Any = None) -> None:
        self.asked.append(f"{action} {resource}")
        if action == self.refused:
            raise ServiceError("AccessDeniedException", f"may not {action}", 403)

    def run(self, job: str) -> dict[str, Any]:
        started = self.wire.invoke("StartJobRun", {"Name": job})
        deadline = time.monotonic() + 20
        while True:
            found = self.wire.invoke("DescribeJobRun", {"Name": job, "RunId": started["RunId"]})
            if found["State"] not in ("STARTING", "RUNNING"):
                return found
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def published(self) -> "World":
        self.wire.invoke("PublishRecipe", {"Name": "customers"})
        return self

    def outcome(self) -> list[dict[str, Any]]:
        [key] = [key for bucket, key in self.s3.objects if bucket == "products"]
        table = pyarrow.parquet.read_table(io.BytesIO(self.s3.objects["products", key]))
        found: list[dict[str, Any]] = sorted(table.to_pylist(), key=lambda row: str(row["person_id"]))
        return found


def test_the_recipe_of_the_repository_does_what_its_steps_say(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    run = world.run("prepare")
    assert run["State"] == "SUCCEEDED", run
    mean = (4.0 + 1.0 + 4.0) / 3  # of those who ordered and were asked
    expected: dict[str, dict[str, Any]] = {
        "p_1": {"state": "OH", "loyalty_tier": "gold", "csat_average": 4.0, "return_share": 0.25,
                "spend_per_order": 50.0, "order_band": "often", "tier_rank": 3.0, "basket_mean": 60.0},
        "p_2": {"state": "KY", "loyalty_tier": "none", "csat_average": mean, "return_share": 0.0,
                "spend_per_order": 12.5, "order_band": "sometimes", "tier_rank": 0.0, "basket_mean": 12.5},
        "p_3": {"state": None, "loyalty_tier": "none", "csat_average": 1.0, "return_share": 1.0,
                "spend_per_order": 0.0, "order_band": "rarely", "tier_rank": 0.0, "basket_mean": 9.99},
        "p_4": {"state": "OH", "loyalty_tier": "diamond", "csat_average": 4.0, "return_share": 0.0,
                "spend_per_order": 3.5, "order_band": "rarely", "tier_rank": 0.0, "basket_mean": 3.5},
    }  # fmt: skip
    found = {row["person_id"]: row for row in world.outcome()}
    assert found.keys() == expected.keys()
    for person, values in expected.items():
        assert {name: found[person][name] for name in values} == values
    untouched = ("language", "loyalty_points", "orders", "returns", "spend", "currency", "visits", "cases_opened")
    for row in ROWS[:4]:
        assert {name: found[row["person_id"]][name] for name in untouched} == {name: row[name] for name in untouched}


def test_the_outcome_has_the_columns_and_the_types_of_its_table(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    world.run("prepare")
    [key] = [key for bucket, key in world.s3.objects if bucket == "products"]
    schema = pyarrow.parquet.read_schema(io.BytesIO(world.s3.objects["products", key]))
    columns = columns_after(read_recipe(RECIPE), DATA.columns)
    assert {field.name: field.type for field in schema} == {name: ARROW[kind] for name, kind in columns.items()}


def test_a_run_replaces_what_the_one_before_wrote_and_encrypts_it(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    world.s3.objects["products", "prepared/customers/old"] = b"old"
    world.s3.objects["elsewhere", "prepared/customers/old"] = b"old"
    world.run("prepare")
    [key] = [key for bucket, key in world.s3.objects if bucket == "products"]
    assert key.startswith("prepared/customers/prepare_")
    assert world.s3.encrypted == {key: ("aws:kms", KEY)}
    assert ("elsewhere", "prepared/customers/old") in world.s3.objects


def test_a_profile_has_the_statistics_under_their_documented_names(tmp_path: Path) -> None:
    world = World(tmp_path, [*ROWS, ROWS[0]])
    run = world.run("profile")
    assert run["State"] == "SUCCEEDED", run
    [(_, key)] = [place for place in world.s3.objects if place[0] == "products"]
    assert key == f"prepared/profile/profile_{run['RunId']}.json"
    found = json.loads(world.s3.objects["products", key])
    assert (found["sampleSize"], found["duplicateRowsCount"]) == (6, 1)
    columns = {one["name"]: one for one in found["columns"]}
    assert list(columns) == ["state", "loyalty_tier", "orders", "csat_average"]
    # Of a text the length is measured, and an empty one is missing.
    assert columns["state"] == {
        "name": "state", "type": "string", "distinctValuesCount": 2, "uniqueValuesCount": 1, "missingValuesCount": 1,
        "min": 2, "max": 2, "mean": 2.0, "median": 2.0,
    }  # fmt: skip
    assert (columns["loyalty_tier"]["missingValuesCount"], columns["loyalty_tier"]["max"]) == (2, len("diamond"))
    assert columns["orders"] == {
        "name": "orders", "type": "long", "distinctValuesCount": 5, "uniqueValuesCount": 4, "missingValuesCount": 0,
        "min": 0, "max": 12, "mean": pytest.approx(31 / 6), "median": 3.0, "sum": 31, "zerosCount": 1,
        "percentile5": 0.25, "percentile25": 1.25, "percentile75": 10.0, "percentile95": 12.0,
    }  # fmt: skip
    assert columns["csat_average"]["missingValuesCount"] == 1
    assert columns["csat_average"]["mean"] == pytest.approx((4 + 1 + 4 + 5 + 4) / 5)


def test_a_job_runs_the_version_that_it_names_and_not_what_somebody_is_working_on(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    world.steps = [{"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": "state"}}}]
    world.run("prepare")
    assert len(world.outcome()) == 4
    world.published()
    world.jobs["prepare"]["Recipe"]["Version"] = "2.0"
    world.run("prepare")
    assert len(world.outcome()) == len(ROWS)
    assert "state" not in world.outcome()[0]


def test_without_a_published_version_no_job_runs(tmp_path: Path) -> None:
    world = World(tmp_path)
    run = world.run("prepare")
    assert (run["State"], run["ErrorMessage"]) == ("FAILED", "The version 1.0 of recipe customers wasn't found")


def test_versions_are_numbered_and_outlive_the_emulator(tmp_path: Path) -> None:
    World(tmp_path).published().published()
    again = World(tmp_path)
    listed = again.wire.invoke("ListRecipeVersions", {"Name": "customers"})["Recipes"]
    assert [one["RecipeVersion"] for one in listed] == ["1.0", "2.0"]
    newest = again.wire.invoke("DescribeRecipe", {"Name": "customers"})
    assert (newest["RecipeVersion"], newest["Steps"]) == ("2.0", again.steps)
    gone = again.wire.invoke("BatchDeleteRecipeVersion", {"Name": "customers", "RecipeVersions": ["1.0", "7.0"]})
    assert [one["RecipeVersion"] for one in gone["Errors"]] == ["7.0"]
    assert len(again.wire.invoke("ListRecipeVersions", {"Name": "customers"})["Recipes"]) == 1
    with pytest.raises(ServiceError, match="recipe other wasn't found"):
        again.wire.invoke("PublishRecipe", {"Name": "other"})


def test_a_run_that_ends_is_told_on_the_bus(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    good = world.run("prepare")
    world.parameters = {**world.parameters, "table_type": "ICEBERG"}
    bad = world.run("prepare")
    told = [(one["kind"], one["jobRunId"], one["severity"], one["state"]) for one in world.told]
    assert told == [
        ("DataBrew Job State Change", good["RunId"], "INFO", "SUCCEEDED"),
        ("DataBrew Job State Change", bad["RunId"], "ERROR", "FAILED"),
    ]
    assert world.told[1]["message"] == "customers_to_prepare: DataBrew reads plain files, not Iceberg"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda world: world.parameters.pop("typeOfData"), "no property typeOfData = file"),
        (lambda world: world.parameters.pop("classification"), "no property classification = parquet"),
        (lambda world: world.s3.objects.clear(), "Path does not exist or has no data"),
        (lambda world: world.jobs["prepare"]["Outputs"][0].update(Format="CSV"), "writes PARQUET with Overwrite"),
        (lambda world: world.jobs["prepare"]["Outputs"][0].update(MaxOutputFiles=1), "no MaxOutputFiles"),
        (lambda world: world.jobs["prepare"].update(DatasetName="x"), "the data set x is no table of the catalog"),
        (lambda world: world.jobs["prepare"].update(DataCatalogOutputs=[{}]), "has no DataCatalogOutputs"),
    ],
)
def test_what_it_does_not_carry_fails_the_run_by_name(
    change: Callable[[World], Any], said: str, tmp_path: Path
) -> None:
    world = World(tmp_path).published()
    change(world)
    run = world.run("prepare")
    assert run["State"] == "FAILED"
    assert said in run["ErrorMessage"]


def step(operation: str, *conditions: dict[str, str], **parameters: str) -> dict[str, Any]:
    stated: dict[str, Any] = {"Action": {"Operation": operation, "Parameters": parameters}}
    return {**stated, "ConditionExpressions": list(conditions)} if conditions else stated


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (step("PIVOT"), "step 1: the laptop twin's DataBrew has no PIVOT; it has CASE_OPERATION"),
        (step("DELETE", sourceColumn="none"), "step 1: DELETE: column none does not exist"),
        (step("DELETE"), "DELETE: parameter sourceColumn is missing"),
        (step("DELETE", sourceColumn="state", sourceColumns="[]"), "DELETE has no parameter sourceColumns"),
        (step("DIVIDE", sourceColumn1="state", value2="2", targetColumn="x"), "column state is no number"),
        (step("DIVIDE", sourceColumn1="spend", value2="2", targetColumn="orders"), "column orders exists already"),
        (step("RENAME", sourceColumn="spend", targetColumn="orders"), "column orders exists already"),
        (step("UPPER_CASE", sourceColumn="spend"), "column spend is no text"),
        (step("REMOVE_VALUES", sourceColumn="spend"), "the laptop twin knows it with conditions only"),
        (
            step("REMOVE_VALUES", {"Condition": "IS_INVALID", "TargetColumn": "spend"}, sourceColumn="spend"),
            "no condition IS_INVALID on a column of DOUBLE",
        ),
        (
            step("DELETE", {"Condition": "IS_MISSING", "TargetColumn": "spend"}, sourceColumn="spend"),
            "DELETE takes no conditions",
        ),
        (step("CASE_OPERATION", valueExpression="spend", targetColumn="x"), "is no `case when ... end`"),
        (
            step("CASE_OPERATION", valueExpression="case when `x` > 1 then 'a' else 'b' end", targetColumn="y"),
            "column x does not exist",
        ),
    ],
)
def test_a_step_that_it_does_not_carry_is_refused_with_its_number(
    wrong: dict[str, Any], said: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.steps = [wrong]
    run = world.published().run("prepare")
    assert run["State"] == "FAILED"
    assert said in run["ErrorMessage"]
    assert [key for bucket, key in world.s3.objects if bucket == "products"] == []


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ({"Condition": "IS", "Value": '["oh"]', "TargetColumn": "state"}, {"p_2", "p_3"}),
        (
            {"Condition": "IS_NOT", "Value": '["oh", "KY"]', "TargetColumn": "state"},
            {"p_1", "p_2", "p_3", "p_4", "p_5"},
        ),
        ({"Condition": "IS_MISSING", "TargetColumn": "loyalty_tier"}, {"p_1", "p_4", "p_5"}),
        ({"Condition": "LESS_THAN_EQUAL", "Value": "2", "TargetColumn": "orders"}, {"p_1", "p_2"}),
        ({"Condition": "GREATER_THAN", "Value": "4.5", "TargetColumn": "csat_average"}, {"p_1", "p_2", "p_3", "p_4"}),
        ({"Condition": "GREATER_THAN_EQUAL", "Value": "4", "TargetColumn": "csat_average"}, {"p_2", "p_3"}),
    ],
)
def test_a_condition_chooses_rows_and_a_missing_value_meets_none(
    condition: dict[str, str], left: set[str], tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.steps = [step("REMOVE_VALUES", condition, sourceColumn=condition["TargetColumn"])]
    world.published().run("prepare")
    assert {row["person_id"] for row in world.outcome()} == left


def test_it_carries_every_step_and_condition_that_synthesis_lets_through() -> None:
    assert executed.ACTIONS.keys() == ACTIONS.keys()
    for operation, action in ACTIONS.items():
        assert {*action.needed, *action.optional} == executed.ACTIONS[operation][1], operation
    carried = {*executed._COMPARED, "IS", "IS_NOT", "IS_MISSING"}
    assert carried == CONDITIONS.keys()


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"EntityDetectorConfiguration": {"EntityTypes": ["USA_SSN"]}}, "no EntityDetectorConfiguration"),
        ({"DatasetStatisticsConfiguration": {"IncludedStatistics": ["CORRELATION"]}}, "no CORRELATION here"),
        ({"DatasetStatisticsConfiguration": {}}, "IncludedStatistics is missing"),
        ({"ProfileColumns": [{"Name": "none"}]}, "column none does not exist"),
        ({"ColumnStatisticsConfigurations": []}, "no configuration names the statistics of state"),
        (
            {"ColumnStatisticsConfigurations": [{"Statistics": {"IncludedStatistics": ["MOST_COMMON_VALUES"]}}]},
            "no MOST_COMMON_VALUES here",
        ),
    ],
)
def test_a_statistic_that_it_does_not_carry_is_refused(
    configuration: dict[str, Any], said: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.jobs["profile"]["ProfileConfiguration"] |= configuration
    run = world.run("profile")
    assert run["State"] == "FAILED"
    assert said in run["ErrorMessage"]


@pytest.mark.parametrize(
    "action", ["glue:GetTables", "glue:GetPartitions", "lakeformation:GetDataAccess", "logs:PutLogEvents"]
)
def test_the_role_of_a_job_needs_what_aws_documents(action: str, tmp_path: Path) -> None:
    world = World(tmp_path).published()
    world.refused = action
    run = world.run("prepare")
    assert (run["State"], run["ErrorMessage"]) == ("FAILED", f"may not {action}")
    assert [key for bucket, key in world.s3.objects if bucket == "products"] == []


def test_a_job_is_described_and_its_runs_are_listed(tmp_path: Path) -> None:
    world = World(tmp_path).published()
    world.run("prepare")
    world.run("prepare")
    job = world.wire.invoke("DescribeJob", {"Name": "prepare"})
    assert (job["Type"], job["RecipeReference"]) == ("RECIPE", {"Name": "customers", "RecipeVersion": "1.0"})
    runs = world.wire.invoke("ListJobRuns", {"Name": "prepare"})["JobRuns"]
    assert [one["State"] for one in runs] == ["SUCCEEDED", "SUCCEEDED"]
    found = world.wire.invoke("DescribeDataset", {"Name": "customers"})
    assert found["Input"]["DataCatalogInputDefinition"]["TableName"] == "customers_to_prepare"
    for operation in ("DescribeJob", "ListJobRuns", "StartJobRun"):
        with pytest.raises(ServiceError, match="job none wasn't found"):
            world.wire.invoke(operation, {"Name": "none"})
    with pytest.raises(ServiceError, match="has no CreateProject"):
        world.wire.invoke("CreateProject", {"Name": "p", "DatasetName": "d", "RecipeName": "r", "RoleArn": ROLE})
