"""CloudFront in front of the collector: an HTTP API cannot have a web ACL of its own."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.names import EDGE_HEADER, METRIC_NAMESPACE, PROJECT
from config.collection import EdgeSettings
from config.operations import OperationsSettings
from stacks.collection.edge.web_acl import WebAcl
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

REGION: Final = "us-east-1"
_ERROR_PERCENT: Final = 5
_ERROR_PERIODS: Final = 3
# What a request leaves in the log: no query string, which may hold a write key, and no cookies.
_LOGGED: Final = (
    "date",
    "time",
    "x-edge-location",
    "c-ip",
    "cs-method",
    "cs-uri-stem",
    "sc-status",
    "sc-bytes",
    "cs-bytes",
    "time-taken",
    "x-edge-result-type",
    "x-edge-response-result-type",
    "x-edge-detailed-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-protocol-version",
    "ssl-protocol",
    "ssl-cipher",
)


class Edge(Construct):
    """A distribution that caches nothing, and adds to each request what the collector knows it by.

    It passes on all methods, headers but `Host`, query strings, cookies and bodies, so that preflight requests reach
    the API, which answers them.
    """

    url: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        api_id: str,
        secret: secretsmanager.ISecret,
        settings: EdgeSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        _only_in(REGION, self)
        acl = WebAcl(self, "WebAcl", requests_per_address=settings.requests_per_address, platform=platform)
        self.distribution = self._distribution(api_id, secret, acl, settings)
        self.url = f"https://{self.distribution.distribution_domain_name}/"
        self._log(platform)

    def _distribution(
        self, api_id: str, secret: secretsmanager.ISecret, acl: WebAcl, settings: EdgeSettings
    ) -> cloudfront.Distribution:
        stack = cdk.Stack.of(self)
        certificate = None
        if settings.certificate_arn is not None:
            certificate = acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn)
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            # A changed comment makes CloudFormation read the secret again.
            comment=f"Collector of the Customer 360; secret {settings.secret_number}",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.HttpOrigin(
                    f"{api_id}.execute-api.{stack.region}.{stack.url_suffix}",
                    protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                    origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
                    # CloudFormation puts the value in; the template has only the secret's name.
                    custom_headers={EDGE_HEADER: secret.secret_value.unsafe_unwrap()},
                ),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                # A redirect would send the body, and the key, in the clear first.
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                compress=False,
            ),
            domain_names=None if settings.domain is None else [settings.domain],
            certificate=certificate,
            minimum_protocol_version=None if certificate is None else cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=acl.arn,
        )
        acknowledge(
            distribution,
            {
                "CFR1": "customers may be in any country; a source is let in by its key",
                "CFR3": "the newer logging delivers chosen fields to an encrypted log group, without the query string "
                "and its write keys; the rule looks for the older one",
            },
        )
        if certificate is None:
            acknowledge(
                distribution,
                {
                    "CFR4": "no domain is set: CloudFront's own certificate serves, whose TLS versions AWS decides; "
                    "set collection.edge.domain and collection.edge.certificate_arn for TLS 1.2 and newer alone"
                },
            )
        return distribution

    def _log(self, platform: Platform) -> None:
        """Deliver the access logs; CloudFront's deliveries let themselves into the log group."""
        stack, name = cdk.Stack.of(self), f"{PROJECT}-{platform.environment}-collector"
        group = log_group(self, "AccessLogs", platform=platform, name=f"/aws/vendedlogs/cloudfront/{name}")
        source = logs.CfnDeliverySource(
            self,
            "LogSource",
            name=name,
            log_type="ACCESS_LOGS",
            resource_arn=self.distribution.distribution_arn,
        )
        destination = logs.CfnDeliveryDestination(
            self,
            "LogDestination",
            name=name,
            destination_resource_arn=f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
            f"{group.log_group_name}",
            output_format="json",
        )
        delivery = logs.CfnDelivery(
            self,
            "LogDelivery",
            delivery_source_name=name,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(_LOGGED),
        )
        # It names its source, so that CloudFormation does not see that it needs it.
        delivery.add_resource_dependency(source)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return alarms on errors at the edge, and on requests that go past it or carry a secret that is not known."""
        return (
            AlarmSpec(
                name="EdgeErrors",
                metric=self._metric("5xxErrorRate", "Average"),
                threshold=_ERROR_PERCENT,
                text="CloudFront answers requests to the collector with errors",
                evaluation_periods=_ERROR_PERIODS,
            ),
            AlarmSpec(
                name="RequestsPastEdge",
                metric=cloudwatch.Metric(
                    namespace=METRIC_NAMESPACE,
                    metric_name="RequestsPastEdge",
                    dimensions_map={"service": "collector"},
                    period=METRIC_PERIOD,
                    statistic="Sum",
                ),
                threshold=limits.blocked_requests,
                text="the collector refuses requests that do not carry the secret of the edge",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return the share of requests that end in an error."""
        lines = {"4xx": self._metric("4xxErrorRate", "Average"), "5xx": self._metric("5xxErrorRate", "Average")}
        return (Graph(title="Errors at the edge of the collector (%)", position=52, lines=lines),)

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/CloudFront",
            metric_name=name,
            dimensions_map={"DistributionId": self.distribution.distribution_id, "Region": "Global"},
            period=METRIC_PERIOD,
            statistic=statistic,
        )


def _only_in(region: str, scope: Construct) -> None:
    """Let CloudFormation refuse the stack in another Region, before it changes anything.

    A synthesis does not know the Region: one assembly is for all. AWS takes web ACLs and logs of CloudFront in this
    one alone, and the alarms on its metrics are there.
    """
    cdk.CfnRule(
        scope,
        "Region",
        assertions=[
            cdk.CfnRuleAssertion(
                assert_=cdk.Fn.condition_equals(cdk.Aws.REGION, region),
                assert_description=f"collection.edge.deployed: true needs the Region {region}; deploy the environment "
                "there, or switch the edge off",
            )
        ],
    )
