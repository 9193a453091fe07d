"""The stand-in of Data Exchange: what event actions and jobs export, by the deployed properties alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.landing import LandedFile, revision_keys, revision_of
from twin.emulator.stand_ins import Resource
from twin.emulator.state_machines import sdk_integration
from twin.emulator.wire import ServiceError, Wire
from twin.providers.data_exchange.exports import Asset, Destination, ExportError, Revision, keys
from twin.providers.data_exchange.service import DataExchange

DATA_SET = "d1e0cred1tbands00000000000000002"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
AT = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)


class Bucket:
    """S3, as far as the stand-in uses it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}

    def put_object(self, *, Bucket: str, Key: str, **rest: Any) -> None:  # noqa: N803  # boto3's names
        self.objects[Bucket, Key] = rest

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        body = self.objects[Bucket, Key]["Body"]
        return {"Body": type("Body", (), {"read": lambda _self: body})()}


def action(pattern: str = revision_keys("credit_bands"), **encryption: str) -> Resource:
    stated = {
        "Event": {"RevisionPublished": {"DataSetId": DATA_SET}},
        "Action": {
            "ExportRevisionToS3": {
                "RevisionDestination": {"Bucket": "landing", "KeyPattern": pattern},
                "Encryption": encryption or {"Type": "aws:kms", "KmsKeyArn": KEY},
            }
        },
    }
    return Resource(
        type_name="AWS::DataExchange::EventAction", physical_id="ea", logical_id="Ea", stack="s", properties=stated,
        attributes={},
    )  # fmt: skip


class World:
    """A vendor, a subscriber with one event action, and the bus."""

    def __init__(self, deployed: Resource | None = None, *, open_bucket: bool = True) -> None:
        self.s3, self.told, self.refused = Bucket(), list[tuple[str, Any]](), set[str]()
        self.actions = [deployed or action()]
        moments = iter(AT + timedelta(seconds=n) for n in range(1000))
        self.service = DataExchange(
            actions=lambda: self.actions,
            s3=lambda: self.s3,
            service_may=lambda _bucket, _key, _action: open_bucket,
            require_caller=self._require,
            tell=lambda kind, detail: self.told.append((kind, detail)),
            clock=lambda: next(moments),
        )
        self.wire = Wire("dataexchange", self.service)

    def _require(self, bucket: str, key: str) -> None:
        if key in self.refused:
            raise ServiceError("AccessDeniedException", f"no s3:PutObject on {bucket}/{key}", 403)

    def call(self, operation: str, **request: Any) -> Any:
        return self.wire.invoke(operation, request)

    def publish(self, *assets: str) -> str:
        revision = self.call("CreateRevision", DataSetId=DATA_SET)["Id"]
        for name in assets:
            self.s3.put_object(Bucket="vendor", Key=name, Body=name.encode())
            sources = [{"Bucket": "vendor", "Key": name}]
            self.job("IMPORT_ASSETS_FROM_S3", "ImportAssetsFromS3", AssetSources=sources, RevisionId=revision)
        self.call("UpdateRevision", DataSetId=DATA_SET, RevisionId=revision, Finalized=True)
        return str(revision)

    def job(self, kind: str, name: str, **details: Any) -> Any:
        job = self.call("CreateJob", Type=kind, Details={name: {"DataSetId": DATA_SET, **details}})["Id"]
        self.call("StartJob", JobId=job)
        return self.call("GetJob", JobId=job)

    def export(self, revision: str, **details: Any) -> Any:
        to = [{"Bucket": "landing", "KeyPattern": revision_keys("credit_bands"), "RevisionId": revision}]
        return self.job("EXPORT_REVISIONS_TO_S3", "ExportRevisionsToS3", RevisionDestinations=to, **details)

    @property
    def landed(self) -> dict[str, dict[str, Any]]:
        return {key: rest for (bucket, key), rest in self.s3.objects.items() if bucket == "landing"}


def test_an_event_action_exports_what_is_published_by_its_pattern_and_its_key() -> None:
    world = World()

    revision = world.publish("bands.csv", "more/bands.csv")

    folder = f"credit_bands/2026-03-01T09:30:00.123Z/{revision}"
    assert set(world.landed) == {f"{folder}/bands.csv", f"{folder}/more/bands.csv"}
    assert world.landed[f"{folder}/bands.csv"] == {
        "Body": b"bands.csv", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY
    }  # fmt: skip
    assert [kind for kind, _ in world.told] == ["Revision Published To Data Set", "Auto-export Job Completed"]


def test_the_ingestion_reads_the_revision_from_the_key() -> None:
    world = World()
    revision = world.publish("bands.csv")
    [key] = world.landed
    found = revision_of(LandedFile(bucket="landing", key=key, landed_at="2026-05-01T00:00:00Z", size=1))
    assert (found.id, found.made_at) == (revision, AT.replace(microsecond=123000))


def test_a_revision_is_seen_once_it_is_final_and_lists_are_paged() -> None:
    world = World()
    world.call("CreateRevision", DataSetId=DATA_SET)
    published = [world.publish("a.csv") for _ in range(3)]

    first = world.call("ListDataSetRevisions", DataSetId=DATA_SET, MaxResults=2)
    second = world.call("ListDataSetRevisions", DataSetId=DATA_SET, MaxResults=2, NextToken=first["NextToken"])

    assert [one["Id"] for one in first["Revisions"] + second["Revisions"]] == published[::-1]
    assert "NextToken" not in second


def test_two_assets_of_one_name_fail_the_export_with_one_event() -> None:
    world = World()
    revision = world.publish("bands.csv", "bands.csv")

    assert world.landed == {}
    kind, detail = world.told[-1]
    assert kind == "Auto-export Job Failed"
    assert (detail["RevisionIds"], detail["DataSetIds"]) == ([revision], [DATA_SET])
    assert world.export(revision)["State"] == "ERROR"


def test_a_bucket_that_lets_nobody_in_fails_the_export() -> None:
    world = World(open_bucket=False)
    world.publish("bands.csv")
    assert world.landed == {}
    assert world.told[-1][0] == "Auto-export Job Failed"


def test_a_job_exports_an_old_revision_again_with_the_rights_of_its_caller() -> None:
    world = World()
    revision = world.publish("bands.csv")
    before = dict(world.landed)

    assert world.export(revision, Encryption={"Type": "aws:kms", "KmsKeyArn": KEY})["State"] == "COMPLETED"
    assert world.landed == before

    world.refused = set(before)
    with pytest.raises(ServiceError, match="no s3:PutObject on landing/credit_bands/"):
        world.export(revision)


def test_a_revoked_revision_is_told_of_once_listed_as_such_and_exported_no_more() -> None:
    world = World()
    revision = world.publish("a.csv")
    named = {"DataSetId": DATA_SET, "RevisionId": revision}

    world.call("RevokeRevision", **named, RevocationComment="published by mistake")
    world.call("RevokeRevision", **named, RevocationComment="published by mistake again")

    [(_, told)] = [one for one in world.told if one[0] == "Revision Revoked"]
    assert (told["RevisionIds"], told["RevocationComment"]) == ([revision], "published by mistake")
    [listed] = world.call("ListDataSetRevisions", DataSetId=DATA_SET)["Revisions"]
    assert (listed["Id"], listed["Revoked"]) == (revision, True)
    to = {"Bucket": "landing", "KeyPattern": revision_keys("credit_bands"), "RevisionId": revision}
    details = {"ExportRevisionsToS3": {"DataSetId": DATA_SET, "RevisionDestinations": [to]}}
    job = world.call("CreateJob", Type="EXPORT_REVISIONS_TO_S3", Details=details)["Id"]
    world.call("StartJob", JobId=job)
    ended = world.call("GetJob", JobId=job)
    assert ended["State"] == "ERROR"
    assert "was revoked" in ended["Errors"][0]["Message"]


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("CreateRevision", {"DataSetId": "unknown"}, "no deployed event action names the data set unknown"),
        ("ListDataSetRevisions", {"DataSetId": "unknown"}, "no deployed event action names the data set unknown"),
        ("GetJob", {"JobId": "j"}, "there is no job j"),
        ("GetEventAction", {"EventActionId": "x"}, "there is no event action x"),
        ("CreateDataSet", {"AssetType": "S3_SNAPSHOT", "Description": "d", "Name": "n"}, "has no CreateDataSet"),
        ("CreateJob", {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {}}, "runs no jobs of EXPORT_ASSET"),
    ],
)
def test_what_the_stand_in_cannot_know_is_refused_by_name(
    operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServiceError, match=message):
        World().call(operation, **request_)


def test_a_revision_without_assets_is_not_published_and_a_final_one_takes_no_more() -> None:
    world = World()
    empty = world.call("CreateRevision", DataSetId=DATA_SET)["Id"]
    with pytest.raises(ServiceError, match="has no assets"):
        world.call("UpdateRevision", DataSetId=DATA_SET, RevisionId=empty, Finalized=True)
    with pytest.raises(ServiceError, match="has no published revision"):
        world.export(empty)
    full = world.publish("a.csv")
    late = world.job("IMPORT_ASSETS_FROM_S3", "ImportAssetsFromS3", RevisionId=full, AssetSources=[
        {"Bucket": "vendor", "Key": "a.csv"}])  # fmt: skip
    assert late["State"] == "ERROR"
    assert "takes no more assets" in late["Errors"][0]["Message"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("${Revision.Id}", "has no asset"),
        ("${Asset.Name}/${Asset.Size}", r"knows no \$\{Asset\.Size\}"),
        ("${DataSet.Name}/${Asset.Name}", r"knows no \$\{DataSet\.Name\}"),
    ],
)
def test_a_pattern_that_the_twin_cannot_fill_is_refused(pattern: str, message: str) -> None:
    revision = Revision(id="r", data_set="d", created_at=AT, assets=[Asset(id="i", name="a", content=b"")])
    with pytest.raises(ExportError, match=message):
        keys(revision, pattern)


@pytest.mark.parametrize("encryption", [{"Type": "aws:kms"}, {"Type": "AES256", "KmsKeyArn": KEY}, {"Type": "none"}])
def test_encryption_by_half_is_refused(encryption: dict[str, str]) -> None:
    with pytest.raises(ExportError, match="use aws:kms with KmsKeyArn"):
        Destination.of({"Bucket": "b"}, encryption)


def test_the_deployed_event_actions_are_shown() -> None:
    world = World()
    [listed] = world.call("ListEventActions", EventSourceId=DATA_SET)["EventActions"]
    assert listed["Action"] == world.actions[0].properties["Action"]
    assert world.call("ListEventActions", EventSourceId="other")["EventActions"] == []
    assert world.call("GetEventAction", EventActionId="ea")["Event"] == {"RevisionPublished": {"DataSetId": DATA_SET}}


def test_a_state_machine_calls_it_with_the_names_of_its_model() -> None:
    """Data Exchange writes its parameters in Pascal case, unlike the services that the twin served before."""
    world = World()
    revision = world.publish("a.csv")

    answer = sdk_integration(world.wire)(
        "arn:aws:states:::aws-sdk:dataexchange:listDataSetRevisions", {"DataSetId": DATA_SET, "MaxResults": 200}
    )

    assert [one["Id"] for one in answer["Revisions"]] == [revision]
    assert world.wire.in_pascal_case("createJob")
    assert not world.wire.in_pascal_case("noSuchOperation")
