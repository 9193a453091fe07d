"""AWS accepts every template: resources wait for policies, quotas hold, and values fit together. See `limits.py`."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.infrastructure.assembly import Template
from tests.infrastructure.estate import Estate
from tests.infrastructure.limits import ORDERS, QUOTAS, REFUSALS, Order, Quota, Refusal, too_early, too_much


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.type_name)
def test_resources_wait_for_the_policies_that_are_checked_with_them(estates, order):
    found = {name: list(estate.of_type(order.type_name)) for name, estate in estates.items()}
    assert all(resources for name, resources in found.items() if name == "everything" or not order.switched)
    assert [fault for estate in estates.values() for fault in too_early(estate, order)] == []


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.what)
def test_quotas_hold(estates, quota):
    assert [fault for estate in estates.values() for fault in too_much(estate, quota)] == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.rule)
def test_values_fit_together(estates, refusal):
    faults = [str(fault) for estate in estates.values() for fault in refusal.faults(estate)]
    assert faults == [], f"{refusal.rule}: {refusal.page}"


# ---- each row sees what it forbids


def broken(estate: Estate, type_name: str, change: Callable[[Template], Any]) -> Estate:
    """Return an environment in which every resource of a type was changed."""
    templates = deepcopy(dict(estate.assembly.templates))
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == type_name:
                change(resource)
    return Estate(replace(estate.assembly, templates=templates))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.type_name)
def test_a_resource_that_does_not_wait_is_named(estates, order: Order):
    estate = broken(
        estates["everything" if order.switched else "prod"],
        order.type_name,
        lambda resource: resource.pop("DependsOn", None),
    )
    assert list(too_early(estate, order))


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.what)
def test_what_exceeds_a_quota_is_named(estates, quota: Quota):
    everything = estates["everything"]
    most = max(amount for _, amount in quota.measured(everything))
    tight = replace(quota, at_most=most - 1, share=1.0)
    assert all(quota.page in fault for fault in too_much(everything, tight))
    assert list(too_much(everything, tight))


def properties(**values: Any) -> Callable[[Template], Any]:
    return lambda resource: resource["Properties"].update(values)


def without(name: str) -> Callable[[Template], Any]:
    return lambda resource: resource["Properties"].pop(name, None)


def _iceberg(resource: Template) -> Template:
    """Return what a table says of itself as one of Iceberg, if it is one."""
    stated = resource["Properties"].get("OpenTableFormatInput", {"IcebergInput": {}})
    return stated["IcebergInput"].get("IcebergTableInput", {})


MAPPING = "AWS::Lambda::EventSourceMapping"
BREAKS: dict[str, tuple[str, Callable[[Template], Any]]] = {
    "_short_visibility": ("AWS::SQS::Queue", properties(VisibilityTimeout=30)),
    "_large_batch_at_once": (MAPPING, without("MaximumBatchingWindowInSeconds")),
    "_fifo_with_window": ("AWS::SQS::Queue", properties(FifoQueue=True)),
    "_stream_without_start": (MAPPING, without("StartingPosition")),
    "_whole_batches": (MAPPING, without("FunctionResponseTypes")),
    "_filters_unseen_images": (
        "AWS::DynamoDB::GlobalTable",
        properties(StreamSpecification={"StreamViewType": "KEYS_ONLY"}),
    ),
    "_fifo_for_lost_events": ("AWS::SQS::Queue", properties(FifoQueue=True)),
    "_dead_letters_of_another_kind": (
        "AWS::SQS::Queue",
        lambda resource: resource["Properties"].update(FifoQueue="RedrivePolicy" in resource["Properties"]),
    ),
    "_reports_to_another_bus": (
        "AWS::SES::ConfigurationSetEventDestination",
        properties(
            EventDestination={"EventBridgeDestination": {"EventBusArn": "arn:aws:events:us-east-1:1:event-bus/ours"}}
        ),
    ),
    "_targets_without_role": (
        "AWS::Events::Rule",
        lambda resource: [target.pop("RoleArn", None) for target in resource["Properties"]["Targets"]],
    ),
    "_log_groups_by_half": (
        "AWS::StepFunctions::StateMachine",
        properties(
            LoggingConfiguration={"Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:aws:logs:::group"}}]}
        ),
    ),
    "_web_acl_logs_elsewhere": ("AWS::Logs::LogGroup", properties(LogGroupName="collector")),
    "_records_itself": (
        "AWS::CloudTrail::Trail",
        properties(
            AdvancedEventSelectors=[{"FieldSelectors": [{"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::"]}]}]
        ),
    ),
    "_workers_of_no_size": (
        "AWS::EMRServerless::Application",
        properties(MaximumCapacity={"Cpu": "4 vCPU", "Memory": "16 GB"}),
    ),
    "_iceberg_without_jar": (
        "AWS::EMRServerless::Application",
        lambda resource: resource["Properties"]["RuntimeConfiguration"][0]["Properties"].pop("spark.jars"),
    ),
    "_warehouse_in_too_few_zones": (
        "AWS::RedshiftServerless::Workgroup",
        lambda resource: resource["Properties"]["SubnetIds"].pop(),
    ),
    "_capacities_that_do_not_exist": ("AWS::RedshiftServerless::Workgroup", properties(MaxCapacity=4)),
    "_password_twice": ("AWS::RedshiftServerless::Namespace", properties(AdminUserPassword="Abcdefg1")),
    "_prepared_otherwise": (
        "AWS::Athena::PreparedStatement",
        properties(QueryStatement="SELECT person_id FROM rfm ORDER BY 1 LIMIT ?"),
    ),
    "_unreadable_data_sets": (
        "AWS::Glue::Table",
        lambda resource: resource["Properties"].get("TableInput", {}).pop("Parameters", None),
    ),
    "_unprofiled_columns": (
        "AWS::Glue::Table",
        lambda resource: [
            column.update(Type="timestamp")
            for column in resource["Properties"].get("TableInput", {}).get("StorageDescriptor", {}).get("Columns", ())
        ],
    ),
    "_unpublished_recipes": ("AWS::DataBrew::Job", properties(Recipe={"Name": "r", "Version": "LATEST_WORKING"})),
    "_sessions_with_fixed_executors": (
        "AWS::EMRServerless::Application",
        lambda resource: resource["Properties"]["RuntimeConfiguration"][0]["Properties"].update(
            {"spark.dynamicAllocation.enabled": "false"}
        ),
    ),
    "_sessions_that_read_files": (
        "AWS::EMRServerless::Application",
        lambda resource: resource["Properties"]["RuntimeConfiguration"][0]["Properties"].pop(
            "spark.sql.catalog.spark_catalog", None
        ),
    ),
    "_studio_groups_beside_the_rules": (
        "AWS::EC2::SecurityGroupIngress",
        lambda resource: resource["Properties"].update(FromPort=22, ToPort=22),
    ),
    "_idle_times_that_do_not_exist": (
        "AWS::SageMaker::Domain",
        lambda resource: resource["Properties"]["DefaultUserSettings"]["JupyterLabAppSettings"][
            "AppLifecycleManagement"
        ]["IdleSettings"].update(MinIdleTimeoutInMinutes=30),
    ),
    "_scripts_that_no_space_may_run": (
        "AWS::SageMaker::Domain",
        lambda resource: resource["Properties"]["DefaultUserSettings"]["JupyterLabAppSettings"].pop(
            "LifecycleConfigArns"
        ),
    ),
    "_private_apps_without_groups": (
        "AWS::SageMaker::Domain",
        lambda resource: resource["Properties"]["DefaultUserSettings"].pop("SecurityGroups"),
    ),
    "_file_system_that_outlives_its_domain": ("AWS::SageMaker::Domain", without("HomeEfsFileSystemCreation")),
    "_profiles_that_go_before_their_apps": (
        "Custom::StudioProfile",
        lambda resource: resource.pop("DependsOn"),
    ),
    "_feature_groups_that_cannot_be": ("AWS::SageMaker::FeatureGroup", properties(EventTimeFeatureName="orders")),
    "_closed_compression": (
        "AWS::Glue::Table",
        lambda resource: _iceberg(resource).get("Properties", {}).update({"write.parquet.compression-codec": "zstd"}),
    ),
    "_unshared_columns": (
        "AWS::Glue::Table",
        lambda resource: [
            field.update(Type="timestamptz") for field in _iceberg(resource).get("Schema", {}).get("Fields", ())
        ],
    ),
    "_columns_of_two_parts": (
        "AWS::CleanRooms::ConfiguredTable",
        lambda resource: [
            policy.update(DimensionColumns=["email_sha256"])
            for rule in resource["Properties"]["AnalysisRules"]
            for policy in rule["Policy"]["V1"].values()
        ],
    ),
    "_privacy_without_budget": (
        "AWS::CleanRooms::PrivacyBudgetTemplate",
        properties(PrivacyBudgetType="ACCESS_BUDGET"),
    ),
    "_engine_that_ended": ("AWS::CleanRooms::Collaboration", without("AnalyticsEngine")),
    "_who_pays": (
        "AWS::CleanRooms::Collaboration",
        properties(CreatorPaymentConfiguration={"QueryCompute": {"IsResponsible": True}}),
    ),
    "_optimized_without_iceberg": ("AWS::Glue::Table", without("OpenTableFormatInput")),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.rule)
def test_what_aws_refuses_is_named(estates, refusal: Refusal):
    everything = estates["everything"]
    if refusal.faults.__name__ == "_logs_under_a_customer_key":
        encryption = next(
            one["Properties"]["BucketEncryption"]
            for one in everything.assembly.templates["foundation"]["Resources"].values()
            if one["Type"] == "AWS::S3::Bucket" and "KMSMasterKeyID" in json.dumps(one)
        )

        def encrypt(resource: Template) -> None:
            if "KMSMasterKeyID" not in json.dumps(resource):
                resource["Properties"]["BucketEncryption"] = encryption

        estate = broken(everything, "AWS::S3::Bucket", encrypt)
    else:
        estate = broken(everything, *BREAKS[refusal.faults.__name__])
    assert list(refusal.faults(estate))
