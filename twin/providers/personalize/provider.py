"""Personalize: what the templates deploy, and what requests make of it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from c360_core.recommendation.filters import FilterError, parse
from twin.emulator import roles
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.providers.personalize.data import DataError, fields_of
from twin.providers.personalize.runtime import Events, Runtime
from twin.providers.personalize.service import SERVICE, Personalize
from twin.settings import ACCOUNT, REGION

_ARN: Final = "arn:aws:personalize:{region}:{account}:"
_TYPE: Final = "AWS::Personalize::"
SESSION: Final = "personalize"
# For which of its resources it assumes a role, AWS does not say: its guide trusts all of an account.
_SOURCE: Final = f"arn:aws:personalize:{REGION}:{ACCOUNT}:*"
# By kind: how AWS forms the ARN.
_PATHS: Final = {
    "Schema": "schema/{Name}",
    "DatasetGroup": "dataset-group/{Name}",
    "Dataset": "dataset/{Name}/{DatasetType}",
    "Solution": "solution/{Name}",
    "EventTracker": "event-tracker/{name}",
    "Filter": "filter/{Name}",
    "MetricAttribution": "metric-attribution/{Name}",
}


class PersonalizeProvider(Provider):
    """Amazon Personalize."""

    types = tuple(ResourceType(name=f"{_TYPE}{kind}", arn=f"{_ARN}{path}") for kind, path in _PATHS.items())

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._service = Personalize(
            deployed=lambda kind: twin.registry.of_type(f"{_TYPE}{kind}"), files=BucketFiles(twin)
        )

    def api(self) -> Mapping[str, object]:
        """Serve the control plane, the runtime and the events."""
        return {
            "personalize": self._service,
            "personalize-runtime": Runtime(self._service),
            "personalize-events": Events(self._service),
        }

    def deployed(self, resource: Resource) -> None:
        """Refuse a filter that is not carried, and a data set whose schema lacks a field."""
        kind = resource.type_name.removeprefix(_TYPE)
        try:
            if kind == "Filter":
                parse(resource.properties["FilterExpression"])
            elif kind == "Dataset":
                schemas = self.twin.registry.of_type(f"{_TYPE}Schema")
                wanted = resource.properties["SchemaArn"]
                schema = next(one for one in schemas if one.attributes["SchemaArn"] == wanted)
                fields_of(resource.properties["DatasetType"], schema.properties["Schema"])
            elif kind == "DatasetGroup" and "RoleArn" in resource.properties:
                roles.require_trust(resource.properties["RoleArn"], SERVICE, _SOURCE)
        except (DataError, FilterError) as error:
            raise ServiceError("InvalidInputException", f"{resource.logical_id}: {error}") from error


class BucketFiles:
    """Files of S3, which the role must reach and the bucket's policy let the service reach.

    Args:
        twin: gives clients.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def texts(self, role: str, location: str) -> Iterator[tuple[str, str]]:
        """Yield name and text of each file under a location."""
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        client = self._client(role)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Contents", ()):
                self._let_in(bucket, one["Key"], "s3:GetObject")
                yield one["Key"], client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode()

    def write(self, role: str, location: str, text: str) -> None:
        """Write a file."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self._let_in(bucket, key, "s3:PutObject")
        self._client(role).put_object(Bucket=bucket, Key=key, Body=text.encode())

    def _client(self, role: str) -> Any:
        session = roles.assume(role, service=SERVICE, session=SESSION, source=_SOURCE)
        return self._twin.settings.client("s3", session.variables())

    @staticmethod
    def _let_in(bucket: str, key: str, action: str) -> None:
        if not roles.service_may(SERVICE, action, f"arn:aws:s3:::{bucket}/{key}", _SOURCE, by_grant=True):
            raise ServiceError("InvalidInputException", f"the policy of {bucket} does not let {SERVICE} do {action}")


PROVIDER = PersonalizeProvider
