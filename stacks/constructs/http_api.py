"""An HTTP API in front of one function."""

from collections.abc import Sequence
from dataclasses import dataclass

import jsii
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.log_group import log_group
from stacks.shared.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path and the methods that it answers."""

    path: str
    methods: Sequence[apigateway.HttpMethod]


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLogs:
    """Where a stage logs requests, in CDK's format of one JSON object per request."""

    def __init__(self, group: logs.ILogGroup) -> None:
        self._destination = apigateway.LogGroupLogDestination(group)

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        """The log group."""
        return self._destination

    @property
    def format(self) -> None:
        """CDK's default."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """The requests per second that the API accepts, and the size of a burst."""

    rate: int
    burst: int


class HttpApi(Construct):
    """Routes to one function, throttled, with access logs. Without an authorizer the function authorizes requests.

    With `cors` the gateway answers preflight requests, so that pages of those sites can call it.
    """

    api: apigateway.HttpApi
    url: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        platform: Platform,
        handler: lambda_.IFunction,
        routes: Sequence[Route],
        throttle: Throttle,
        authorizer: apigateway.IHttpRouteAuthorizer | None = None,
        cors: apigateway.CorsPreflightOptions | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.api = apigateway.HttpApi(self, "Api", create_default_stage=False, cors_preflight=cors)
        integration = integrations.HttpLambdaIntegration("Integration", handler)
        for route in routes:
            self.api.add_routes(
                path=route.path, methods=list(route.methods), integration=integration, authorizer=authorizer
            )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=throttle.rate, burst_limit=throttle.burst),
            access_log_settings=_AccessLogs(log_group(self, "AccessLogs", platform=platform)),
        )
        self.url = stage.url
