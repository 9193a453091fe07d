"""Redshift Serverless and its Data API: namespaces and workgroups of the template, whose statements PostgreSQL runs."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from twin.emulator.calls import Call, require_all
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.resource_names import arn
from twin.emulator.roles import require_trust
from twin.emulator.stand_ins import Resource
from twin.engines.kafka import KafkaEngine
from twin.engines.kafka_topics import is_topic, read_topic
from twin.engines.postgresql import PostgreSqlEngine
from twin.engines.trino import CATALOG, TrinoEngine
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name
from twin.providers.redshift import admin_secret
from twin.providers.redshift.data_api import Access, RedshiftData, Workgroup
from twin.providers.redshift.database import Database, ExternalSchema, LakeTable
from twin.providers.redshift.serverless import RedshiftServerless
from twin.providers.redshift.streams import Record
from twin.settings import ACCOUNT, REGION

_ARN: Final = "arn:aws:redshift-serverless:{region}:{account}:"
NAMESPACE: Final = ResourceType(name="AWS::RedshiftServerless::Namespace", arn=f"{_ARN}namespace/{{name}}")
WORKGROUP: Final = ResourceType(name="AWS::RedshiftServerless::Workgroup", arn=f"{_ARN}workgroup/{{name}}")
SERVICE: Final = "redshift.amazonaws.com"
SAGEMAKER: Final = "sagemaker.amazonaws.com"
_JOBS: Final[Mapping[str, Sequence[str]]] = {
    "training-job": ("CreateTrainingJob", "DescribeTrainingJob"),
    "compilation-job": ("CreateCompilationJob", "DescribeCompilationJob"),
}
_READS_STREAM: Final = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
_ROLES_TAG: Final = "RedshiftDbRoles"


class RedshiftProvider(Provider):
    """Redshift Serverless."""

    types = (NAMESPACE, WORKGROUP)
    engines = (PostgreSqlEngine, TrinoEngine, KafkaEngine)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._serverless = RedshiftServerless(
            namespaces=lambda: twin.registry.of_type(NAMESPACE.name),
            workgroups=lambda: twin.registry.of_type(WORKGROUP.name),
            secret_of=self._secret_of,
            kept=twin.settings.home / "redshift-limits.json",
        )
        access = Access(caller=twin.caller, require=_require, roles_of=self._roles_of)
        self._data = RedshiftData(self._workgroup, access)

    def api(self) -> Mapping[str, object]:
        """Serve the workgroups, and statements in them."""
        return {"redshift-serverless": self._serverless, "redshift-data": self._data}

    def close(self) -> None:
        """Take no statements any more."""
        self._data.close()

    def deployed(self, resource: Resource) -> None:
        """Keep the password of a new namespace's administrator, if Redshift is to do that."""
        stated = resource.properties
        if resource.type_name != NAMESPACE.name or str(stated.get("ManageAdminPassword")).lower() != "true":
            return
        if self._secret_of(resource.physical_id):
            return
        text = {"username": stated["AdminUsername"], "password": secrets.token_urlsafe()}
        key = stated.get("AdminPasswordSecretKmsKeyId")
        admin_secret.create(_secret_name(resource), json.dumps(text), key)

    def removed(self, resource: Resource) -> None:
        """Take away what belongs to a namespace or a workgroup that is gone."""
        if resource.type_name == WORKGROUP.name:
            self._serverless.forget(resource.attributes["Workgroup.WorkgroupArn"])
        elif _is_managed(resource):
            admin_secret.delete(_secret_name(resource))

    # ---- what a statement runs on

    def _secret_of(self, namespace: str) -> str:
        found = next((one for one in self.twin.registry.of_type(NAMESPACE.name) if one.physical_id == namespace), None)
        return "" if found is None or not _is_managed(found) else admin_secret.arn(_secret_name(found))

    def _roles_of(self, principal: str) -> Sequence[str]:
        """Return the roles of the database that the tag of a role of IAM names, with colons between them."""
        kind, _, path = principal.rpartition(":")[2].partition("/")
        if kind not in {"role", "assumed-role"}:
            return ()
        name = path.partition("/")[0] if kind == "assumed-role" else path.rpartition("/")[2]
        tags = self.twin.client("iam").list_role_tags(RoleName=name)["Tags"]
        return [role for tag in tags if tag["Key"] == _ROLES_TAG for role in tag["Value"].split(":")]

    def _workgroup(self, name: str) -> Workgroup | None:
        workgroup = next((one for one in self.twin.registry.of_type(WORKGROUP.name) if one.physical_id == name), None)
        if workgroup is None:
            return None
        wanted = workgroup.properties["NamespaceName"]
        namespace = next(one for one in self.twin.registry.of_type(NAMESPACE.name) if one.physical_id == wanted)
        return Workgroup(
            name=name,
            arn=workgroup.attributes["Workgroup.WorkgroupArn"],
            database_name=namespace.properties.get("DbName", "dev"),
            secret_arn=self._secret_of(wanted),
            database=Database(
                connect=lambda: self.twin.engines.get(PostgreSqlEngine).connect(),
                administrator=namespace.properties.get("AdminUsername", "admin"),
                read_lake=lambda schema, table: self._lake_table(namespace, schema, table),
                check_model=lambda values: _require_training(namespace, values),
                read_stream=lambda role, stream, positions: self._records(namespace, role, stream, positions),
            ),
        )

    def _lake_table(self, namespace: Resource, schema: ExternalSchema, table: str) -> LakeTable:
        """Find a table with the role of an external schema, which Lake Formation and the role's policies both limit."""
        role = _role_of(namespace, schema.role)
        require_trust(role, SERVICE, namespace.attributes["Namespace.NamespaceArn"])
        require_all(role, _looks_up(schema.database, table))
        user = user_name(role)
        self.twin.provider(LakeFormationProvider).rules.before_query(user)
        place = f'"{schema.database}"."{table}"'
        described = self._query(user, f"SHOW COLUMNS FROM {place}")
        columns = {str(row[0]): str(row[1]) for row in described}

        def rows(chosen: Sequence[str]) -> Iterable[Sequence[Any]]:
            names = ", ".join(f'"{column}"' for column in chosen)
            return self._query(user, f"SELECT {names} FROM {place}")  # noqa: S608  # names of the catalog, in quotes

        return LakeTable(columns=columns, rows=rows)

    def _records(self, namespace: Resource, named: str, stream: str, positions: Mapping[str, str]) -> Iterator[Record]:
        """Read a stream with the role of an external schema, from its beginning or from where a refresh ended.

        What Flink writes, and what it reads, is whole in Kafka; what nobody else reads is not carried to Kinesis.
        """
        role = _role_of(namespace, named)
        require_trust(role, SERVICE, namespace.attributes["Namespace.NamespaceArn"])
        client = self.twin.client("kinesis")
        described = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        require_all(role, _reads_stream(described))
        broker = self.twin.engines.get(KafkaEngine).bootstrap_servers
        if is_topic(broker, stream):
            yield from _of_topic(broker, stream, positions)
            return
        for shard in client.list_shards(StreamName=stream)["Shards"]:
            yield from _of_shard(client, stream, shard["ShardId"], positions.get(shard["ShardId"]))

    def _query(self, user: str, sql: str) -> Iterator[Sequence[Any]]:
        connection = self.twin.engines.get(TrinoEngine).connect(user, catalog=CATALOG)
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            yield from cursor
        finally:
            connection.close()


def _reads_stream(described: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what Redshift does with the role that reads a stream."""
    stream = described["StreamARN"]
    for action in _READS_STREAM:
        yield Call(action=f"kinesis:{action}", resource=stream)
    yield Call(action="kinesis:ListStreams")
    if key := described.get("KeyId"):
        context = {
            "kms:ViaService": f"kinesis.{REGION}.amazonaws.com",
            "kms:CallerAccount": ACCOUNT,
            "kms:EncryptionContext:aws:kinesis:arn": stream,
        }
        yield Call(action="kms:Decrypt", resource=key, context=context)


def _of_topic(broker: str, stream: str, positions: Mapping[str, str]) -> Iterator[Record]:
    after = {int(shard): int(sequence) for shard, sequence in positions.items()}
    for one in read_topic(broker, stream, after):
        shard, sequence = str(one.partition), str(one.offset)
        yield Record(shard=shard, sequence=sequence, arrived=one.written, key=one.key, data=one.data)


def _of_shard(client: Any, stream: str, shard: str, after: str | None) -> Iterator[Record]:
    start = (
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        if after
        else {"ShardIteratorType": "TRIM_HORIZON"}
    )
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    while iterator:
        page = client.get_records(ShardIterator=iterator)
        for one in page["Records"]:
            yield Record(
                shard=shard,
                sequence=one["SequenceNumber"],
                arrived=one["ApproximateArrivalTimestamp"],
                key=one["PartitionKey"],
                data=one["Data"],
            )
        iterator = page.get("NextShardIterator") if page["Records"] or page.get("MillisBehindLatest") else None


def _role_of(namespace: Resource, named: str) -> str:
    """Return a role of a namespace, by its ARN or as the default one."""
    role = namespace.properties.get("DefaultIamRoleArn", "") if named == "default" else named
    if role not in namespace.properties.get("IamRoles", ()):
        raise PermissionError(f"the namespace {namespace.physical_id} has no role {role or 'by default'}")
    return str(role)


def _require_training(namespace: Resource, values: Mapping[str, str]) -> None:
    """Refuse a model whose role may not do what Redshift and SageMaker do with it."""
    role = _role_of(namespace, values["role"])
    for service in (SERVICE, SAGEMAKER):
        require_trust(role, service, namespace.attributes["Namespace.NamespaceArn"])
    require_all(role, _trains(role, values))


def _trains(role: str, values: Mapping[str, str]) -> Iterator[Call]:
    bucket = f"arn:aws:s3:::{values['s3_bucket']}"
    for action in ("GetBucketLocation", "ListBucket"):
        yield Call(action=f"s3:{action}", resource=bucket)
    for action in ("PutObject", "GetObject", "DeleteObject"):
        yield Call(action=f"s3:{action}", resource=f"{bucket}/training/part")
    for kind, actions in _JOBS.items():
        for action in actions:
            yield Call(action=f"sagemaker:{action}", resource=arn("sagemaker", f"{kind}/redshiftml-model"))
    yield Call(action="iam:PassRole", resource=role, context={"iam:PassedToService": SAGEMAKER})
    if key := values.get("kms_key_id"):
        for action in ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"):
            yield Call(action=f"kms:{action}", resource=key)


def _looks_up(database: str, table: str) -> Iterator[Call]:
    """Yield what Redshift asks with the role of an external schema."""
    for path in ("catalog", f"database/{database}"):
        yield Call(action="glue:GetDatabase", resource=arn("glue", path))
    for path in ("catalog", f"database/{database}", f"table/{database}/{table}"):
        yield Call(action="glue:GetTable", resource=arn("glue", path))
    yield Call(action="lakeformation:GetDataAccess")


def _require(principal: str, calls: Iterable[Call]) -> None:
    """Refuse what the caller's policies do not allow; whoever calls past HTTP has been authorized by then."""
    if principal:
        require_all(principal, calls)


def _is_managed(namespace: Resource) -> bool:
    return str(namespace.properties.get("ManageAdminPassword")).lower() == "true"


def _secret_name(namespace: Resource) -> str:
    return f"redshift!{namespace.physical_id}-{namespace.properties['AdminUsername']}"


PROVIDER = RedshiftProvider
