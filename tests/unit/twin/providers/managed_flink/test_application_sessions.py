"""An application's start: its role must allow what the connector calls, and the bridge gets the roles' sessions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import iam

from c360_core.names import READS, WRITES, Property
from twin.bridge.process import BridgeEngine
from twin.emulator.provider import Twin
from twin.emulator.roles import assume
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.engines.kafka import KafkaEngine
from twin.providers.managed_flink.provider import APPLICATION, SERVICE, ManagedFlinkProvider
from twin.settings import ACCOUNT, REGION, TwinSettings

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Clean"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream"
READING = ("kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords")
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c360/1"
TOPICS = f"arn:aws:kafka:{REGION}:{ACCOUNT}:topic/c360/1"
STREAMS = {READS: "events", WRITES: "interactions"}


class FakeEngines:
    """Kafka and the bridge, which notes whose credentials it is given."""

    bootstrap_servers = "127.0.0.1:9"

    def __init__(self) -> None:
        self.carried: dict[str, Any] = {}

    def get(self, kind: type) -> "FakeEngines":
        assert kind in {KafkaEngine, BridgeEngine}
        return self

    def carry(self, **streams: Any) -> None:
        self.carried = streams


class FakeKinesis:
    """Streams that no key encrypts."""

    def describe_stream_summary(self, **_: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {}}


def a_role(*statements: dict[str, Any]) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": SERVICE}}
    role = {
        "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
        "InlinePolicies": {"Own": json.dumps({"Statement": list(statements)})},
    }
    iam._roles.set_scoped(ACCOUNT, None, "Clean", role)


def statement(*actions: str, stream: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": f"{STREAM}/{stream}"}


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManagedFlinkProvider]:
    twin = Twin(TwinSettings(home=tmp_path, port=1), [ManagedFlinkProvider])
    twin.engines = FakeEngines()  # type: ignore[assignment]
    monkeypatch.setattr(twin, "client", lambda _service: FakeKinesis())
    groups = [{"PropertyGroupId": str(Property.STREAMS), "PropertyMap": STREAMS}]
    properties = {
        "ServiceExecutionRole": ROLE,
        "ApplicationConfiguration": {"EnvironmentProperties": {"PropertyGroups": groups}},
    }
    application = Resource(
        type_name=APPLICATION.name,
        physical_id="clean",
        logical_id="Clean",
        stack="collection",
        properties=properties,
        attributes={},
    )
    twin.registry.put(application)
    yield twin.provider(ManagedFlinkProvider)
    iam._roles.pop_scoped(ACCOUNT, None, "Clean", None)


def record(**more: str) -> dict[str, Any]:
    groups = [{"PropertyGroupId": str(Property.STREAMS), "PropertyMap": {**STREAMS, **more}}]
    described = {"EnvironmentPropertyDescriptions": {"PropertyGroupDescriptions": groups}}
    return {"ApplicationName": "clean", "ApplicationConfigurationDescription": described}


def test_the_bridge_reads_and_writes_with_sessions_of_the_application_s_role(provider: ManagedFlinkProvider) -> None:
    a_role(statement(*READING, stream="events"), statement("kinesis:PutRecords", stream="interactions"))
    session = assume(ROLE, service=SERVICE, session="clean")
    bridge = assume(ROLE, service=SERVICE, session="bridge").variables()
    properties = provider._streams(record(), session)
    assert properties == {"provider": "kafka", "bootstrap.servers": "127.0.0.1:9"}
    assert provider.twin.engines.carried == {  # type: ignore[attr-defined]
        "reads": {"events": bridge},
        "writes": {"interactions": bridge},
    }


def test_an_application_whose_role_may_not_write_its_stream_does_not_start(provider: ManagedFlinkProvider) -> None:
    a_role(statement(*READING, stream="events"))
    session = assume(ROLE, service=SERVICE, session="clean")
    with pytest.raises(ServiceError, match=f"not authorized to perform: kinesis:PutRecords on.*{STREAM}/interactions"):
        provider._streams(record(), session)
    assert provider.twin.engines.carried == {}  # type: ignore[attr-defined]


def test_an_application_on_topics_goes_where_its_template_says_and_the_bridge_rests(
    provider: ManagedFlinkProvider,
) -> None:
    provider.twin.registry.put(cluster())
    a_role(
        on("ec2:*", there="*"),
        on("kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently", there=CLUSTER),
        on("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", there=f"{TOPICS}/events"),
        on("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData", there=f"{TOPICS}/interactions"),
    )
    session = assume(ROLE, service=SERVICE, session="clean")
    assert provider._streams(record(provider="kafka"), session) == {}
    assert provider.twin.engines.carried == {}  # type: ignore[attr-defined]


def test_an_application_whose_role_may_not_write_its_topic_does_not_start(provider: ManagedFlinkProvider) -> None:
    provider.twin.registry.put(cluster())
    a_role(on("ec2:*", "kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently", there="*"))
    session = assume(ROLE, service=SERVICE, session="clean")
    with pytest.raises(ServiceError, match=f"not authorized to perform: kafka-cluster:DescribeTopic on.*{TOPICS}"):
        provider._streams(record(provider="kafka"), session)


def on(*actions: str, there: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": there}


def cluster() -> Resource:
    return Resource(
        type_name="AWS::MSK::ServerlessCluster",
        physical_id="streams",
        logical_id="Streams",
        stack="collection",
        properties={},
        attributes={"Arn": CLUSTER},
    )
