"""MSK's own API, as far as the deployment asks it: where a cluster is, and since when."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twin.emulator.wire import ServiceError

Document = dict[str, Any]


class Msk:
    """The operations of MSK.

    Args:
        made: when each deployed cluster was made, by its ARN.
        servers: gives the address of the broker, which is started for it.
    """

    def __init__(self, *, made: Mapping[str, datetime], servers: Callable[[], str]) -> None:
        self._made, self._servers = made, servers

    def get_bootstrap_brokers(self, request: Document) -> Document:
        """Return the address of the broker, which takes clients without a login: the laptop's Kafka knows no IAM."""
        self._found(request)
        return {"BootstrapBrokerString": self._servers()}

    def describe_cluster_v2(self, request: Document) -> Document:
        """Return a cluster."""
        arn, made = self._found(request)
        information = {
            "ClusterArn": arn,
            "ClusterName": arn.split("/")[-1],
            "ClusterType": "SERVERLESS",
            "CreationTime": made,
            "State": "ACTIVE",
        }
        return {"ClusterInfo": information}

    def _found(self, request: Document) -> tuple[str, datetime]:
        arn = str(request["ClusterArn"])
        if arn not in self._made:
            raise ServiceError("NotFoundException", f"{arn}: no such cluster", 404)
        return arn, self._made[arn]
