"""The custom resource of a topic: what it asks of MSK and of the cluster, and what it tells the template."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_aws import kafka_streams
from c360_aws.kafka_streams import Brokers
from lambdas.shared import aws, custom_resource
from lambdas.stream_topics import handler
from tests.fakes.wire import LambdaContext

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/c360-dev/0c1d-7"
SERVERS = "boot-1.kafka-serverless.us-east-1.amazonaws.com:9098"


class Msk:
    """MSK with one cluster."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = addresses

    def get_bootstrap_brokers(self, *, ClusterArn: str) -> dict[str, str]:  # noqa: N803
        assert ClusterArn == ARN
        return self.addresses

    def describe_cluster_v2(self, *, ClusterArn: str) -> dict[str, Any]:  # noqa: N803
        assert ClusterArn == ARN
        return {"ClusterInfo": {"CreationTime": datetime(2026, 3, 1, 9, 30, tzinfo=UTC)}}


class Admin:
    """A cluster that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def create_topics(self, topics: Any, *, wait_for_metadata: bool) -> None:
        assert wait_for_metadata
        self.asked.append(("create", topics))

    def delete_topics(self, topics: list[str]) -> None:
        self.asked.append(("delete", topics))

    def close(self) -> None:
        self.asked.append(("close", None))


class Cloud:
    """What the function reaches, and what CloudFormation heard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.admin, self.connected, self.answers = Admin(), [], []
        self.msk = Msk(BootstrapBrokerStringSaslIam=SERVERS)
        monkeypatch.setenv("ENVIRONMENT", "dev")
        monkeypatch.setattr(aws, "msk", lambda: self.msk)
        monkeypatch.setattr(kafka_streams, "administrator", self.connect)
        monkeypatch.setattr(custom_resource, "urlopen", self.hear)
        handler._keeper.cache_clear()

    admin: Admin
    connected: list[Brokers]
    answers: list[dict[str, Any]]

    def connect(self, brokers: Brokers) -> Admin:
        self.connected.append(brokers)
        return self.admin

    def hear(self, request: Any, **_: Any) -> io.BytesIO:
        self.answers.append(json.loads(request.data))
        return io.BytesIO()

    def ask(self, kind: str, when_deleted: str = "delete") -> dict[str, Any]:
        event = {
            **dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "x"),
            "RequestType": kind,
            "ResponseURL": "https://cloudformation.example/answer",
            "ResourceProperties": {
                "ClusterArn": ARN,
                "Topic": "c360-dev-events",
                "Partitions": "3",
                "RetentionHours": "24",
                "WhenDeleted": when_deleted,
            },
        }
        handler.handle(event, LambdaContext())
        return self.answers[-1]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return Cloud(monkeypatch)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_the_topic_is_kept_and_its_clients_are_told_where_it_is(cloud: Cloud, kind: str) -> None:
    told = cloud.ask(kind)

    assert (told["Status"], told["Data"]) == (
        "SUCCESS",
        {"Brokers": SERVERS, "Security": "SASL_SSL", "CreatedAt": "1772357400000"},
    )
    assert cloud.connected == [Brokers(servers=SERVERS, security="SASL_SSL")]
    (what, topics), closed = cloud.admin.asked
    assert (what, closed) == ("create", ("close", None))
    assert topics["c360-dev-events"]["num_partitions"] == 3
    assert topics["c360-dev-events"]["configs"]["retention.ms"] == "86400000"


def test_its_records_go_with_the_topic_unless_the_template_keeps_them(cloud: Cloud) -> None:
    assert cloud.ask("Delete", "keep")["Status"] == "SUCCESS"
    assert cloud.admin.asked == []

    assert cloud.ask("Delete")["Status"] == "SUCCESS"
    assert cloud.admin.asked == [("delete", ["c360-dev-events"]), ("close", None)]


def test_a_cluster_without_an_address_fails_the_deployment_by_name(cloud: Cloud) -> None:
    cloud.msk = Msk(BootstrapBrokerStringTls="b-1:9094")

    told = cloud.ask("Create")

    assert told["Status"] == "FAILED"
    assert "UnreachableClusterError" in told["Reason"]
    assert ARN in told["Reason"]


def test_a_cluster_without_any_login_is_used_as_it_is(cloud: Cloud) -> None:
    cloud.msk = Msk(BootstrapBrokerString="127.0.0.1:9092")

    assert cloud.ask("Create")["Data"]["Security"] == "PLAINTEXT"
