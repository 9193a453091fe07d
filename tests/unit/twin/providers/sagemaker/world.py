"""SageMaker's stand-in without the emulator: S3 in memory, roles that may do everything but what a test takes away."""

import io
import json
import tarfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from stacks.analytics.foresight.containers import Sizes
from stacks.analytics.foresight.model import MODELS, Foretold
from stacks.analytics.foresight.pipeline import Surroundings, definition
from twin.emulator.wire import ServiceError, Wire
from twin.principals import RoleSession
from twin.providers.sagemaker.hosting import Hosting
from twin.providers.sagemaker.jobs import Account, Jobs
from twin.providers.sagemaker.kept import Kept
from twin.providers.sagemaker.pipelines import Pipeline, Pipelines
from twin.providers.sagemaker.provider import Operations
from twin.providers.sagemaker.registry import Registry
from twin.scenario.waiting import until
from twin.settings import ACCOUNT, REGION

GROUP = "c360-dev-churn"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jobs"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
IMAGE = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:3.0-5"
CODE = "s3://assets/code.gz"
_COMMON = """
import argparse, pathlib, sys
def read(*names):
    parser = argparse.ArgumentParser()
    for name in names:
        parser.add_argument(f"--{name}")
    return parser.parse_args()
"""
# Scripts as small as the interface allows: a model is the mean of its rows, and a better one has a higher mean.
SCRIPTS = {
    "c360_ml/__init__.py": "",
    "c360_ml/common.py": _COMMON,
    "c360_ml/prepare.py": """
from c360_ml.common import *
import os
told = read("target", "features", "output")
if held := [name for name in os.environ if name.startswith("AWS_")]:
    sys.exit(f"error: a container without a network has {held[0]}")
rows = [float(line) for path in pathlib.Path(told.features).iterdir() for line in path.read_text().splitlines()]
if len(rows) < 3:
    sys.exit("error: fewer than 3 rows")
for part in ("train", "validation", "holdout", "newest"):
    folder = pathlib.Path(told.output) / part
    folder.mkdir(exist_ok=True)
    (folder / "rows.txt").write_text("\\n".join(map(str, rows)))
""",
    "train.py": """
import argparse, os, pathlib, shutil
parser = argparse.ArgumentParser()
parser.add_argument("--target")
assert parser.parse_args().target == "churn"
rows = [float(line) for line in (pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]) / "rows.txt").read_text().splitlines()]
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
(model / "mean").write_text(str(sum(rows) / len(rows)))
(model / "code").mkdir()
shutil.copyfile("inference.py", model / "code" / "inference.py")
""",
    "c360_ml/evaluate.py": """
from c360_ml.common import *
import json, tarfile
told = read("target", "model", "train", "holdout", "champion", "output")
def mean(folder):
    found = list(pathlib.Path(folder).glob("model.tar.gz"))
    return float(tarfile.open(found[0]).extractfile("mean").read()) if found else None
new, old = mean(told.model), mean(told.champion)
approved = old is None or new > old
(pathlib.Path(told.output) / "evaluation.json").write_text(json.dumps({"verdict": {"approved": approved}}))
""",
    "inference.py": """
import json, pathlib
def model_fn(folder):
    return float((pathlib.Path(folder) / "mean").read_text())
def input_fn(body, content_type):
    return [json.loads(line) for line in body.decode().splitlines()]
def predict_fn(rows, model):
    return [{**row, "score": model + row["x"]} for row in rows]
def output_fn(rows, accept):
    return "".join(json.dumps(row) + "\\n" for row in rows)
""",
}


def archive(scripts: Mapping[str, str] = SCRIPTS) -> bytes:
    """Return code as the asset has it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        for name, text in scripts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            opened.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


class Objects:
    """S3 in memory, as far as jobs use it; it notes the key under which each object was written."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.keys: dict[str, str] = {}

    def get_paginator(self, _name: str) -> Any:
        def paginate(*, Bucket: str, Prefix: str) -> list[Any]:  # noqa: N803  # boto3's names
            inside = [
                name.removeprefix(f"{Bucket}/") for name in sorted(self.held) if name.startswith(f"{Bucket}/{Prefix}")
            ]
            return [{"Contents": [{"Key": name} for name in inside]}]

        return type("Pages", (), {"paginate": staticmethod(paginate)})

    def download_file(self, bucket: str, key: str, target: str) -> None:
        Path(target).write_bytes(self.held[f"{bucket}/{key}"])

    def upload_file(self, source: str, bucket: str, key: str, ExtraArgs: Mapping[str, str]) -> None:  # noqa: N803
        self.held[f"{bucket}/{key}"] = Path(source).read_bytes()
        self.keys[f"{bucket}/{key}"] = ExtraArgs.get("SSEKMSKeyId", "")

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.held[f"{Bucket}/{Key}"])}


class Client:
    """SageMaker as boto3 shows it."""

    def __init__(self, service: object) -> None:
        self._wire = Wire("sagemaker", service)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(part.title() for part in name.split("_"))

        def call(**request: Any) -> Any:
            # boto3 makes up a token where there is none.
            token = {"ClientRequestToken": uuid.uuid4().hex} if name.startswith("start") else {}
            try:
                return self._wire.invoke(operation, {**token, **request})
            except ServiceError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return call


class World:
    """The stand-in with the pipeline of a model, churn by default, as the stack defines it."""

    def __init__(self, folder: Path, *, automatic: bool = True, model: Foretold = MODELS[0]) -> None:
        self.objects, self.denied = Objects(), set[str]()
        self.asked: list[tuple[str, str]] = []
        self.objects.held["assets/code.gz"] = archive()
        self._folder, self._runs = folder, 0
        account = Account(
            assume=lambda role: RoleSession(arn=role, access_key="a", secret_key="s", token=None),
            require=self._require,
            clients=lambda _service, _variables: self.objects,
            caller=lambda: "",
        )
        kept = Kept(folder / "kept.json")
        self.registry = Registry(kept=kept, groups=lambda: [GROUP])
        jobs = Jobs(kept=kept, account=account, scratch=folder / "jobs")
        self.hosting = Hosting(kept=kept, registry=self.registry, account=account, scratch=folder / "hosting")
        sizes = Sizes(instance="ml.m5.large", disk=30, seconds=600, key=KEY)
        around = Surroundings(
            image=IMAGE,
            code=CODE,
            archive=CODE.rpartition("/")[2],
            role=ROLE,
            models="s3://models",
            sizes=sizes,
            approved=automatic,
        )
        self.sizes, self._model = sizes, model.name
        self.definition = definition(model, GROUP, around)
        pipelines = Pipelines(
            deployed=lambda: [Pipeline(name=GROUP, role=ROLE, definition=self.definition)],
            kept=kept,
            jobs=jobs,
            registry=self.registry,
            account=account,
        )
        self.client = Client(Operations(self.registry, jobs, self.hosting, pipelines))

    def _require(self, _principal: str, action: str, resource: str, _context: Mapping[str, str] | None) -> None:
        self.asked.append((action, resource))
        if action in self.denied:
            raise ServiceError("AccessDeniedException", f"not authorized to perform: {action}", 403)

    def fill(self, *values: float) -> None:
        """Put rows where the mart is copied to."""
        self.objects.held["training/features/rows"] = "\n".join(map(str, values)).encode()

    def train(self, champion: str = "", **more: str) -> dict[str, Any]:
        """Run the pipeline to its end, and return its description."""
        self._runs += 1
        given = {"Features": "s3://training/features/", "Place": f"s3://training/{self._runs}", **more}
        given |= {"Champion": champion} if champion else {}
        started = self.client.start_pipeline_execution(
            PipelineName=GROUP, PipelineParameters=[{"Name": name, "Value": value} for name, value in given.items()]
        )
        ended: dict[str, Any] = until(
            "the pipeline has ended",
            lambda: self.client.describe_pipeline_execution(**started),
            lambda seen: seen["PipelineExecutionStatus"] != "Executing",
            seconds=60,
        )
        return {**ended, "Steps": self.client.list_pipeline_execution_steps(**started)["PipelineExecutionSteps"]}

    def versions(self) -> list[dict[str, Any]]:
        """Return the versions of the model, the oldest first."""
        found = self.client.list_model_packages(ModelPackageGroupName=GROUP, SortOrder="Ascending")
        return [
            self.client.describe_model_package(ModelPackageName=one["ModelPackageArn"])
            for one in found["ModelPackageSummaryList"]
        ]

    def data(self, version: int) -> str:
        """Return where the files of a version are."""
        [container] = self.versions()[version - 1]["InferenceSpecification"]["Containers"]
        return str(container["ModelDataUrl"])

    def report(self, execution: str) -> Any:
        """Return the evaluation of an execution."""
        run = execution.rpartition("/")[2]
        return json.loads(self.objects.held[f"models/{self._model}/{run}/evaluation/evaluation.json"])
