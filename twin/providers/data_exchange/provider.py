"""Data Exchange: the event actions of the template export what a vendor publishes."""

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

from c360_core.landing import PROBE
from twin.emulator import roles
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.patches.task_roles import acting_role
from twin.providers.data_exchange.service import DataExchange
from twin.settings import ACCOUNT

SERVICE: Final = "dataexchange.amazonaws.com"
EVENT_ACTION = ResourceType(name="AWS::DataExchange::EventAction")
WRITE: Final = "s3:PutObject"


class DataExchangeProvider(Provider):
    """Data Exchange."""

    types = (EVENT_ACTION,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._service = DataExchange(
            actions=lambda: twin.registry.of_type(EVENT_ACTION.name),
            s3=lambda: twin.client("s3"),
            service_may=_service_may,
            require_caller=self._require_caller,
            tell=_tell,
        )

    def api(self) -> Mapping[str, object]:
        """Serve revisions, jobs and event actions."""
        return {"dataexchange": self._service}

    def deployed(self, resource: Resource) -> None:
        """Write the object by which Data Exchange sees whether it may write into the bucket of an event action."""
        bucket = str(resource.properties["Action"]["ExportRevisionToS3"]["RevisionDestination"]["Bucket"])
        key = f"{PROBE}{ACCOUNT}#"
        if not _service_may(bucket, key, resource.physical_id):
            raise ServiceError("ValidationException", f"the policy of {bucket} does not let {SERVICE} write {key}")
        # The emulator deploys and answers in one thread: a call of its own from here would wait for itself.
        threading.Thread(target=self._probe, args=(bucket, key), name=f"probe-{bucket}", daemon=True).start()

    def _probe(self, bucket: str, key: str) -> None:
        self.twin.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")

    def _require_caller(self, bucket: str, key: str) -> None:
        caller = acting_role() or self.twin.caller()
        if caller:
            context = {"aws:CalledVia": [SERVICE]}
            roles.require(caller, WRITE, f"arn:aws:s3:::{bucket}/{key}", context)


def _tell(detail_type: str, detail: Mapping[str, Any]) -> None:
    """Put an event of the service on the default bus; nobody outside of AWS may send one by the API."""
    from ministack.services import eventbridge

    entry = {
        "Source": "aws.dataexchange",
        "DetailType": detail_type,
        "Resources": [one["Id"] for one in detail["DataSets"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _service_may(bucket: str, key: str, action: str) -> bool:
    """Say whether the bucket's policy lets the service in; it uses the key under a grant of who deployed the action."""
    return roles.service_may(SERVICE, WRITE, f"arn:aws:s3:::{bucket}/{key}", action, by_grant=True)


PROVIDER = DataExchangeProvider
