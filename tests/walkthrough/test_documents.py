"""The documents' commands, as a person types them, on the emulator with real engines: what they promise comes true."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from c360_aws.kinesis import KinesisSender
from c360_core.names import Stream, stream_name
from tests.docs.documents import blocks, table
from tests.walkthrough import plan
from tests.walkthrough.place import Place, open_place
from tests.walkthrough.terminal import Terminal
from tests.walkthrough.walk import Walk
from twin.scenario import analysis, collect
from twin.scenario.deployment import ENDED, READY, RUNNING, SUCCEEDED, Deployment, StepFailedError
from twin.scenario.waiting import until
from twin.settings import ACCOUNT, REGION

ENV = "dev"
WAIT_SECONDS = 120.0
CLEAN, UNIFY = "CleanApplicationName", "UnifyApplicationName"
RESOLVE, MODELS = (f"{name}StateMachineArn" for name in ("ResolveIdentity", "BuildModels"))
TOOLKIT = "CDKToolkit"
STEWARD = "QuarantineSteward"
MEMBERS = """\
loyalty_id,first_name,last_name,email,phone,street,city,state,postal_code,birth_date,joined_at,updated_at,points,tier
L0000123,Ada,Example,ada@example.com,+14155550101,1 Main St,Springfield,IL,62701,1980-01-31,\
2020-01-01T00:00:00.000Z,2026-02-01T00:00:00.000Z,340,silver
"""
CORRECTED = """\
crm_id,first_name,last_name,email,phone,street,city,state,postal_code,birth_date,language,time_zone,\
created_at,updated_at,email_opt_in,consent_at
C0000123,Ada,Example,ada@example.com,+14155550101,1 Main St,Springfield,IL,62701,1980-01-31,en-US,America/Chicago,\
2020-01-01T00:00:00.000Z,2026-02-01T00:00:00.000Z,,
"""


def policy(statements: list[dict[str, Any]]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What stands for AWS, looked at from outside, and the tree that the commands are typed in."""

    place: Place

    @property
    def deployment(self) -> Deployment:
        return Deployment.of(self.place.running)

    def client(self, service: str) -> Any:
        return self.place.running.client(service)

    def active_tags(self) -> list[str]:
        found = self.client("ce").list_cost_allocation_tags(Status="Active")["CostAllocationTags"]
        return [tag["TagKey"] for tag in found]

    def steward(self) -> str:
        """Make the role of somebody who looks after the quarantine, with what the runbook names; return its ARN."""
        iam = self.client("iam")
        trusted = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        made = iam.create_role(RoleName=STEWARD, AssumeRolePolicyDocument=policy([trusted]))
        allowed = [
            {"Effect": "Allow", "Action": re.findall(r"`([^`]+)`", actions), "Resource": self._resources(place)}
            for place, actions in table(plan.RUNBOOKS / "events-are-rejected.md", "permissions")
        ]
        iam.put_role_policy(RoleName=STEWARD, PolicyName="Quarantine", PolicyDocument=policy(allowed))
        return str(made["Role"]["Arn"])

    def _resources(self, place: str) -> list[str]:
        """Return the ARNs of what a row of the runbook's permissions is about."""
        regional = f"{REGION}:{ACCOUNT}"
        bucket = f"arn:aws:s3:::{self.deployment.outputs['ResultsBucketName']}"
        catalog = f"arn:aws:glue:{regional}"
        quarantine = f"c360_{ENV}_quarantine"
        named = {
            "the workgroup": [f"arn:aws:athena:{regional}:workgroup/c360-{ENV}-stewards"],
            "`athena/stewards/`": [f"{bucket}/athena/stewards/*"],
            "the results bucket": [bucket],
            "the catalog": [
                f"{catalog}:catalog",
                f"{catalog}:database/default",
                f"{catalog}:database/{quarantine}",
                f"{catalog}:table/{quarantine}/rejected",
            ],
            "`*`": ["*"],
            "the stream": [f"arn:aws:kinesis:{regional}:stream/c360-{ENV}-events"],
            "the environment's key": [f"arn:aws:kms:{regional}:key/*"],
        }
        return next(arns for beginning, arns in named.items() if place.startswith(beginning))

    def may_read_rejected(self, role_arn: str) -> bool:
        sql = f"SELECT count(*) FROM c360_{ENV}_quarantine.rejected"
        try:
            steward = analysis.as_role(self.deployment, role_arn)
            self.deployment.query(sql, client=steward, workgroup="StewardsWorkgroupName")
        except StepFailedError as refusal:
            if analysis.is_refusal(refusal):
                return False
            raise
        return True

    def stacks(self) -> set[str]:
        return {stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"]}

    def stacks_with_outputs(self) -> set[str]:
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"] for stack in stacks if stack.get("Outputs")}

    def streams(self) -> set[str]:
        return set(self.client("kinesis").list_streams()["StreamNames"])

    def wait_for_application(self, output: str, status: str) -> None:
        name = self.deployment.outputs[output]
        flink = self.client("kinesisanalyticsv2")
        until(
            f"{name} is {status}",
            lambda: flink.describe_application(ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"],
            lambda seen: seen == status,
            seconds=WAIT_SECONDS,
        )

    def wait_for_success(self, machine: str) -> None:
        ended = self.deployment.wait_for_executions(machine, 1, seconds=WAIT_SECONDS)
        assert [execution["status"] for execution in ended] == [SUCCEEDED], ended

    def wait_for_files(self, count: int) -> None:
        runs = self.deployment.wait_for_files(count, seconds=WAIT_SECONDS)
        assert {run["status"] for run in runs} == {SUCCEEDED}, runs

    def wait_for_query(self, query_id: str) -> None:
        athena = self.client("athena")
        until(
            f"query {query_id} ended",
            lambda: athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"],
            lambda seen: seen in ENDED,
            seconds=WAIT_SECONDS,
        )

    def wait_for_rows(self, sql: str, rows: int = 1) -> list[tuple[str | None, ...]]:
        return until(
            f"{sql} finds {rows}",
            lambda: self.deployment.query(sql),
            lambda seen: len(seen) == rows,
            seconds=WAIT_SECONDS,
            pause=1.0,
        )

    def profile_changes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every record of the stream, with its shard."""
        kinesis = self.client("kinesis")
        name = stream_name(ENV, Stream.PROFILE_CHANGES)
        for shard in kinesis.list_shards(StreamName=name)["Shards"]:
            start = kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            for record in kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]:
                yield shard["ShardId"], record

    def empty(self, bucket: str) -> None:
        """Delete all versions in a bucket, as the console's button does."""
        store = self.client("s3")
        for page in store.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            for one in found:
                store.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


@pytest.fixture
def account() -> Iterator[Account]:
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl")
    with open_place() as place:
        yield Account(place=place)


@pytest.fixture
def shell(account: Account) -> Iterator[Terminal]:
    with account.place.terminal("documents") as terminal:
        yield terminal


def test_the_statements_of_the_documents_are_true(account: Account, shell: Terminal) -> None:
    deploying = Walk(shell, plan.DEPLOY)
    deploy(account, deploying)
    start_and_send(account, deploying)
    resolve_and_build(account, deploying)
    mend_what_was_rejected(account)
    ingest_again(account)
    stop(account, deploying)
    restart_and_repair(account)
    fall_asleep(account, Walk(shell, plan.SLEEP))
    clean_up(account, Walk(shell, plan.CLEAN_UP))


def deploy(account: Account, walk: Walk) -> None:
    tree = account.place.tree
    assert ACCOUNT in walk.to("aws sts get-caller-identity")
    walk.to("make synth")
    assert (tree / "build" / "cdk.out" / ENV / "manifest.json").exists()
    walk.to("cdk bootstrap")
    assert account.stacks() == {TOOLKIT}
    assert "AWS::Kinesis::Stream" in walk.to("cdk diff")
    walk.to("cdk deploy")
    outputs = json.loads((tree / "build" / f"outputs-{ENV}.json").read_text(encoding="utf-8"))
    assert set(outputs) == account.stacks_with_outputs() - {TOOLKIT}
    walk.to("./c360 smoke")
    assert json.loads(walk.to("aws ce update-cost-allocation-tags-status"))["Errors"] == []
    assert account.active_tags() == ["environment"]
    assert walk.to("aws sesv2 get-account").strip() in {"true", "false"}


def start_and_send(account: Account, walk: Walk) -> None:
    tree = account.place.tree
    event = example(plan.DEPLOY.document)
    (tree / "event.json").write_text(json.dumps(event), encoding="utf-8")
    (tree / "members.csv").write_text(MEMBERS, encoding="utf-8")
    walk.to('aws kinesisanalyticsv2 start-application --application-name "$UNIFY"')
    assert '"accepted"' in walk.to("curl")
    walk.to("aws s3 cp")
    send_a_broken_event(account)
    account.wait_for_rows(f"SELECT event_id FROM c360_{ENV}_raw.interactions WHERE event_id = '{event['event_id']}'")
    account.wait_for_application(CLEAN, RUNNING)
    account.wait_for_application(UNIFY, RUNNING)
    account.wait_for_files(1)


def resolve_and_build(account: Account, walk: Walk) -> None:
    """Resolve to the end; the marts are built while the next commands are typed."""
    walk.to('aws stepfunctions start-execution --state-machine-arn "$RESOLVE"')
    account.wait_for_success(RESOLVE)
    assert SUCCEEDED in walk.to("aws stepfunctions list-executions")
    walk.to('aws stepfunctions start-execution --state-machine-arn "$MODELS"')


def stop(account: Account, walk: Walk) -> None:
    account.wait_for_success(MODELS)
    walk.to_the_end()
    account.wait_for_application(CLEAN, READY)
    account.wait_for_application(UNIFY, READY)


def mend_what_was_rejected(account: Account) -> None:
    """Follow the runbook while an event without a required field is in quarantine."""
    tree = account.place.tree
    (tree / "corrected.csv").write_text(CORRECTED, encoding="utf-8")
    with account.place.terminal("events-are-rejected") as terminal:
        Walk(terminal, plan.RUNBOOK).to_the_end()
        walk = Walk(terminal, plan.REJECTED)
        walk.to("QUERY=")
        account.wait_for_query(terminal.type('echo "$QUERY"').strip())
        assert "MISSING_FIELD" in walk.to("aws athena get-query-results")
        steward = account.steward()
        terminal.give(ROLE_ARN=steward)
        walk.to("aws lakeformation grant-permissions")
        assert account.may_read_rejected(steward)
        walk.to("aws lakeformation revoke-permissions")
        assert not account.may_read_rejected(steward)
        assert "no changes" in walk.to("cdk deploy")
        assert "would be" not in walk.to("./c360 replay --env dev --dry-run")
        walk.to("./c360 replay --env dev --source web_events --code MISSING_FIELD --dry-run --to-file")
        mend(tree / "mended.jsonl")
        assert "would be sent" in walk.to("./c360 replay --env dev --from-file mended.jsonl --dry-run")
        assert "sent" in walk.to("./c360 replay --env dev --from-file mended.jsonl --replay-id")
        walk.to_the_end()
    account.wait_for_files(2)
    _, proof, waiting = (block.text for block in blocks("sql") if block.document == plan.REJECTED.document)
    account.wait_for_rows(proof)
    assert account.deployment.query(waiting) == []


def ingest_again(account: Account) -> None:
    """Follow the runbook with a run that did not fail: to ingest its files again changes nothing."""
    with account.place.terminal("files-are-not-ingested") as terminal:
        Walk(terminal, plan.RUNBOOK).to_the_end()
        walk = Walk(terminal, plan.FILES)
        walk.to("aws stepfunctions list-executions")
        run = account.deployment.ingestions()[0]
        terminal.give(EXECUTION=run["executionArn"])
        walk.to_the_end()
    files = json.loads(run["input"])["files"]
    account.wait_for_files(2 + files)
    assert [other["input"] for other in account.deployment.ingestions()].count(run["input"]) == 2


def restart_and_repair(account: Account) -> None:
    """Follow the runbook while both applications are stopped and the writer has given up one record."""
    kinesis, queues = account.client("kinesis"), account.client("sqs")
    with account.place.terminal("single-view-falls-behind") as terminal:
        Walk(terminal, plan.RUNBOOK).to_the_end()
        walk = Walk(terminal, plan.BEHIND)
        walk.to("aws kinesis increase-stream-retention-period --stream-name c360-$ENV-profile-changes")
        for stream in (Stream.EVENTS, Stream.INTERACTIONS, Stream.PROFILE_CHANGES):
            described = kinesis.describe_stream_summary(StreamName=stream_name(ENV, stream))
            assert described["StreamDescriptionSummary"]["RetentionPeriodHours"] == 168
        assert "Datapoints" in json.loads(walk.to("aws cloudwatch"))
        assert json.loads(walk.to("aws kinesisanalyticsv2 describe-application")) == READY
        walk.to("aws kinesisanalyticsv2 start-application")
        account.wait_for_application(UNIFY, RUNNING)
        walk.to("aws kinesisanalyticsv2 stop-application")
        account.wait_for_application(UNIFY, READY)
        shard, record = next(account.profile_changes())
        [queue] = walk.to("aws cloudformation describe-stack-resources").split()
        give_up(account, shard, record, queue)
        terminal.give(QUEUE_URL=queue)
        [message] = json.loads(walk.to("aws sqs receive-message"))["Messages"]
        position = json.loads(message["Body"])["KinesisBatchInfo"]
        terminal.give(SHARD_ID=position["shardId"], SEQUENCE_NUMBER=position["startSequenceNumber"])
        [first, *_] = json.loads(walk.to("aws kinesis get-records"))["Records"]
        assert base64.b64decode(first["Data"]) == record["Data"]
        assert "kind" in json.loads(record["Data"])
        terminal.give(RECEIPT_HANDLE=message["ReceiptHandle"])
        walk.to_the_end()
    counts = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert [counts[f"ApproximateNumberOfMessages{kind}"] for kind in ("", "NotVisible")] == ["0", "0"]


def fall_asleep(account: Account, walk: Walk) -> None:
    """Put the environment to sleep. Waking types the same and rebuilds; tests/slow wakes one with data."""
    settings = account.place.tree / "config" / "environments" / f"{ENV}.yaml"
    awake = settings.read_text(encoding="utf-8")
    settings.write_text(awake.replace("  streams:\n", "  streams:\n    deployed: false\n"), encoding="utf-8")
    walk.to_the_end()
    assert account.streams() == set()
    assert not {CLEAN, UNIFY} & account.deployment.outputs.keys()


def clean_up(account: Account, walk: Walk) -> None:
    for bucket in walk.to("aws cloudformation describe-stack-resources").split():
        account.empty(bucket)
    walk.to_the_end()
    assert account.stacks() == {TOOLKIT}


def example(document: Path) -> dict[str, Any]:
    """Return the event that a document shows."""
    [text] = [block.text for block in blocks("json") if block.document == document and "event_id" in block.text]
    event: dict[str, Any] = json.loads(text)
    return event


def send_a_broken_event(account: Account) -> None:
    """Put the runbook's mended event on the stream as it was before: a field of its payload is missing."""
    event = example(plan.REJECTED.document)
    del event["payload"]["product_id"]
    sender = KinesisSender(client=account.client("kinesis"), stream=stream_name(ENV, Stream.EVENTS))
    collect.produce(sender, [json.dumps(event)])


def mend(path: Path) -> None:
    """Mend the body of the only row in a file that the replay wrote."""
    row = json.loads(path.read_text(encoding="utf-8"))
    assert "product_id" not in row["body"]["payload"]
    path.write_text(json.dumps({**row, "body": example(plan.REJECTED.document)}), encoding="utf-8")


def give_up(account: Account, shard: str, record: dict[str, Any], queue: str) -> None:
    """Put a record's position on the writer's queue, as the service does after the last retry."""
    number = record["SequenceNumber"]
    position = {"shardId": shard, "startSequenceNumber": number, "endSequenceNumber": number, "batchSize": 1}
    account.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({"KinesisBatchInfo": position}))
