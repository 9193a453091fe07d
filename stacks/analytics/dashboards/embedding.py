"""Dashboards in pages of other sites: an API that gives those sites addresses to embed."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.analytics import EmbeddingSettings
from stacks.analytics.dashboards import boards
from stacks.constructs.http_api import HttpApi, Route, Throttle
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform

# Rows of customers are for somebody whom QuickSight knows.
FOR_NOBODY: Final = (boards.EXECUTIVE, boards.MANAGEMENT)
_REQUESTS_PER_SECOND: Final = 10


class Embedding(Construct):
    """The API. Only who signs for AWS may ask: the server of a site, not a browser that looks at its pages."""

    function: PythonFunction
    url: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        dashboards: Mapping[str, str],
        settings: EmbeddingSettings,
        platform: Platform,
    ) -> None:
        """Make the API.

        Args:
            dashboards: the ARN of each dashboard, by its name.
        """
        super().__init__(scope, id_)
        shown = {name: arn for name, arn in dashboards.items() if settings.user or name in FOR_NOBODY}
        stack = cdk.Stack.of(self)
        self.function = PythonFunction(
            self,
            "Function",
            name="embed_url",
            platform=platform,
            variables={
                "ACCOUNT_ID": stack.account,
                "DASHBOARDS": stack.to_json_string(shown),
                "DOMAINS": stack.to_json_string(list(settings.domains)),
                "USER_ARN": settings.user or "",
                "SESSION_MINUTES": settings.session_minutes,
            },
            caller=Caller.API,
        )
        self._allow(list(shown.values()), settings)
        self.url = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=[
                Route(path="/v1/dashboards/{dashboard}/embed-url", methods=[apigateway.HttpMethod.GET]),
                Route(path="/v1/dashboards/{dashboard}/page", methods=[apigateway.HttpMethod.GET]),
            ],
            throttle=Throttle(rate=_REQUESTS_PER_SECOND, burst=2 * _REQUESTS_PER_SECOND),
            authorizer=authorizers.HttpIamAuthorizer(),
        ).url

    def _allow(self, dashboards: list[str], settings: EmbeddingSettings) -> None:
        """Allow addresses for the one user, or of these dashboards for nobody, and for the named sites alone."""
        stack = cdk.Stack.of(self)
        if settings.user:
            action, resources = "quicksight:GenerateEmbedUrlForRegisteredUser", [settings.user]
        else:
            namespace = stack.format_arn(service="quicksight", resource="namespace", resource_name="default")
            action, resources = "quicksight:GenerateEmbedUrlForAnonymousUser", [namespace, *dashboards]
        self.function.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=[action],
                resources=resources,
                conditions={
                    "ForAllValues:StringEquals": {"quicksight:AllowedEmbeddingDomains": list(settings.domains)}
                },
            )
        )
