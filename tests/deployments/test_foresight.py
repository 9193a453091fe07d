"""Models foretell what customers will do: the deployed machines train, compare, release, score and publish."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from c360_aws.single_view_writer import SingleViewWriter
from c360_core.names import (
    MARTS_PREFIX,
    Stream,
    Zone,
    database_name,
    features_name,
    foretold_name,
    stream_name,
    zone_stack,
)
from tests.deployments.small_dev import ENVIRONMENT, SmallDev
from tests.factories import churn_rows, message_rows
from tests.factories.arrow_tables import schema, table
from tests.factories.profiles import profile
from twin.emulator import emulator
from twin.principals import Principal
from twin.scenario.api import ProfileApiClient
from twin.scenario.waiting import until
from twin.settings import BUILD, ROOT, python_of

MART = "churn_features"
ANSWERS = "message_answers"
OFFERS = "offer_features"
DEPARTMENT = "BAKERY"  # of which `churn_rows` tells
PEOPLE = 400
CHURN, VALUE = "churn", "value"


@cache
def kinds(name: str = MART) -> Mapping[str, str]:
    """Return the columns of a mart and their types, as dbt states them."""
    stated = yaml.safe_load((ROOT / "sql" / "models" / "marts" / "numbers.yml").read_text(encoding="utf-8"))
    [mart] = [one for one in stated["models"] if one["name"] == name]
    return {column["name"]: column["data_type"] for column in mart["columns"]}


def known(people: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return the rows of invented customers, as the mart has them."""
    return _in_mart(churn_rows.rows(churn_rows.orders(people, seed)), MART)


def _in_mart(frame: pd.DataFrame, mart: str) -> list[dict[str, Any]]:
    return [
        _row({name: None if pd.isna(value) else value for name, value in row.items()}, mart)
        for row in frame.to_dict("records")
    ]


def _row(given: Mapping[str, Any], mart: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, kind in kinds(mart).items():
        value = given.get(name)
        if value is None and kind == "bigint":
            value = 0
        if value is None:
            made[name] = None
        elif kind == "date":
            made[name] = date.fromisoformat(value)
        elif kind == "bigint":
            made[name] = int(value)
        elif kind == "boolean":
            made[name] = bool(value)
        elif kind.startswith("decimal"):
            scale = int(kind.rstrip(")").partition(",")[2])
            made[name] = str(Decimal(str(value)).quantize(Decimal(1).scaleb(-scale)))
        else:
            made[name] = value
    return made


class World:
    """`dev` with the models, the mart that dbt builds otherwise, and the profiles that Flink writes otherwise."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.dev, self.folder = SmallDev(running, folder), folder
        self.dev.deploy(_with_models, "analytics", zone_stack(Zone.CURATED), zone_stack(Zone.PRODUCTS))
        self.models = self.dev.client("sagemaker")
        buckets = [one["Name"] for one in self.dev.client("s3").list_buckets()["Buckets"]]
        [products] = (one for one in buckets if "lakeproducts" in one.replace("-", ""))
        [self.kept] = (one for one in buckets if "modelsbucket" in one.replace("-", ""))
        for mart in (MART, ANSWERS, OFFERS):
            named = (database_name(ENVIRONMENT, Zone.PRODUCTS), mart)
            self.dev.lake().create_table(named, schema(kinds(mart)), location=f"s3://{products}/{MARTS_PREFIX}{mart}")
        self._put_profiles()

    def _put_profiles(self) -> None:
        tables = self.dev.client("dynamodb").list_tables()["TableNames"]
        [view] = (name for name in tables if "SingleViewTable" in name)
        writer = SingleViewWriter(
            client=self.dev.running.settings.session()
            .resource("dynamodb", endpoint_url=self.dev.running.settings.endpoint)
            .meta.client,
            table=view,
        )
        for number in range(PEOPLE):
            person = f"p{number:04}"
            one = profile(person, email=f"{person}@mail.org", loyalty_id=f"L{number:07}", crm_id=f"C{number:07}")
            writer.put_profile(one, writer.stored_states([person])[person], now=datetime.now(UTC))

    def fill(self, rows: Sequence[Mapping[str, Any]], name: str = MART) -> None:
        """Put rows into a mart, in place of those before."""
        mart = self.dev.lake().load_table((database_name(ENVIRONMENT, Zone.PRODUCTS), name))
        mart.overwrite(table(kinds(name), rows))

    def foretell(self, model: str) -> dict[str, Any]:
        """Run the machine of a model to its end, and return its execution."""
        named = f"Foretell{model[0].upper()}{model[1:]}StateMachineArn"
        return self.dev.ended(self.dev.output("analytics", named))

    def told(self, execution: Mapping[str, Any]) -> str:
        """Return what an execution's history says of what failed."""
        client = self.dev.client("stepfunctions")
        history = client.get_execution_history(executionArn=execution["executionArn"])["events"]
        told = [json.dumps(one, default=str) for one in history]
        return "\n".join(one for one in told if "error" in one.lower())

    def events(self) -> list[dict[str, Any]]:
        """Return all events of the stream."""
        client, stream = self.dev.client("kinesis"), stream_name(ENVIRONMENT, Stream.EVENTS)
        found = []
        for shard in client.list_shards(StreamName=stream)["Shards"]:
            iterator = client.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while records := (page := client.get_records(ShardIterator=iterator))["Records"]:
                found += [json.loads(one["Data"]) for one in records]
                iterator = page["NextShardIterator"]
        return found

    def api(self) -> ProfileApiClient:
        """Return the profile API as an application sees it."""
        caller = self.dev.running.settings.credentials(Principal.APPLICATION)
        return ProfileApiClient(url=self.dev.output("unification", "ProfileApiUrl").rstrip("/"), caller=caller)

    def remove(self, person: str) -> None:
        """Say on the stream of profiles that a person is no more."""
        removal = {"kind": "profile", "op": "delete", "person_id": person, "identity_version": 99, "sequence": 1}
        self.dev.client("kinesis").put_record(
            StreamName=stream_name(ENVIRONMENT, Stream.PROFILE_CHANGES),
            Data=json.dumps({**removal, "computed_at": "2026-03-02T12:00:00.000Z"}).encode(),
            PartitionKey=person,
        )

    def features(self, person: str) -> list[Mapping[str, str]]:
        """Return what the Feature Store keeps of a person."""
        found = self.dev.client("sagemaker-featurestore-runtime").get_record(
            FeatureGroupName=features_name(ENVIRONMENT), RecordIdentifierValueAsString=person
        )
        return list(found.get("Record", ()))

    def versions(self, model: str) -> list[str]:
        """Return the approval of each version of a model, the oldest first."""
        found = self.models.list_model_packages(
            ModelPackageGroupName=foretold_name(ENVIRONMENT, model), SortBy="CreationTime", SortOrder="Ascending"
        )
        return [one["ModelApprovalStatus"] for one in found["ModelPackageSummaryList"]]

    def scores_of(self, model: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Return what the scripts say when they are run directly, on the same rows."""
        at = self.folder / f"direct-{model}"
        (at / "features").mkdir(parents=True)
        pq.write_table(table(kinds(), rows), at / "features" / "rows.parquet")
        self._run("prepare", "--target", model, "--features", at / "features", "--output", at)
        self._run(
            "train",
            "--target",
            model,
            "--train",
            at / "train",
            "--validation",
            at / "validation",
            "--model-dir",
            at / "model",
        )
        self._run("score", "--model", at / "model", "--input", at / "newest", "--output", at / "scores")
        lines = (at / "scores" / "scores.jsonl").read_text(encoding="utf-8").splitlines()
        return {row["person_id"]: row["score"] for row in map(json.loads, lines)}

    @staticmethod
    def _run(module: str, *arguments: object) -> None:
        command = [str(python_of("twin")), "-m", f"c360_ml.{module}", *map(str, arguments)]
        subprocess.run(command, cwd=ROOT / "sagemaker", check=True, capture_output=True)


def _with_models(values: dict[str, Any]) -> None:
    values.setdefault("analytics", {})["models"] = {
        "deployed": True,
        "approval": "automatic",
        "poll_seconds": 1,
        "send_hours": True,
        "feature_store": True,
        "offers": {"bread": DEPARTMENT},
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "foresight") as started:
        yield World(started, tmp_path_factory.mktemp("foresight"))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return known(PEOPLE)


def test_too_little_to_learn_from_ends_with_its_reason(world: World, rows: list[dict[str, Any]]) -> None:
    world.fill([row for row in rows if row["person_id"] < "p0020"])
    ended = world.foretell(CHURN)
    assert ended["status"] == "FAILED"
    assert "error: " in world.told(ended)
    assert world.versions(CHURN) == []


def test_the_scores_of_a_trained_model_are_published_under_each_customers_identifiers(
    world: World, rows: list[dict[str, Any]]
) -> None:
    world.fill(rows)
    ended = world.foretell(CHURN)
    assert ended["status"] == "SUCCEEDED", world.told(ended)
    expected = world.scores_of(CHURN, rows)
    events = [one for one in world.events() if one["event_type"] == "score_computed"]
    published = {one["identifiers"]["loyalty_id"][0]: one["payload"] for one in events}
    assert {name: payload["value"] for name, payload in published.items()} == {
        f"L{int(person[1:]):07}": pytest.approx(score, abs=1e-6) for person, score in expected.items()
    }
    assert {(payload["score"], payload["model"]) for payload in published.values()} == {("churn_risk", "churn 1")}
    assert world.versions(CHURN) == ["Approved"]
    endpoint = world.models.describe_endpoint(EndpointName=foretold_name(ENVIRONMENT, CHURN))
    assert endpoint["EndpointStatus"] == "InService"


def test_an_endpoint_answers_as_the_batch_did(world: World) -> None:
    [event, *_] = [one for one in world.events() if one["event_type"] == "score_computed"]
    person = f"p{int(event['identifiers']['loyalty_id'][0][1:]):04}"
    lines = (world.folder / "direct-churn" / "newest" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    [asked] = [line for line in lines if json.loads(line)["person_id"] == person]
    answer = world.dev.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=foretold_name(ENVIRONMENT, CHURN),
        ContentType="application/jsonlines",
        Accept="application/jsonlines",
        Body=asked.encode(),
    )
    said = json.loads(answer["Body"].read())
    assert said["score"] == pytest.approx(event["payload"]["value"], abs=1e-6)


def test_an_application_is_told_on_what_a_score_rests(world: World) -> None:
    [event, *_] = [one for one in world.events() if one["event_type"] == "score_computed"]
    person = f"p{int(event['identifiers']['loyalty_id'][0][1:]):04}"
    told = world.api().score(person, "churn_risk")
    assert told is not None
    assert told["value"] == pytest.approx(event["payload"]["value"], abs=1e-6)
    [asked] = [
        row
        for line in (world.folder / "direct-churn" / "newest" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
        if (row := json.loads(line))["person_id"] == person
    ]
    assert told["as_of"] == asked["cut_on"]
    assert {name: told["features"][name] for name in asked if name not in {"person_id", "cut_on"}} == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in asked.items()
        if name not in {"person_id", "cut_on"}
    }


def test_a_second_run_publishes_nothing_new_and_deploys_no_model_that_is_not_better(
    world: World, rows: list[dict[str, Any]]
) -> None:
    before = {one["event_id"] for one in world.events() if one["event_type"] == "score_computed"}
    ended = world.foretell(CHURN)
    assert ended["status"] == "SUCCEEDED", world.told(ended)
    assert world.versions(CHURN) == ["Approved"]  # the same rows make the same model, which is no better
    assert {one["event_id"] for one in world.events() if one["event_type"] == "score_computed"} == before


def test_the_value_of_customers_is_foretold_beside(world: World) -> None:
    assert world.foretell(VALUE)["status"] == "SUCCEEDED"
    scores = {one["payload"]["score"] for one in world.events() if one["event_type"] == "score_computed"}
    assert scores == {"churn_risk", "expected_value"}


def test_the_chance_of_an_offer_is_learned_from_the_rows_of_its_department(world: World) -> None:
    own = churn_rows.offer_rows(churn_rows.orders(PEOPLE))
    # Rows of another department, of the same people and cuts, would be refused if they came along.
    world.fill([*_in_mart(own, OFFERS), *_in_mart(own.assign(department="FLORAL"), OFFERS)], OFFERS)
    ended = world.foretell("offerBread")
    assert ended["status"] == "SUCCEEDED", world.told(ended)
    chances = [one["payload"]["value"] for one in world.events() if one["payload"].get("score") == "offer_bread"]
    assert chances
    assert all(0 <= chance <= 1 for chance in chances)
    assert max(chances) - min(chances) > 0.2  # tastes differ


def test_the_hour_in_which_each_customer_reads_is_published(world: World) -> None:
    people = 60
    world.fill(message_rows.as_lake(message_rows.messages(people, 120)), ANSWERS)
    ended = world.foretell("hours")
    assert ended["status"] == "SUCCEEDED", world.told(ended)
    events = [one for one in world.events() if one["payload"].get("score") == "best_hour"]
    published = {one["identifiers"]["loyalty_id"][0]: one["payload"] for one in events}
    assert len(published) == people
    away = [
        abs(published[f"L{number:07}"]["value"] - message_rows.hour_of(number))
        for number in range(people)
        if number % 3
    ]
    assert max(away) <= 1, "those who have the usual hour"
    kept = world.dev.client("s3").list_objects_v2(Bucket=world.kept, Prefix="hours/")["Contents"]
    assert [one["Key"].rpartition("/")[2] for one in kept] == ["evaluation.json"]


def test_whoever_is_removed_leaves_the_feature_store(world: World) -> None:
    gone, stays = sorted(row["person_id"] for row in known(PEOPLE) if row["churned"] is None)[:2]
    assert world.features(gone)
    assert world.features(stays)
    world.remove(gone)
    until("the features are gone", lambda: world.features(gone), lambda left: not left, seconds=60)
    assert world.features(stays)
