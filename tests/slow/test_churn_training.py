"""The warehouse learns who leaves: the deployed machines load it, train a model by Redshift ML, and ask it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from c360_core.names import MARTS_PREFIX, WAREHOUSE_DATABASE, Zone, database_name, zone_stack
from tests.deployments.small_dev import ENVIRONMENT, PATIENCE_SECONDS, SmallDev
from tests.engines.postgresql.test_redshift_models import CUTS, KINDS, rows
from tests.engines.postgresql.test_warehouse_loads import PRODUCTS, TYPES, person
from tests.factories.arrow_tables import schema, table
from twin.emulator import emulator
from twin.scenario.waiting import until
from twin.settings import BUILD

PEOPLE = 300
FEATURES = "churn_features"


class World:
    """`dev` with a warehouse and its model, and the marts that dbt builds otherwise."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.dev = SmallDev(running, folder)
        self.dev.deploy(_with_churn, "analytics", zone_stack(Zone.CURATED), zone_stack(Zone.PRODUCTS))
        self.data = self.dev.client("redshift-data")
        marts = {name: kinds for (database, name), kinds in TYPES.items() if database == PRODUCTS}
        for name, kinds in {**marts, FEATURES: KINDS}.items():
            self._make(name, kinds)
        people = [person(f"p{number}") for number in range(PEOPLE)]
        self._mart("customer_360").append(table(marts["customer_360"], people))
        self.dev.execute(self.dev.output("analytics", "LoadWarehouseStateMachineArn"))

    def train(self, cuts: Sequence[date]) -> dict[str, Any]:
        """Run the machine on the people at some cuts, and return its execution."""
        self._mart(FEATURES).overwrite(table(KINDS, rows(PEOPLE, list(cuts))))
        return self.dev.ended(self.dev.output("analytics", "TrainChurnStateMachineArn"))

    def history(self, execution: str) -> str:
        """Return what an execution has noted."""
        states = self.dev.client("stepfunctions")
        return json.dumps(states.get_execution_history(executionArn=execution)["events"], default=str)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse as its administrator."""
        named = self.dev.output("analytics", "WarehouseWorkgroupName")  # its namespace is called alike
        namespace = self.dev.client("redshift-serverless").get_namespace(namespaceName=named)["namespace"]
        sent = self.data.execute_statement(
            WorkgroupName=named,
            Database=WAREHOUSE_DATABASE,
            SecretArn=namespace["adminPasswordSecretArn"],
            Sql=sql,
        )
        ended = until(
            f"{sql} has ended",
            lambda: self.data.describe_statement(Id=sent["Id"]),
            lambda seen: seen["Status"] in {"FINISHED", "FAILED"},
            seconds=PATIENCE_SECONDS,
        )
        assert ended["Status"] == "FINISHED", ended
        pages = self.data.get_paginator("get_statement_result").paginate(Id=sent["Id"])
        records = [record for page in pages for record in page["Records"]]
        return [tuple(next(iter(value.values())) for value in record) for record in records]

    def _make(self, name: str, kinds: Mapping[str, str]) -> None:
        buckets = [one["Name"] for one in self.dev.client("s3").list_buckets()["Buckets"]]
        [products] = (one for one in buckets if "lakeproducts" in one.replace("-", ""))
        place = f"s3://{products}/{MARTS_PREFIX}{name}"
        self.dev.lake().create_table((database_name(ENVIRONMENT, Zone.PRODUCTS), name), schema(kinds), location=place)

    def _mart(self, name: str) -> Any:
        return self.dev.lake().load_table((database_name(ENVIRONMENT, Zone.PRODUCTS), name))


def _with_churn(values: dict[str, Any]) -> None:
    values.setdefault("foundation", {})["network"] = {"deployed": True, "availability_zones": 3}
    warehouse = {"deployed": True, "poll_seconds": 1, "churn": {"deployed": True}}
    values.setdefault("analytics", {})["warehouse"] = warehouse


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "churn") as started:
        yield World(started, tmp_path_factory.mktemp("churn"))


def test_what_nothing_can_be_learned_from_ends_the_training_with_its_reason(world: World) -> None:
    ended = world.train(CUTS[1:])  # one cut is held out and one is not known yet, so that 300 answers are left
    assert ended["status"] == "FAILED"
    assert "TooFewAnswers" in world.history(ended["executionArn"])


def test_the_deployed_machine_trains_a_model_and_keeps_its_scores(world: World) -> None:
    for _ in range(2):  # the second training makes the model anew
        assert world.train(CUTS)["status"] == "SUCCEEDED"

        scored = world.ask("SELECT person_id, score FROM warehouse.churn_score")
        assert {name for name, _ in scored} == {f"p{number}" for number in range(PEOPLE)}
        assert all(0 <= score <= 1 for _, score in scored)
        asked = {row["person_id"]: row for row in rows(PEOPLE, CUTS) if row["cut_on"] == CUTS[-1]}
        away = [score for name, score in scored if asked[name]["recency_days"] > 120]
        here = [score for name, score in scored if asked[name]["recency_days"] < 60]
        assert sum(away) / len(away) > 2 * sum(here) / len(here)
        [(people, rightly)] = world.ask("SELECT people, told_rightly FROM warehouse.churn_quality")
        assert people == PEOPLE
        assert rightly / people > 0.7
