"""The recipe's outcome is what SQL by hand makes of the same mart, on Trino, from the statement that copies it on."""

import time
from pathlib import Path
from typing import Any

import pytest

from stacks.analytics.preparation.data_set import DataSet, customers
from stacks.analytics.preparation.preparation import RECIPE
from stacks.analytics.preparation.recipe import Columns, columns_after, read_recipe
from tests.engines.trino import lake
from tests.engines.trino.stack import QueryFailedError, Stack
from tests.factories.databrew import INPUT_TABLE, OUTCOME, SOURCE, data_sets, jobs
from twin.principals import RoleSession
from twin.providers.databrew.service import DataBrew, Deployed
from twin.scenario.preparation import BY_HAND_SQL, PREPARED_SQL
from twin.settings import ROOT

STEPS = read_recipe(RECIPE)
DATA = customers(ROOT / "sql")
# The mart's columns in its own types; somebody who never ordered, a gap in each column that has some, a person twice.
MART = """
CREATE TABLE {name} WITH (table_type = 'ICEBERG', is_external = false, location = 's3://test-lake/prepared-mart/') AS
SELECT
  person_id, state, language, time_zone, loyalty_tier, CAST(loyalty_points AS integer) AS loyalty_points,
  CAST(orders AS bigint) AS orders, CAST(returns AS bigint) AS returns, CAST(spend AS decimal(38, 2)) AS spend,
  currency, CAST(average_basket AS decimal(38, 2)) AS average_basket, CAST(visits AS bigint) AS visits,
  CAST(cases_opened AS bigint) AS cases_opened, CAST(csat_average AS decimal(4, 2)) AS csat_average,
  email_masked
FROM (VALUES
  ('p_1', 'oh', 'en', 'America/New_York', 'gold', 3100, 12, 3, 600.10, 'USD', 60.01, 40, 1, 4.33, 'm***@x.org'),
  ('p_2', 'KY', null, null, null, null, 4, 0, 50.00, 'USD', 12.50, 0, 0, null, null),
  ('p_3', null, 'de', 'Europe/Berlin', '', 0, 1, 1, 0.00, 'EUR', 9.99, 2, 2, 1.00, null),
  ('p_4', 'oh', 'en', null, 'diamond', 5, 3, 0, 10.00, 'USD', 3.33, 2, 0, 4.00, null),
  ('p_5', 'oh', 'en', null, 'basic', 0, 0, 0, 0.00, null, null, 1, 0, 5.00, null),
  ('p_6', 'Köln', 'de', null, 'silver', 1, 11, 11, -0.01, 'EUR', 0.00, 0, 0, 2.50, null),
  ('p_6', 'Köln', 'de', null, 'silver', 1, 11, 11, -0.01, 'EUR', 0.00, 0, 0, 2.50, null),
  ('p_7', 'ca', 'en', null, 'basic', 7, 2, 1, 999999999999.99, 'USD', 499999999999.99, 9, 9, 3.00, null)
) AS t (person_id, state, language, time_zone, loyalty_tier, loyalty_points, orders, returns, spend, currency,
        average_basket, visits, cases_opened, csat_average, email_masked)
"""
NAME, PREPARED = "customers_of_this_test", "prepared_customers"


@pytest.fixture(scope="module")
def mart(stack: Stack) -> DataSet:
    """A mart with rows that the recipe treats differently; what it is copied to, and the tables of the templates."""
    for bucket in ("results", "products"):
        stack.client("s3").create_bucket(Bucket=bucket)
    stack.query(MART.format(name=NAME))
    table(stack, lake.CURATED, INPUT_TABLE, DATA.columns, SOURCE)
    table(stack, lake.PRODUCTS, PREPARED, columns_after(STEPS, DATA.columns), OUTCOME)
    return DataSet(table=DATA.table, mart=NAME, columns=DATA.columns)


@pytest.fixture(scope="module")
def prepared(stack: Stack, mart: DataSet, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The outcome of the copy and of the recipe."""
    stack.query(mart.unload(lake.PRODUCTS, SOURCE))
    ended = run(stack, tmp_path_factory.mktemp("databrew"))
    assert ended["State"] == "SUCCEEDED", ended.get("ErrorMessage")


def table(stack: Stack, database: str, name: str, columns: Columns, location: str) -> None:
    parquet = "org.apache.hadoop.hive.ql.io.parquet"
    stated = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "typeOfData": "file"},
        "StorageDescriptor": {
            "Location": location,
            "Columns": [{"Name": column, "Type": str(kind)} for column, kind in columns.items()],
            "InputFormat": f"{parquet}.MapredParquetInputFormat",
            "OutputFormat": f"{parquet}.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": f"{parquet}.serde.ParquetHiveSerDe"},
        },
    }
    stack.client("glue").create_table(DatabaseName=database, TableInput=stated)


def run(stack: Stack, folder: Path) -> dict[str, Any]:
    """Run the repository's recipe as the emulator's DataBrew does."""
    recipe = {"Steps": [step.as_property() for step in STEPS]}
    service = DataBrew(
        deployed=Deployed(
            jobs=jobs().get,
            recipes=lambda name: recipe if name == "customers" else None,
            data_sets=data_sets(lake.CURATED).get,
        ),
        kept=folder / "databrew.json",
        assume=lambda role: RoleSession(arn=f"{role}/session", access_key="test", secret_key="test", token=""),
        require=lambda *_: None,
        clients=lambda name, _: stack.client(name),
        caller=lambda: "",
        tell=lambda *_: None,
    )
    service.publish_recipe({"Name": "customers"})
    started = {"Name": "prepare", **service.start_job_run({"Name": "prepare"})}
    deadline = time.monotonic() + 60
    while (found := service.describe_job_run(started))["State"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.usefixtures("prepared")
def test_the_outcome_is_that_of_the_same_steps_in_sql(stack: Stack) -> None:
    found = sorted(stack.query(PREPARED_SQL.format(prepared=PREPARED)), key=str)
    assert found == sorted(stack.query(BY_HAND_SQL.format(mart=NAME)), key=str)
    assert [row[0] for row in found] == ["p_1", "p_2", "p_3", "p_4", "p_6", "p_7"]


@pytest.mark.usefixtures("prepared")
def test_the_table_has_the_columns_of_the_recipe_and_no_others(stack: Stack) -> None:
    """In the order of the table's definition: Trino finds a column of Parquet by its name."""
    columns = stack.query(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{lake.PRODUCTS}' AND table_name = '{PREPARED}' ORDER BY ordinal_position"
    )
    said = {"string": "varchar"}
    assert columns == [
        [name, said.get(str(kind), str(kind))] for name, kind in columns_after(STEPS, DATA.columns).items()
    ]


@pytest.mark.usefixtures("prepared")
def test_a_copy_goes_to_an_empty_place_only(stack: Stack, mart: DataSet) -> None:
    """So the state machine empties it first."""
    with pytest.raises(QueryFailedError, match="HIVE_PATH_ALREADY_EXISTS"):
        stack.query(mart.unload(lake.PRODUCTS, SOURCE))
