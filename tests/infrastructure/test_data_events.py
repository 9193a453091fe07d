"""A trail of data events stands only where the settings ask for one; then it sees what it must, and not itself."""

import pytest

from c360_core.names import Zone
from config.settings import load
from tests.infrastructure.assembly import placeholder_assets, resolve, synthesize
from tests.infrastructure.estate import ACCOUNT, REGION, Estate, arn
from tests.infrastructure.integrations import calls, lacking
from tests.infrastructure.policies import Policies
from tests.infrastructure.test_needs import changed, missing

TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/c360-dev-data-events"
DAYS = 400
MOST_VALUES = 500  # AWS CloudTrail User Guide, quotas: conditions across all advanced event selectors of a trail


@pytest.fixture(scope="module")
def recorded(_contracts, tmp_path_factory):
    """A small environment whose data events are recorded."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "dev.yaml").write_text(
        f"governance: {{data_events: {{deployed: true, retention_days: {DAYS}}}}}", encoding="utf-8"
    )
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def estate_with_trail(recorded):
    return Estate(recorded)


@pytest.fixture(scope="module")
def trail(estate_with_trail):
    (found,) = estate_with_trail.of_type("AWS::CloudTrail::Trail")
    return found.properties


@pytest.fixture(scope="module")
def log(estate_with_trail, trail):
    """The bucket of the records."""
    return estate_with_trail.one("AWS::S3::Bucket", trail["S3BucketName"])


def selected(trail):
    """Return the fields of each selector: by the type of resource, how it names the resources."""
    found = {}
    for selector in trail["AdvancedEventSelectors"]:
        fields = {one.pop("Field"): one for one in ({**field} for field in selector["FieldSelectors"])}
        assert fields["eventCategory"] == {"Equals": ["Data"]}
        found[fields["resources.type"]["Equals"][0]] = fields["resources.ARN"]
    return found


def test_without_the_switch_there_is_none(dev):
    assert not dev.settings.governance.data_events.deployed
    assert [one for one in dev.resources() if one.document["Type"].startswith("AWS::CloudTrail::")] == []
    assert [one for one in dev.resources("AWS::S3::Bucket") if "DataEvents" in one.logical_id] == []
    said = [str(template).lower() for template in dev.templates.values()]
    assert not any("cloudtrail" in template or "dataevents" in template for template in said)


def test_the_switch_changes_nothing_else(dev, recorded):
    before = {(one.pillar, one.logical_id) for one in dev.resources()}
    more = {
        (one.pillar, one.document["Type"]) for one in recorded.resources() if (one.pillar, one.logical_id) not in before
    }
    assert more == {
        ("foundation", "AWS::S3::Bucket"),
        ("foundation", "AWS::S3::BucketPolicy"),
        ("governance", "AWS::CloudTrail::Trail"),
    }
    assert set(recorded.costs) - set(dev.costs) == set()  # an event is paid for when it happens


def test_it_sees_every_object_of_every_zone_and_every_item_of_the_single_view(estate_with_trail, trail):
    buckets = [one for one in estate_with_trail.of_type("AWS::S3::Bucket") if one.logical_id.startswith("Lake")]
    zones = {arn(one) for one in buckets if "AccessLogs" not in one.logical_id}
    assert len(zones) == len(Zone)
    (table,) = (
        one for one in estate_with_trail.of_type("AWS::DynamoDB::GlobalTable") if "SingleViewTable" in one.logical_id
    )
    found = selected(trail)
    assert found.keys() == {"AWS::S3::Object", "AWS::DynamoDB::Table"}
    assert {name.removesuffix("/") for name in found["AWS::S3::Object"]["StartsWith"]} == zones
    assert all(name.endswith("/") for name in found["AWS::S3::Object"]["StartsWith"])
    assert found["AWS::DynamoDB::Table"] == {"Equals": [arn(table)]}


def test_it_does_not_see_its_own_deliveries(estate_with_trail, trail, log):
    prefixes = selected(trail)["AWS::S3::Object"]["StartsWith"]
    assert not any(f"{arn(log)}/AWSLogs/".startswith(prefix) for prefix in prefixes)
    kept = estate_with_trail.one("AWS::S3::Bucket", log.properties["LoggingConfiguration"]["DestinationBucketName"])
    assert not any(f"{arn(kept)}/".startswith(prefix) for prefix in prefixes)


def test_it_records_no_management_event_again(trail):
    categories = {
        value
        for selector in trail["AdvancedEventSelectors"]
        for field in selector["FieldSelectors"]
        if field["Field"] == "eventCategory"
        for value in field["Equals"]
    }
    assert categories == {"Data"}
    assert (trail["IsMultiRegionTrail"], trail["IncludeGlobalServiceEvents"]) == (False, False)


def test_its_files_are_signed_and_under_our_key(estate_with_trail, trail, log):
    assert trail["EnableLogFileValidation"] is True
    assert trail["IsLogging"] is True
    assert trail["KMSKeyId"] == estate_with_trail.key_of(arn(log))


def test_its_selectors_are_as_few_as_aws_takes(trail):
    assert sum(len(values) for one in selected(trail).values() for values in one.values()) <= MOST_VALUES


def test_its_bucket_is_private_versioned_logged_and_keeps_the_records_as_long_as_the_settings_say(log):
    properties = log.properties
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["LoggingConfiguration"]["LogFilePrefix"] == "data-events/"
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (DAYS, DAYS)


def test_it_has_what_aws_documents(estate_with_trail):
    assert missing(estate_with_trail) == []
    made = {call.need.page for use, call in calls(estate_with_trail) if use.kind == "resource AWS::CloudTrail::Trail"}
    assert len(made) == 2


@pytest.mark.parametrize(
    ("sid", "action"),
    [
        ("TrailLooks", "s3:GetBucketAcl"),
        ("TrailWrites", "s3:PutObject"),
        ("TrailEncrypts", "kms:GenerateDataKey"),
        ("TrailDescribesKey", "kms:DescribeKey"),
    ],
)
def test_what_is_taken_away_is_missed(recorded, sid, action):
    def forget(templates):
        for resource in templates["foundation"]["Resources"].values():
            policy = resource["Properties"].get("KeyPolicy") or resource["Properties"].get("PolicyDocument")
            if policy:
                policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != sid]

    said = missing(changed(recorded, forget))
    assert said
    assert all("AWS::CloudTrail::Trail" in one and f"may not {action} " in one for one in said)


def test_another_trail_may_neither_write_nor_encrypt(estate_with_trail):
    policies = Policies(estate_with_trail)
    ours = [call for use, call in calls(estate_with_trail) if use.kind == "resource AWS::CloudTrail::Trail"]
    for call in ours:
        assert call.context["aws:SourceArn"] == TRAIL
        stranger = {key: value.replace(TRAIL, f"{TRAIL}-of-others") for key, value in call.context.items()}
        other = type(call)(party=call.party, need=call.need, resource=call.resource, context=stranger)
        assert lacking(policies, other) == list(call.need.actions)


def test_the_auditors_find_the_bucket(recorded):
    output = recorded.templates["foundation"]["Outputs"]["DataEventsBucketName"]["Value"]
    assert "DataEventsBucket" in resolve(output)
