"""Files of every type land on the deployed path: bad ones end in quarantine with a reason, good ones once.

The numbers can be made smaller, for a first look: C360_BAD_FILES and C360_GOOD_FILES.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import load_catalog

from c360_core import contracts
from c360_core.interaction import ReasonCode
from c360_core.names import TableName, Zone, database_name
from config.settings import load
from tests.factories.bad_files import FORMATS, Files, LandedBytes
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.principals import Principal
from twin.scenario.deployment import Deployment, files_of
from twin.settings import BUILD, REGION

BAD = int(os.environ.get("C360_BAD_FILES", "500"))
GOOD = int(os.environ.get("C360_GOOD_FILES", "2000"))
SECONDS_PER_FILE = 15
SEED = 42
# Reasons that only a file has.
CODES = {*ReasonCode, "UNKNOWN_SOURCE", "MISSING_COLUMN", "EXTRA_COLUMN", "QUALITY_RULE"}


class Place:
    """A deployed `dev` in which each file source sends another type of file."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running = running
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        assets = placeholder_assets(folder / "assets")
        for part in ("glue_lib", "lambdas"):
            shutil.rmtree(assets.root / part)
        shutil.copytree(BUILD / "assets" / "glue_lib", assets.root / "glue_lib")
        (assets.root / "lambdas").symlink_to(BUILD / "assets" / "lambdas")
        self._set_formats(assets.root / "glue_lib" / "c360_core" / "contracts.json")
        synthesize(load("dev"), assets, folder / "out")
        account = running.client("sts").get_caller_identity()["Account"]
        self._cdk(folder / "out", "bootstrap", f"aws://{account}/{REGION}")
        self._cdk(folder / "out", "deploy", "--all", "--require-approval", "never")
        self.deployment = Deployment.of(running)

    def _set_formats(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        for source, form in FORMATS.items():
            document["sources"][source]["file_format"] = dict(form)
        path.write_text(json.dumps(document), encoding="utf-8")

    def _cdk(self, out: Path, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        emulator.cdk(
            [*arguments, "--app", str(out)], log_path=self.running.settings.logs / "cdk.log", variables=variables
        )

    def land(self, files: Sequence[LandedBytes]) -> list[dict[str, Any]]:
        """Land files at once; return the runs of the ingestion when all have been in one."""
        s3, bucket = self.deployment.client("s3", Principal.SOURCE), self.deployment.outputs["LandingBucketName"]
        before = self.deployment.ingestions()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda file: s3.put_object(Bucket=bucket, Key=file.key, Body=file.content), files))
        wanted = files_of(before) + len(files)
        runs = self.deployment.wait_for_files(wanted, seconds=120 + SECONDS_PER_FILE * len(files))
        known = {run["executionArn"] for run in before}
        return [run for run in runs if run["executionArn"] not in known]

    def rows(self, zone: Zone, table: str) -> list[dict[str, Any]]:
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        held["endpoint"] = settings.endpoint
        said = {f"{part}.{name}": value for part in ("glue", "s3") for name, value in held.items()}
        found = load_catalog("lake", type="glue", **said).load_table((database_name("dev", zone), table))
        return list(found.scan().to_arrow().to_pylist())

    def events(self) -> list[dict[str, Any]]:
        """Return what is on the stream of events."""
        kinesis, stream = self.deployment.client("kinesis"), self.deployment.outputs["EventsStreamName"]
        found: list[dict[str, Any]] = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
                found += [json.loads(record["Data"]) for record in records]
                iterator = answer["NextShardIterator"]
        return found

    def tracebacks(self) -> list[str]:
        """Return the logs in which something failed without a word of its own."""
        logs = [*self.running.settings.home.rglob("*.log")]
        assert {"emulator.log", "spark.log"} <= {log.name for log in logs}
        return [log.name for log in logs if "Traceback (most recent call last)" in log.read_text(errors="replace")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with emulator.running(BUILD / "twin" / "files") as started:
        yield Place(started, tmp_path_factory.mktemp("files"))


def test_bad_files_of_every_type_end_in_quarantine_with_a_reason(place: Place) -> None:
    files = list(Files(contracts.load(), SEED).bad(BAD))

    runs = place.land(files)

    assert Counter(run["status"] for run in runs) == {"SUCCEEDED": len(runs)}
    rejected = place.rows(Zone.QUARANTINE, TableName.REJECTED)
    assert {row["reason_code"] for row in rejected} <= CODES
    assert [row for row in rejected if not row["reason"]] == []
    copies = {row["body"].partition("/files/")[2]: row["body"] for row in rejected if row["body"].startswith("s3://")}
    bodies = "\n".join(row["body"] for row in rejected)
    whole, rows = [file for file in files if file.whole], [file for file in files if not file.whole]
    assert [file.key for file in whole if file.key not in copies] == []
    assert [file.key for file in rows if f'"{file.mark}"' not in bodies] == []
    s3 = place.deployment.client("s3")
    for file in whole[:50]:
        bucket, _, key = copies[file.key].removeprefix("s3://").partition("/")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == file.content
    assert {source: len(place.rows(Zone.RAW, source)) for source in FORMATS} == dict.fromkeys(FORMATS, 0)
    assert place.events() == []
    assert place.tracebacks() == []


def test_many_good_files_of_every_type_that_land_at_once_end_once(place: Place) -> None:
    files = list(Files(contracts.load(), SEED).good(GOOD))
    rejected = len(place.rows(Zone.QUARANTINE, TableName.REJECTED))

    runs = place.land(files)

    assert Counter(run["status"] for run in runs) == {"SUCCEEDED": len(runs)}
    assert files_of(runs) == GOOD
    assert len(runs) <= GOOD / 10 + 10
    found = Counter((source, row["source_file"]) for source in FORMATS for row in place.rows(Zone.RAW, source))
    assert found == Counter((file.key.partition("/")[0], file.key) for file in files)
    told = Counter((event["source"], event["event_id"]) for event in place.events())
    assert (len(told), max(told.values())) == (GOOD, 1)
    assert len(place.rows(Zone.QUARANTINE, TableName.REJECTED)) == rejected
    assert place.tracebacks() == []
