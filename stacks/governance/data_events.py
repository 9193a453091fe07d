"""The trail of data events: who read or wrote customer data, and when."""

from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone, trail_name
from stacks.constructs.nag import acknowledge
from stacks.shared.platform import Platform

_OBJECTS: Final = "AWS::S3::Object"
_ITEMS: Final = "AWS::DynamoDB::Table"
_Selector = cloudtrail.CfnTrail.AdvancedEventSelectorProperty
_Field = cloudtrail.CfnTrail.AdvancedFieldSelectorProperty


class DataEvents(Construct):
    """Records each request for an object of the lake or an item of the single view, also one that was refused.

    All zones of the lake are in it. The results are, too: they hold what a query read, and leaving them out would leave
    a way around the record. The bucket of the records and that of the access logs are not. Management events are in
    the account's own trail, so this one does not record, and bill, them again.
    """

    trail: cloudtrail.CfnTrail

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        buckets: Mapping[Zone, s3.IBucket],
        single_view: dynamodb.ITableV2,
        log: s3.IBucket,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        # With the slash at its end, a prefix is no prefix of another bucket's name.
        objects = [f"{bucket.bucket_arn}/" for bucket in buckets.values()]
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=trail_name(platform.environment),
            is_logging=True,
            s3_bucket_name=log.bucket_name,
            kms_key_id=platform.key.key_arn,
            enable_log_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=False,
            advanced_event_selectors=[
                _selector("Objects of the lake", _OBJECTS, _Field(field="resources.ARN", starts_with=objects)),
                _selector(
                    "Items of the single view",
                    _ITEMS,
                    _Field(field="resources.ARN", equal_to=[single_view.table_arn]),
                ),
            ],
        )
        acknowledge(
            self.trail,
            {
                "CloudTrailCloudWatchLogsEnabled": "an auditor queries the files with Athena; a second copy in a log "
                "group would cost more than the events, and nobody watches it"
            },
        )


def _selector(name: str, type_name: str, resources: _Field) -> _Selector:
    return _Selector(
        name=name,
        field_selectors=[
            _Field(field="eventCategory", equal_to=["Data"]),
            _Field(field="resources.type", equal_to=[type_name]),
            resources,
        ],
    )
