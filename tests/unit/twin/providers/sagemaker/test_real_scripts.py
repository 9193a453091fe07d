"""The shipped code in the deployed pipeline: what it registers, what endpoint and batch say, and when it refuses."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lambdas.model_releases.logic import Releases, Size
from stacks.analytics.foresight.hours import learning_job
from stacks.analytics.foresight.model import offers
from tests.factories import churn_rows, message_rows
from tests.unit.twin.providers.sagemaker.world import CODE, GROUP, IMAGE, KEY, ROLE, World
from tools.build.staging import stage_models
from twin.scenario.waiting import until
from twin.settings import ROOT

PEOPLE = 300


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return churn_rows.rows(churn_rows.orders(PEOPLE))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    made.objects.held["assets/code.gz"] = stage_models().read_bytes()
    return made


def fill(world: World, rows: pd.DataFrame) -> None:
    """Put rows where the mart is copied to."""
    packed = io.BytesIO()
    rows.to_parquet(packed)
    world.objects.held["training/features/rows.parquet"] = packed.getvalue()


def failures(ended: dict[str, Any]) -> str:
    return " ".join(step.get("FailureReason", "") for step in ended["Steps"])


def directly(folder: Path, module: str, *arguments: object) -> None:
    """Run a script of the repository, past SageMaker."""
    command = [sys.executable, "-m", f"c360_ml.{module}", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT / "sagemaker", check=True, capture_output=True)
    assert folder.exists()


def test_too_few_customers_end_it_with_the_reason_of_the_script(world: World, rows: pd.DataFrame) -> None:
    fill(world, rows[rows["person_id"] < "p0020"])
    ended = world.train()
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert "AlgorithmError: error: " in failures(ended)
    assert world.versions() == []


def test_what_is_deployed_says_what_the_scripts_say_directly(world: World, rows: pd.DataFrame, tmp_path: Path) -> None:
    fill(world, rows)
    ended = world.train()
    assert ended["PipelineExecutionStatus"] == "Succeeded", failures(ended)
    assert len(world.versions()) == 1, world.report(ended["PipelineExecutionArn"])["verdict"]

    features = tmp_path / "features"
    features.mkdir()
    rows.to_parquet(features / "rows.parquet")
    directly(tmp_path, "prepare", "--target", "churn", "--features", features, "--output", tmp_path)
    parts = [word for name in ("train", "validation") for word in (f"--{name}", tmp_path / name)]
    directly(tmp_path, "train", "--target", "churn", *parts, "--model-dir", tmp_path / "model")
    asked = ("--model", tmp_path / "model", "--input", tmp_path / "newest", "--output", tmp_path / "scores")
    directly(tmp_path, "score", *asked)
    expected = lines((tmp_path / "scores" / "scores.jsonl").read_bytes())

    releases = Releases(client=world.client, role=ROLE, key=KEY, size=Size(memory=2048, concurrency=1))
    released = until("released", lambda: releases.release(GROUP), lambda one: one.status == "InService", seconds=60)
    newest = next(name for name in world.objects.held if name.endswith("newest/rows.jsonl"))
    world.client.create_transform_job(
        TransformJobName="batch",
        ModelName=released.batch_model,
        BatchStrategy="MultiRecord",
        TransformInput={
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{newest}"}},
        },
        TransformOutput={"Accept": "application/jsonlines", "AssembleWith": "Line", "S3OutputPath": "s3://out"},
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    )
    done = until(
        "the batch has ended",
        lambda: world.client.describe_transform_job(TransformJobName="batch"),
        lambda seen: seen["TransformJobStatus"] != "InProgress",
        seconds=60,
    )
    assert done["TransformJobStatus"] == "Completed", done
    assert lines(world.objects.held["out/rows.jsonl.out"]) == expected
    one = world.objects.held[newest].splitlines()[0]
    answer = world.hosting.answer(GROUP, one, "application/jsonlines", "application/jsonlines")
    assert lines(answer).items() <= expected.items()


def test_the_same_rows_make_no_better_model(world: World, rows: pd.DataFrame) -> None:
    fill(world, rows)
    ended = world.train(champion=world.data(1))
    assert ended["PipelineExecutionStatus"] == "Succeeded", failures(ended)
    report = world.report(ended["PipelineExecutionArn"])
    assert (report["verdict"]["approved"], len(world.versions())) == (False, 1)
    assert report["champion"] is not None
    assert isinstance(report["loss"]["skill"], float)


def test_a_model_of_an_offer_is_trained_on_months_and_registered(tmp_path: Path) -> None:
    [offer] = offers({"bread": "BAKERY"})
    world = World(tmp_path, model=offer)
    world.objects.held["assets/code.gz"] = stage_models().read_bytes()
    fill(world, churn_rows.offer_rows(churn_rows.orders(PEOPLE)))
    ended = world.train()
    assert ended["PipelineExecutionStatus"] == "Succeeded", failures(ended)
    report = world.report(ended["PipelineExecutionArn"])
    assert (report["target"], report["held_out"]) == ("offer", "2025-11-01")
    assert set(report["peers"]) == {"logistic_regression", "popularity", "bought_before"}
    assert len(world.versions()) == 1, report["verdict"]


def test_the_job_of_the_hours_reports_and_scores_everybody(world: World) -> None:
    packed = io.BytesIO()
    message_rows.messages(60, 100).to_parquet(packed)
    world.objects.held["training/hours/features/rows"] = packed.getvalue()
    job = learning_job("s3://training/hours/features/", "s3://models/hours/1", "s3://training/hours/scores")
    request = job.request(image=IMAGE, role=ROLE, code=CODE, sizes=world.sizes)
    world.client.create_processing_job(ProcessingJobName="hours", **request)
    done = until(
        "the job has ended",
        lambda: world.client.describe_processing_job(ProcessingJobName="hours"),
        lambda seen: seen["ProcessingJobStatus"] != "InProgress",
        seconds=60,
    )
    assert done["ProcessingJobStatus"] == "Completed", done
    assert json.loads(world.objects.held["models/hours/1/evaluation.json"])["verdict"]["approved"] is True
    assert len(lines(world.objects.held["training/hours/scores/scores.jsonl"])) == 60


def lines(body: bytes) -> dict[str, float]:
    """Return the score of each person."""
    return {row["person_id"]: row["score"] for row in map(json.loads, body.splitlines())}
