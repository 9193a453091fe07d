"""The single view over HTTP."""

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.features import MODEL_OF
from c360_core.names import features_name, foretold_name, personalize_name
from c360_core.recommendation.named_filters import filter_names
from config.activation import RecommendationSettings
from config.analytics import ModelsSettings
from config.unification import UnificationSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow, put_records, read_secret, use_items, use_key
from stacks.constructs.http_api import HttpApi, Route, Throttle
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.features import feature_kinds
from stacks.shared.platform import Platform

_SCORING = (
    ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_FEATURESTORE_RUNTIME,
)


class ProfileApi(Construct):
    """Answers who a customer is to callers that AWS has authenticated; consents come back in as events."""

    function: PythonFunction
    url: str

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        single_view: dynamodb.ITableV2,
        events: DataStream,
        hash_secret: secretsmanager.ISecret,
        settings: UnificationSettings,
        recommendations: RecommendationSettings,
        models: ModelsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        links = {
            "crm": settings.crm_link,
            "call_centre": settings.call_centre_link,
            "loyalty": settings.loyalty_link,
        }
        self.function = PythonFunction(
            self,
            "Function",
            name="profile_api",
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "EVENTS_STREAM_NAME": events.name,
                "HASH_SECRET_ARN": hash_secret.secret_arn,
                "LINK_TEMPLATES": cdk.Stack.of(self).to_json_string(links),
                **self._recommender(recommendations, platform),
                **self._scorer(models, platform),
            },
            caller=Caller.API,
            memory_megabytes=1024,
            reserved_concurrency=settings.api_reserved_concurrency,
            writes=events,
            calls=(
                ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
                *(
                    (ec2.InterfaceVpcEndpointAwsService.PERSONALIZE_RUNTIME,)
                    if recommendations.uses_personalize
                    else ()
                ),
                *(_SCORING if models.feature_store else ()),
            ),
        )
        if recommendations.uses_personalize:
            names = (self._campaign(platform), *self._filters(platform).values())
            allow(self.function.role, ("personalize:GetRecommendations",), *names)
        if models.feature_store:
            self._let_score(platform)
        use_items(self.function.role, single_view, platform.key, ("GetItem", "BatchGetItem", "Query", "PutItem"))
        put_records(self.function.role, events)
        read_secret(self.function.role, hash_secret)
        self.url = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=[
                Route(path="/v1/customers", methods=[apigateway.HttpMethod.GET]),
                Route(path="/v1/customers/{proxy+}", methods=[apigateway.HttpMethod.GET, apigateway.HttpMethod.PUT]),
            ],
            throttle=Throttle(rate=settings.api_requests_per_second, burst=2 * settings.api_requests_per_second),
            authorizer=authorizers.HttpIamAuthorizer(),
        ).url

    def _recommender(self, settings: RecommendationSettings, platform: Platform) -> Mapping[str, str]:
        """Return what tells the function who recommends; campaign and filters are made later, under known names."""
        if settings.provider == "none":
            return {}
        asked = {"campaign_arn": self._campaign(platform), "filter_arns": self._filters(platform)}
        told = {
            "provider": settings.provider,
            "promoted_categories": list(settings.promoted_departments),
            "promoted_percent": settings.promoted_percent,
            **(asked if settings.uses_personalize else {}),
        }
        return {"RECOMMENDER": cdk.Stack.of(self).to_json_string(told)}

    def _scorer(self, models: ModelsSettings, platform: Platform) -> Mapping[str, str]:
        """Return what tells the function whom to ask; group and endpoints are made later, under known names."""
        if not models.feature_store:
            return {}
        kinds = feature_kinds(Path(platform.assets.metrics))
        told = {
            "group": features_name(platform.environment),
            "endpoints": {model: foretold_name(platform.environment, model) for model in MODEL_OF.values()},
            "kinds": {name: str(kind) for name, kind in kinds.items()},
        }
        return {"SCORER": cdk.Stack.of(self).to_json_string(told)}

    def _let_score(self, platform: Platform) -> None:
        role, stack = self.function.role, cdk.Stack.of(self)
        here = f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}"
        endpoints = [f"{here}:endpoint/{foretold_name(platform.environment, model)}" for model in MODEL_OF.values()]
        allow(role, ("sagemaker:InvokeEndpoint",), *endpoints)
        allow(role, ("sagemaker:GetRecord",), f"{here}:feature-group/{features_name(platform.environment)}")
        use_key(role, platform.key, through="sagemaker", actions=("Decrypt",))

    def _campaign(self, platform: Platform) -> str:
        return self._personalize(f"campaign/{personalize_name(platform.environment, 'articles')}")

    def _filters(self, platform: Platform) -> Mapping[str, str]:
        names = filter_names(platform.environment)
        return {name: self._personalize(f"filter/{physical}") for name, (physical, _) in names.items()}

    def _personalize(self, path: str) -> str:
        stack = cdk.Stack.of(self)
        return f"arn:{stack.partition}:personalize:{stack.region}:{stack.account}:{path}"
