"""What was rejected comes back once and is seen by those who may; past days go over the stream again without effect."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from confluent_kafka import Consumer, TopicPartition

from c360_core.names import (
    Property,
    Querier,
    Stream,
    TableName,
    Zone,
    database_name,
    results_prefix,
    stream_name,
    workgroup_name,
)
from c360_core.personas import MARKETING_ANALYST
from ops.persona_session import persona_session
from tests.factories.events import event
from tests.twin import views
from tests.twin.conftest import HOME
from tests.twin.test_story import order
from tools.laptop.demonstrate import Demonstration
from twin.scenario.deployment import Deployment
from twin.scenario.waiting import until
from twin.settings import ACCOUNT, DEMONSTRATED, REGION, ROOT

SOURCE = "web_events"
MENDED = "mended-in-quarantine"
SOURCES = ("web_events", "pos_transactions", "crm_contacts")
SECONDS = 90


def c360(deployment: Deployment, *words: str, keys: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Type a command, as whoever has the keys; return its exit status and its document."""
    settings = deployment.emulator.settings
    typed = (sys.executable, "-m", "tools.cli", *words, "--env", settings.environment, "--json")
    variables = {**os.environ, **settings.client_environment(), **(keys or {})}
    done = subprocess.run(typed, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def done(deployment: Deployment, *words: str, keys: Mapping[str, str] | None = None) -> dict[str, Any]:
    status, document = c360(deployment, *words, keys=keys)
    assert status == 0, document
    return document


class Reader:
    """Somebody who reads the quarantine in one workgroup, as far as a grant in Lake Formation goes."""

    def __init__(self, deployment: Deployment, querier: Querier, columns: dict[str, Any]) -> None:
        environment = deployment.emulator.settings.environment
        quarantine, bucket = database_name(environment, Zone.QUARANTINE), deployment.outputs["ResultsBucketName"]
        catalog, name = f"arn:aws:glue:{REGION}:{ACCOUNT}", f"reads-the-quarantine-as-{querier}"
        group = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{workgroup_name(environment, querier)}"
        athena = ("StartQueryExecution", "GetQueryExecution", "GetQueryResults", "GetWorkGroup")
        allowed = {
            group: [f"athena:{action}" for action in athena],
            f"arn:aws:s3:::{bucket}/{results_prefix(querier)}*": ["s3:GetObject", "s3:PutObject"],
            f"arn:aws:s3:::{bucket}": ["s3:ListBucket", "s3:GetBucketLocation"],
            f"{catalog}:catalog": ["glue:GetDatabase", "glue:GetTable"],
            f"{catalog}:database/*": ["glue:GetDatabase", "glue:GetTable"],
            f"{catalog}:table/{quarantine}/rejected": ["glue:GetTable"],
            "*": ["lakeformation:GetDataAccess"],
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*": ["kms:Decrypt", "kms:GenerateDataKey"],
        }
        statements = [{"Effect": "Allow", "Action": does, "Resource": on} for on, does in allowed.items()]
        trusted = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        iam = deployment.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy([trusted]))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="Reads", PolicyDocument=_policy(statements))
        table = {"DatabaseName": quarantine, "Name": TableName.REJECTED, **columns}
        deployment.client("lakeformation").grant_permissions(
            Principal={"DataLakePrincipalIdentifier": role},
            Permissions=["SELECT"],
            Resource={"TableWithColumns": table},
        )
        self.keys = keys_of(deployment, role)


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def keys_of(deployment: Deployment, role: str) -> dict[str, str]:
    settings = deployment.emulator.settings
    session: boto3.Session = persona_session(settings.session(), role, endpoint=settings.endpoint)
    found = session.get_credentials()
    assert found is not None
    return {
        "AWS_ACCESS_KEY_ID": str(found.access_key),
        "AWS_SECRET_ACCESS_KEY": str(found.secret_key),
        "AWS_SESSION_TOKEN": str(found.token),
    }


@pytest.fixture(scope="module")
def steward(run: Demonstration) -> Reader:
    return Reader(run.story.deployment, Querier.STEWARDS, {"ColumnWildcard": {}})


@pytest.fixture(scope="module")
def clerk(run: Demonstration) -> Reader:
    """Somebody who may know what was rejected, and not what it says."""
    columns = {"ColumnWildcard": {"ExcludedColumnNames": ["body"]}}
    return Reader(run.story.deployment, Querier.OPERATORS, columns)


def rejected(deployment: Deployment) -> str:
    return f"{database_name(deployment.emulator.settings.environment, Zone.QUARANTINE)}.{TableName.REJECTED}"


def interactions(deployment: Deployment) -> str:
    return f"{database_name(deployment.emulator.settings.environment, Zone.RAW)}.{TableName.INTERACTIONS}"


# ---- the quarantine


def test_the_list_counts_by_source_reason_and_day_for_whoever_may_not_read_bodies(
    run: Demonstration, clerk: Reader
) -> None:
    deployment = run.story.deployment

    told = done(deployment, "quarantine", "list", "--all", "--as", "operators", keys=clerk.keys)

    counted = deployment.query(
        "SELECT source, reason_code, CAST(CAST(received_at AT TIME ZONE 'UTC' AS date) AS varchar), "
        f"CAST(count(*) AS varchar) FROM {rejected(deployment)} GROUP BY 1, 2, 3"
    )
    found = {(g["source"], g["reason_code"], g["day"], str(g["rows"])) for g in told["groups"]}
    assert counted
    assert found == set(counted)
    bodies = deployment.query(f"SELECT json_extract_scalar(body, '$.event_id') FROM {rejected(deployment)}")
    assert not [each for (each,) in bodies if each and each in json.dumps(told)]


def test_bodies_are_shown_to_a_steward_as_shapes_unless_asked_and_to_nobody_else(
    run: Demonstration, steward: Reader, clerk: Reader
) -> None:
    deployment = run.story.deployment
    with_a_device = f"source = '{SOURCE}' AND json_extract(body, '$.identifiers.device_id') IS NOT NULL"
    [(row, body)] = deployment.query(
        f"SELECT rejected_id, body FROM {rejected(deployment)} WHERE {with_a_device} LIMIT 1"
    )
    words = ("quarantine", "show", "--id", str(row))

    [shape] = done(deployment, *words, keys=steward.keys)["rows"]
    [clear] = done(deployment, *words, "--clear", keys=steward.keys)["rows"]

    assert clear["body"] == body
    assert shape["body"] != body
    given = [value for held in json.loads(str(body))["identifiers"].values() for value in held]
    assert given
    assert not [value for value in given if value in shape["body"]]
    assert json.loads(shape["body"])["source"] == SOURCE
    # The same in a workgroup of its own, with a grant that ends before the body: Athena does not know the column.
    status, refusal = c360(deployment, *words, keys={**clerk.keys})
    assert (status, refusal["error"]) == (1, "RefusedError")
    assert "you may not see what was rejected" in refusal["message"]
    assert "Lake Formation administrator grants" in refusal["message"]


def test_the_marketing_analyst_is_told_that_the_quarantine_is_closed(run: Demonstration) -> None:
    deployment = run.story.deployment
    analyst = keys_of(deployment, deployment.outputs[MARKETING_ANALYST.role_output])

    status, refusal = c360(deployment, "quarantine", "list", keys=analyst)

    assert (status, refusal["error"]) == (1, "RefusedError")
    assert "you may not see the quarantine" in refusal["message"]


def test_a_mended_event_comes_back_once_with_the_id_of_its_row(run: Demonstration, tmp_path: Path) -> None:
    deployment, file = run.story.deployment, tmp_path / "mended.jsonl"
    groups = done(deployment, "quarantine", "list", "--source", SOURCE)["groups"]
    # Another test mends those that lack a field.
    reason, day = next(
        (g["reason_code"], g["day"]) for g in groups if g["reason_code"] in {"WRONG_TYPE", "OUT_OF_RANGE"}
    )
    chosen = ("--source", SOURCE, "--reason", reason, "--day", day)
    held = done(deployment, "quarantine", "replay", *chosen, "--dry-run")
    done(deployment, "replay", "--source", SOURCE, "--code", reason, "--dry-run", "--to-file", str(file))
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    line["body"] = event(SOURCE, "page_viewed", event_id=MENDED)
    file.write_text(json.dumps(line), encoding="utf-8")
    send = ("quarantine", "replay", "--from-file", str(file), "--rate", "50")

    planned, first, second = (done(deployment, *send, *more) for more in (("--dry-run",), (), ()))
    third = done(deployment, *send, "--again")

    assert held["held_back"] > 0
    assert (planned["sent"], first["sent"], second["sent"], third["sent"]) == (0, 1, 0, 1)
    table = interactions(deployment)
    until(
        "the mended event is in the lake, and its repetition among the duplicates",
        lambda: deployment.count(table.replace("interactions", "duplicates"), f"event_id = '{MENDED}'"),
        lambda seen: seen == 1,
        seconds=SECONDS,
    )
    found = deployment.query(f"SELECT replay_id FROM {table} WHERE event_id = '{MENDED}'")
    assert found == [(line["rejected_id"],)]
    marked = deployment.query(f"SELECT rejected_id FROM {rejected(deployment)} WHERE fixed_by = '{MENDED}'")
    assert marked == [(line["rejected_id"],)]


# ---- past days


def given(backfill_id: str) -> int:
    """Return how many records of a backfill are where `unify` reads."""
    properties = max(HOME.rglob("application_properties.json"), key=lambda path: path.stat().st_mtime)
    groups = {one["PropertyGroupId"]: one["PropertyMap"] for one in json.loads(properties.read_text(encoding="utf-8"))}
    servers = groups[Property.STREAMS]["bootstrap.servers"]
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "who-looks", "enable.auto.commit": False})
    topic = stream_name(DEMONSTRATED, Stream.INTERACTIONS)
    found = 0
    for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
        first, last = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
        consumer.assign([TopicPartition(topic, number, first)])
        while first < last:
            message = consumer.poll(10)
            assert message is not None
            assert message.error() is None
            first = int(message.offset() or 0) + 1
            found += f'"replay_id":"{backfill_id}"'.encode() in (message.value() or b"")
    consumer.close()
    return found


def days_of(deployment: Deployment, source: str) -> tuple[tuple[str, ...], int]:
    """Return the command that sends all that a source has in the lake, and how much that is."""
    table, where = interactions(deployment), f"source = '{source}'"
    [(first, last)] = deployment.query(
        f"SELECT CAST(min(CAST(received_at AS date)) AS varchar), CAST(max(CAST(received_at AS date)) AS varchar) "
        f"FROM {table} WHERE {where}"
    )
    there = deployment.count(table, where)
    assert there > 0
    return ("backfill", "--source", source, "--from", str(first), "--to", str(last)), there


def all_given(backfill: Mapping[str, Any]) -> None:
    """Wait until all that a backfill sent is where `unify` reads."""
    until("`unify` has been given all of it", lambda: given(backfill["backfill_id"]),
          lambda seen: seen == backfill["sent"], seconds=SECONDS)  # fmt: skip


def test_days_that_go_over_the_stream_twice_change_nothing_and_move_nobody(run: Demonstration) -> None:
    deployment = run.story.deployment
    table = interactions(deployment)
    views.count_once(deployment, {**order(8, run.story._cards()[2]), "event_id": "before-the-backfill"})
    # The order is in the lake, too, before it is counted what there is.
    until("the order is in the lake", lambda: deployment.count(table, "event_id = 'before-the-backfill'"),
          lambda seen: seen == 1, seconds=SECONDS)  # fmt: skip
    before = views.whole(deployment)
    messages = views.view(deployment, "MESSAGE#")
    rows = deployment.count(table)
    assert before["PROFILE"]
    assert before["DECISION#"]

    counted = done(deployment, *days_of(deployment, SOURCES[0])[0], "--dry-run")
    assert counted["sent"] == 0
    for source in SOURCES:
        words, there = days_of(deployment, source)
        once = done(deployment, *words)
        assert (once["sent"], once["done_before"]) == (there, False)
        all_given(once)
    repeated, twice = (done(deployment, *words, *more) for more in ((), ("--again",)))
    assert [(each["sent"], each["done_before"]) for each in (repeated, twice)] == [(there, True), (there, False)]
    assert once["backfill_id"] == repeated["backfill_id"] != twice["backfill_id"]
    all_given(twice)

    # `unify` reads the stream in order: with this order it has read all of the history, and counts new events as ever.
    views.count_once(deployment, {**order(9, run.story._cards()[2]), "event_id": "after-the-backfill"})
    person = {key for key, (_, now) in views.differences(deployment, before, "EVENT#").items()}
    assert len(person) == 1  # of the order after it
    owner = next(iter(person))[0]
    for prefix in views.PREFIXES:
        others = {key for key in views.differences(deployment, before, prefix) if key[0] != owner}
        assert others == set(), prefix
    found = views.view(deployment, "PROFILE")[owner, "PROFILE"]
    assert found["aggregates"]["orders"] == before["PROFILE"][owner, "PROFILE"]["aggregates"]["orders"] + 1
    assert views.view(deployment, "DECISION#").keys() == before["DECISION#"].keys()
    assert views.view(deployment, "MESSAGE#") == messages
    until("the lake has the new order and no other", lambda: deployment.count(table),
          lambda seen: seen == rows + 1, seconds=SECONDS)  # fmt: skip
    assert deployment.count(table, "replay_id LIKE 'backfill-%'") == 0
