"""An encrypted log group with a retention time."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from config.runtime import RetentionDays
from stacks.shared.platform import Platform

_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}


def log_group(scope: Construct, id_: str, *, platform: Platform, name: str | None = None) -> logs.LogGroup:
    """Create a log group with the environment's key and retention."""
    return encrypted_log_group(
        scope, id_, key=platform.key, retention_days=platform.runtime.log_retention_days, name=name
    )


def encrypted_log_group(
    scope: Construct, id_: str, *, key: kms.IKey, retention_days: RetentionDays, name: str | None = None
) -> logs.LogGroup:
    """Create a log group with a key and a retention time.

    Logs hold no customer data, so every environment deletes them with their stack.
    """
    return logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        encryption_key=key,
        retention=_RETENTION[retention_days],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
