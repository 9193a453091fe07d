"""The collector: an HTTP API, its function, and one key per source."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.contracts import Contracts
from c360_core.names import METRIC_NAMESPACE
from config.collection import CollectorSettings, EdgeSettings
from config.operations import OperationsSettings
from stacks.collection.edge.edge import Edge
from stacks.collection.key_rotation import KeyRotation
from stacks.constructs.data_stream import DataStream
from stacks.constructs.generated_secret import GeneratedSecret
from stacks.constructs.grants import put_records, read_secret
from stacks.constructs.http_api import HttpApi, Route, Throttle, cors_of
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_FUNCTION: Final = "collector"
_UNAVAILABLE_PERIODS: Final = 2  # a burst of one period is what repeated requests are for
# Segment's browser library uses the short paths; RudderStack's sends a beacon while a page closes.
_PATHS: Final = (
    *("/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/batch"),
    *("/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/g", "/v1/a", "/v1/b"),
    "/beacon/v1/batch",
)
_HOOKS: Final = "/v1/hooks/{source}"
# The headers that those two libraries send, and the one in which other pages may send the key.
_BROWSER_HEADERS: Final = ("authorization", "content-type", "x-api-key", "anonymousid", "sentat")


class Collector(Construct):
    """Accepts events over HTTP, puts all of them on the stream, and answers each with its verdict.

    The browsers' paths exist in every environment: they need the same keys as the others, and a site that forwards a
    path of its own domain to them needs no `allowed_origins`.

    Attributes:
        url: where sources send to: the edge, if there is one.
        edge_secret: what the edge adds to each request; none without an edge.
        closed_url: the API's own address, if the collector refuses what comes there.
    """

    function: PythonFunction
    api_keys: dict[str, secretsmanager.ISecret]
    url: str
    edge_secret: secretsmanager.ISecret | None
    closed_url: str | None

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        events: DataStream,
        contracts: Contracts,
        settings: CollectorSettings,
        edge: EdgeSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        rotated = settings.key_rotation_days > 0
        self.api_keys = {
            source.name: self._api_key(source.name, rotated=rotated, platform=platform)
            for source in contracts.stream_sources()
        }
        if rotated:
            KeyRotation(self, "KeyRotation", keys=self.api_keys, days=settings.key_rotation_days, platform=platform)
        self.edge_secret = self._edge_secret(platform) if edge.deployed else None
        asked_for = self.edge_secret if edge.refuse_direct else None
        key_arns = {source: secret.secret_arn for source, secret in self.api_keys.items()}
        self.function = PythonFunction(
            self,
            "Function",
            name=_FUNCTION,
            platform=platform,
            variables={
                "EVENTS_STREAM_NAME": events.name,
                "API_KEY_SECRETS": cdk.Stack.of(self).to_json_string(key_arns),
                "ACCEPT_PREVIOUS_KEYS": "true" if settings.key_rotation_days else "false",
                **({} if asked_for is None else {"EDGE_SECRET_ARN": asked_for.secret_arn}),
            },
            caller=Caller.API,
            memory_megabytes=1024,
            reserved_concurrency=settings.reserved_concurrency,
            writes=events,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,),
        )
        put_records(self.function.role, events)
        read_secret(self.function.role, *self.api_keys.values())
        if asked_for is not None:
            read_secret(self.function.role, asked_for)
        api = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=_routes(contracts),
            throttle=Throttle(rate=settings.throttle_requests_per_second, burst=settings.throttle_burst),
            cors=cors_of(settings.allowed_origins, headers=_BROWSER_HEADERS, methods=[apigateway.CorsHttpMethod.POST]),
        )
        acknowledge(
            api,
            {
                "APIG4": "browsers, tills and vendors cannot sign AWS requests: the function lets in who has a "
                "source's write key or signs with its secret, and rejects events that the source may not send"
            },
        )
        self.url = api.url
        self._failures = api.api.metric_server_error(period=METRIC_PERIOD, statistic="Sum")
        self.closed_url = None if asked_for is None else api.url
        if self.edge_secret is not None:
            self.url = Edge(
                self, "Edge", api_id=api.api.api_id, secret=self.edge_secret, settings=edge, platform=platform
            ).url

    def _api_key(self, source: str, *, rotated: bool, platform: Platform) -> secretsmanager.ISecret:
        return GeneratedSecret(
            self,
            f"ApiKey{pascal_case(source)}",
            description=f"API key with which {source} sends events",
            length=40,
            not_rotated_because=None
            if rotated
            else "the settings of this environment leave it to an operator to change keys, together with their sources",
            key=platform.key,
            removal=platform.removal,
        )

    def _edge_secret(self, platform: Platform) -> secretsmanager.ISecret:
        return GeneratedSecret(
            self,
            "EdgeSecret",
            description="What CloudFront adds to each request for the collector",
            length=64,
            not_rotated_because="CloudFormation gives it to CloudFront, so a rotation on a schedule would shut the "
            "edge out; the runbook replaces it in two steps, between which both values are accepted",
            key=platform.key,
            removal=cdk.RemovalPolicy.DESTROY,
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return alarms on sources that break contracts, and on requests that the collector could not take.

        A stream that is full, or a function that has no place, answers with 503: the libraries of the sources wait and
        send again, but they give up after a while.
        """
        return (
            AlarmSpec(
                name="CollectorUnavailable",
                metric=self._failures,
                threshold=1,
                text="the collector turns sources away",
                evaluation_periods=_UNAVAILABLE_PERIODS,
            ),
            AlarmSpec(
                name="EventsRejected",
                metric=_rejected_events(),
                threshold=limits.rejected_events,
                text="sources send events that break contracts",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how many events are refused."""
        lines = {"Refused": _rejected_events()}
        return (Graph(title="Events that the collector refused", position=50, lines=lines),)


def _routes(contracts: Contracts) -> list[Route]:
    """Return the routes of the libraries, and that of vendors who call in a form of their own, if there are some."""
    routes = [Route(path=path, methods=[apigateway.HttpMethod.POST]) for path in _PATHS]
    hooks = [source.server.webhook for source in contracts.webhook_sources()]
    verified = any(webhook and webhook.challenge_field for webhook in hooks)
    methods = [apigateway.HttpMethod.POST, *([apigateway.HttpMethod.GET] if verified else [])]
    return [*routes, Route(path=_HOOKS, methods=methods)] if hooks else routes


def _rejected_events() -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name="EventsRejected",
        dimensions_map={"service": _FUNCTION},
        period=METRIC_PERIOD,
        statistic="Sum",
    )
