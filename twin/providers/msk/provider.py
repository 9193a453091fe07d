"""MSK: the twin's broker stands for the cluster, and the deployed mappings say who reads which topic."""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.calls import Call
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.reader_rights import MappingRights
from twin.emulator.stand_ins import Resource
from twin.engines.kafka import KafkaEngine
from twin.patches.stream_mappings import Result
from twin.providers.msk.service import Msk
from twin.providers.msk.topic_reader import TopicMapping, TopicReader

LOGGER: Final = logging.getLogger("twin.msk")
CLUSTER = ResourceType(name="AWS::MSK::ServerlessCluster", arn="arn:aws:kafka:{region}:{account}:cluster/c360/{name}")
MAPPING = ResourceType(name="AWS::Lambda::EventSourceMapping")


class MskProvider(Provider):
    """MSK Serverless, and Lambda's readers of its topics."""

    types = (CLUSTER, MAPPING)
    engines = (KafkaEngine,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._made: dict[str, datetime] = {}
        self._readers: dict[str, TopicReader] = {}
        self._service = Msk(made=self._made, servers=self._servers)

    def api(self) -> Mapping[str, object]:
        """Serve what the deployment asks of a cluster."""
        return {"kafka": self._service}

    def deployed(self, resource: Resource) -> None:
        """Note a cluster; read a topic as its mapping says."""
        if resource.type_name == CLUSTER.name:
            self._made.setdefault(str(resource.attributes["Arn"]), datetime.now(UTC))
        elif _of_kafka(resource):
            mapping = TopicMapping.of(resource.properties)
            # The emulator deploys and answers in one thread, and the broker may still have to start.
            begin = threading.Thread(target=self._read, args=(resource.physical_id, mapping), daemon=True)
            begin.start()

    def removed(self, resource: Resource) -> None:
        """Forget a cluster; end the reader of a mapping."""
        if resource.type_name == CLUSTER.name:
            self._made.pop(str(resource.attributes["Arn"]), None)
        elif (reader := self._readers.pop(resource.physical_id, None)) is not None:
            reader.stop()

    def close(self) -> None:
        """End all readers."""
        for reader in self._readers.values():
            reader.stop()
        self._readers.clear()

    def _servers(self) -> str:
        return self.twin.engines.get(KafkaEngine).bootstrap_servers

    def _read(self, name: str, mapping: TopicMapping) -> None:
        before = self._readers.pop(name, None)
        if before is not None:
            before.stop()
        rights = MappingRights(lambda _source: reading_rights(mapping))
        reader = TopicReader(
            mapping,
            bootstrap_servers=self._servers(),
            invoke=lambda event: _invoke(mapping.function, event),
            put_failure=lambda queue, message: self._put_failure(mapping.function, queue, message),
            may_read=lambda: (
                _enabled(name)
                and rights.may_read(
                    {"UUID": name, "EventSourceArn": mapping.cluster}, str(_configuration(mapping.function)["Role"])
                )
            ),
        )
        self._readers[name] = reader
        reader.start()

    def _put_failure(self, function: str, queue: str, message: str) -> None:
        from ministack.core import lambda_runtime

        credentials = lambda_runtime.execution_credentials(_configuration(function))
        sqs = self.twin.settings.client("sqs", credentials)
        url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=message)


def reading_rights(mapping: TopicMapping) -> tuple[Call, ...]:
    """Return what Lambda does on a cluster, a topic and a group on behalf of the function that reads."""
    topic = f"{mapping.cluster.replace(':cluster/', ':topic/')}/{mapping.topic}"
    group = f"{mapping.cluster.replace(':cluster/', ':group/')}/{mapping.group}"
    return (
        Call(action="kafka:DescribeClusterV2", resource=mapping.cluster),
        Call(action="kafka:GetBootstrapBrokers", resource=mapping.cluster),
        Call(action="kafka-cluster:Connect", resource=mapping.cluster),
        Call(action="kafka-cluster:DescribeTopic", resource=topic),
        Call(action="kafka-cluster:ReadData", resource=topic),
        Call(action="kafka-cluster:DescribeGroup", resource=group),
        Call(action="kafka-cluster:AlterGroup", resource=group),
        Call(action="ec2:CreateNetworkInterface"),
    )


def _of_kafka(resource: Resource) -> bool:
    return ":kafka:" in str(resource.properties.get("EventSourceArn"))


def _enabled(mapping: str) -> bool:
    """Say whether a mapping is switched on: the emulator keeps what its API is told."""
    from ministack.services import lambda_svc

    found = (each for _account, _region, each in lambda_svc._iter_all_esms() if each["UUID"] == mapping)
    return any(each.get("Enabled", True) for each in found)


def _invoke(function: str, event: Mapping[str, Any]) -> Result:
    from ministack.services import lambda_svc

    record, _, _ = lambda_svc._get_func_record_for_ref(function)
    answer: Result = lambda_svc._execute_function(record, dict(event))
    if answer.get("error"):
        LOGGER.warning("%s failed: %s", function, answer.get("body"))
    return answer


def _configuration(function: str) -> Mapping[str, Any]:
    from ministack.services import lambda_svc

    _, configuration, _ = lambda_svc._get_func_record_for_ref(function)
    return configuration or {"Role": ""}


PROVIDER = MskProvider
