"""The web ACL in front of the collector: what it blocks, and what it logs of that."""

import json
from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from c360_core.names import PROJECT
from config.operations import OperationsSettings
from stacks.constructs.log_group import log_group
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph, StandingCost
from stacks.shared.platform import Platform

_ACL_USD: Final = 5.0  # a month
_RULE_USD: Final = 1.0  # a month, for a group of AWS's as for a rule of ours
_RATE_SECONDS: Final = 300
_TOO_MANY: Final = "too-many"
_CREDENTIALS: Final = ("authorization", "cookie", "x-api-key", "x-c360-signature")

# What AWS's groups would block and the collector must take. It reads an event's body as data: what a customer typed
# is never executed, and the contract says what may be in it. A batch is up to 4 MB long, and pages tell their address.
# A till or a server may send no user agent. The cookies are those of the site, which nobody here reads.
_COUNTED: Final = {
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
        "NoUserAgent_HEADER",
        "SizeRestrictions_Cookie_HEADER",
        "EC2MetaDataSSRF_COOKIE",
        "CrossSiteScripting_COOKIE",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"),
    "AWSManagedRulesAmazonIpReputationList": (),
}
_Acl = wafv2.CfnWebACL


class WebAcl(Construct):
    """Blocks addresses that send too much, addresses of bad repute, and requests whose head is an attack.

    No rule blocks for a body. So it does not matter that WAF reads only the first 16 KB of one, nor that it unpacks no
    gzip.
    """

    arn: str

    def __init__(self, scope: Construct, id_: str, *, requests_per_address: int, platform: Platform) -> None:
        super().__init__(scope, id_)
        self._name = f"{PROJECT}-{platform.environment}-collector"
        self._rules = [_rate(requests_per_address), *_managed()]
        acl = _Acl(
            self,
            "Acl",
            name=self._name,
            description="Requests to the collector of the Customer 360",
            scope="CLOUDFRONT",
            default_action=_Acl.DefaultActionProperty(allow={}),
            custom_response_bodies={
                _TOO_MANY: _Acl.CustomResponseBodyProperty(content_type="APPLICATION_JSON", content=_too_many())
            },
            rules=self._rules,
            visibility_config=_counted_as(self._name),
        )
        self.arn = acl.attr_arn
        self._log(acl, platform)

    def _log(self, acl: wafv2.CfnWebACL, platform: Platform) -> None:
        """Keep what was blocked, without credentials; WAF itself lets its deliveries into the log group.

        AWS asks for the beginning of the name.
        """
        group = log_group(self, "Logs", platform=platform, name=f"aws-waf-logs-{self._name}")
        stack = cdk.Stack.of(self)
        headers = [
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name}) for name in _CREDENTIALS
        ]
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            # WAF refuses the `:*` at the end of the group's own attribute.
            log_destination_configs=[
                f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{group.log_group_name}"
            ],
            redacted_fields=[
                *headers,
                # Beacons have the write key there.
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                    }
                ],
            },
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return the alarm on many blocked requests."""
        return (
            AlarmSpec(
                name="RequestsBlocked",
                metric=self._metric("BlockedRequests"),
                threshold=limits.blocked_requests,
                text="the web ACL blocks many requests to the collector",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how many requests are blocked and let through."""
        lines = {"Blocked": self._metric("BlockedRequests"), "Let through": self._metric("AllowedRequests")}
        return (Graph(title="Requests at the edge of the collector", position=51, lines=lines),)

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the web ACL and its rules."""
        return (StandingCost(part="web ACL", usd=_ACL_USD + len(self._rules) * _RULE_USD),)

    def _metric(self, name: str) -> cloudwatch.Metric:
        """Return a metric of all rules; for CloudFront it has no dimension `Region`."""
        return cloudwatch.Metric(
            namespace="AWS/WAFV2",
            metric_name=name,
            dimensions_map={"WebACL": self._name, "Rule": "ALL"},
            period=METRIC_PERIOD,
            statistic="Sum",
        )


def _rate(requests: int) -> wafv2.CfnWebACL.RuleProperty:
    """Return the rule that refuses an address while it sends too much: the first, so that nothing is read of it."""
    response = _Acl.CustomResponseProperty(
        response_code=429,
        custom_response_body_key=_TOO_MANY,
        response_headers=[_Acl.CustomHTTPHeaderProperty(name="retry-after", value=str(_RATE_SECONDS))],
    )
    return _Acl.RuleProperty(
        name="TooManyRequests",
        priority=0,
        statement=_Acl.StatementProperty(
            rate_based_statement=_Acl.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=requests, evaluation_window_sec=_RATE_SECONDS
            )
        ),
        action=_Acl.RuleActionProperty(block=_Acl.BlockActionProperty(custom_response=response)),
        visibility_config=_counted_as("TooManyRequests"),
    )


def _managed() -> Sequence[wafv2.CfnWebACL.RuleProperty]:
    return [
        _Acl.RuleProperty(
            name=group,
            priority=priority,
            statement=_Acl.StatementProperty(
                managed_rule_group_statement=_Acl.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS",
                    name=group,
                    rule_action_overrides=[
                        _Acl.RuleActionOverrideProperty(
                            name=rule, action_to_use=_Acl.RuleActionProperty(count=_Acl.CountActionProperty())
                        )
                        for rule in counted
                    ],
                )
            ),
            override_action=_Acl.OverrideActionProperty(none={}),
            visibility_config=_counted_as(group),
        )
        for priority, (group, counted) in enumerate(_COUNTED.items(), start=1)
    ]


def _counted_as(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    """Return what WAF shows of a rule: counts alone, since samples of requests would show credentials."""
    return _Acl.VisibilityConfigProperty(
        metric_name=metric, cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
    )


def _too_many() -> str:
    """Return the problem document of the refusal, with the fields that the collector's own have."""
    return json.dumps(
        {
            "type": "urn:c360:problem:too-many-requests",
            "title": "Too Many Requests",
            "status": 429,
            "code": "TOO_MANY_REQUESTS",
            "detail": "This address sends more requests than it may.",
            "field": None,
            "fix": "Send larger batches, or wait and send the same request again, with the same event ids.",
        }
    )
