"""The end of what is older than its contract allows, by a switch, and of its copies."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from c360_core import contracts
from c360_core.names import Zone, database_name
from config.settings import SettingsError, load
from stacks.foundation.lake.buckets import LakeBuckets
from tests.infrastructure.assembly import empty_app, tables_of
from tests.infrastructure.rights import job, prefixes_in, resources_of, tables_in

KEPT = {table.name: table.retention.days for table in contracts.load().lake_tables() if table.retention}


def bucket(assembly, zone):
    return lifecycle(assembly, zone)["Rules"]


def lifecycle(assembly, zone):
    [found] = [
        one
        for one in assembly.resources("AWS::S3::Bucket", "foundation")
        if one.logical_id.startswith(f"Lake{zone.title()}")
    ]
    return found.properties["LifecycleConfiguration"]


def test_a_switch_brings_the_retention_and_leaves_nothing(assembly):
    names = [one.logical_id for one in assembly.resources()]
    found = [name for name in names if name.startswith(("Retention", "EnforceRetention", "GrantsRetention"))]
    enforced = assembly.settings.governance.retention.enforced
    assert bool(found) is enforced is (assembly.settings.environment != "dev")


def test_the_retention_deletes_from_the_tables_that_have_one_and_from_no_other(everything):
    written = resources_of(everything, "governance", "RetentionJobRole", "glue:UpdateTable", "s3:DeleteObject")
    assert {name.rpartition("/")[2] for name in tables_in(written)} == set(KEPT)
    assert prefixes_in(written) == set(KEPT)
    granted = {
        one.properties["Resource"]["Table"]["Name"]
        for zone in ("raw", "quarantine", "curated", "products")
        for one in everything.resources("AWS::LakeFormation::PrincipalPermissions", f"governance-{zone}")
        if one.logical_id.startswith("GrantsRetention") and "Table" in one.properties["Resource"]
    }
    assert granted == set(KEPT)


def test_snapshots_live_as_long_as_the_optimizers_let_them(prod):
    arguments = job(prod, "enforce_retention", "governance")["DefaultArguments"]
    assert arguments["--snapshot_days"] == str(prod.settings.foundation.maintenance.snapshot_days)


def test_landed_files_end_and_so_do_copies_of_rejected_ones(assembly):
    stated = assembly.settings.foundation
    ends = [rule for rule in bucket(assembly, Zone.LANDING) if "ExpirationInDays" in rule]
    assert [(rule.get("Prefix"), rule["ExpirationInDays"]) for rule in ends] == [(None, stated.landing_expire_days)]
    ends = [rule for rule in bucket(assembly, Zone.QUARANTINE) if "ExpirationInDays" in rule]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in ends] == [("files/", KEPT["rejected"])]


def test_files_of_a_source_end_with_its_rows_where_that_is_sooner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "dev.yaml").write_text("foundation: {landing_expire_days: 3000}", encoding="utf-8")
    stack = cdk.Stack(empty_app(tmp_path_factory.mktemp("trial")), "Lake")
    settings = load("dev", folder).foundation
    key = kms.Key(stack, "Key")
    LakeBuckets(
        stack,
        "Lake",
        key=key,
        contracts=contracts.load(),
        settings=settings,
        exported=[],
        removal=cdk.RemovalPolicy.DESTROY,
    )
    buckets = Template.from_stack(stack).find_resources("AWS::S3::Bucket")
    [landing] = [one for name, one in buckets.items() if name.startswith("LakeLanding")]
    rules = landing["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {
        None: 3000,
        "support_cases/": KEPT["support_cases"],
    }


def test_archive_classes_answer_at_once_and_take_no_small_objects(assembly):
    """A table's files in a class that must be restored first would break every query of it."""
    for zone in Zone:
        moves = [rule for rule in bucket(assembly, zone) if "Transitions" in rule]
        for rule in moves:
            assert {one["StorageClass"] for one in rule["Transitions"]} <= {"STANDARD_IA", "GLACIER_IR"}
        assert bool(moves) is (zone in {Zone.LANDING, Zone.RAW})
        assert lifecycle(assembly, zone)["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_files_are_not_deleted_before_the_archive_has_billed_them(tmp_path):
    (tmp_path / "dev.yaml").write_text("foundation: {landing_archive_days: 300}", encoding="utf-8")
    with pytest.raises(SettingsError, match="landing_expire_days is less than 90 days after"):
        load("dev", tmp_path)


def test_no_customer_is_shown_longer_than_the_lake_remembers(assembly):
    """What expires in DynamoDB is not kept beyond the rows that it was made of."""
    shown = assembly.settings.unification.timeline_ttl_days
    assert shown <= KEPT["interactions"]


def test_every_table_has_all_three_optimizers(assembly):
    wanted = {
        (database_name(assembly.settings.environment, table.zone), table.name, kind)
        for table in tables_of(assembly, contracts.load())
        for kind in ("compaction", "retention", "orphan_file_deletion")
    }
    found = {
        (one.properties["DatabaseName"], one.properties["TableName"], one.properties["Type"])
        for one in assembly.resources("AWS::Glue::TableOptimizer")
    }
    assert found == wanted
