"""An HTTP API in front of one function."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigateway import AccessLogFormat
from constructs import Construct

from stacks.constructs.log_group import log_group
from stacks.shared.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path and the methods that it answers, and who authorizes its requests if it is not who does for the others."""

    path: str
    methods: Sequence[apigateway.HttpMethod]
    authorizer: apigateway.IHttpRouteAuthorizer | None = None


# One JSON object per request, whose fields Logs Insights knows. A path would name a customer, so the route is logged;
# an error's text may hold quotes, which would break the object, so its type is.
_LOGGED: Final = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "sourceIp": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "protocol": "$context.protocol",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "error": "$context.error.responseType",
    "integrationStatus": "$context.integrationStatus",
}


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLogs:
    """Where a stage logs requests, and in which format."""

    def __init__(self, group: logs.ILogGroup) -> None:
        self._destination = apigateway.LogGroupLogDestination(group)

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        """The log group."""
        return self._destination

    @property
    def format(self) -> AccessLogFormat:
        """What a request leaves in the log."""
        return AccessLogFormat.custom(json.dumps(_LOGGED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """The requests per second that the API accepts, and the size of a burst."""

    rate: int
    burst: int


def cors_of(
    origins: Sequence[str], *, headers: Sequence[str], methods: Sequence[apigateway.CorsHttpMethod]
) -> apigateway.CorsPreflightOptions | None:
    """Return what pages of some sites may send; None where no site is named."""
    if not origins:
        return None
    return apigateway.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_headers=list(headers),
        allow_methods=list(methods),
        max_age=cdk.Duration.hours(2),  # the longest that some browsers cache an answer
    )


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
                path=route.path,
                methods=list(route.methods),
                integration=integration,
                authorizer=route.authorizer or authorizer,
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
