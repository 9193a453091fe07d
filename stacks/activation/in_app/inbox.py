"""The inbox: what waits for a customer in the app or the shop, over HTTP."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from c360_core.inbox import Receipt
from c360_core.names import METRIC_NAMESPACE
from config.activation import InAppSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.generated_secret import GeneratedSecret
from stacks.constructs.grants import ItemAction, put_records, read_secret, use_items
from stacks.constructs.http_api import HttpApi, Route, Throttle, cors_of
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.monitoring import METRIC_PERIOD, Graph
from stacks.shared.platform import Platform

_FUNCTION: Final = "inbox"
_PATH: Final = "/v1/inbox"
_BROWSER_HEADERS: Final = ("authorization", "content-type")


class Inbox(Construct):
    """A public API of its own: whoever has a token that we signed reads the messages of one person.

    The shop's server gets the token for a customer who is signed in there, as a caller that AWS knows.
    """

    function: PythonFunction
    url: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        settings: InAppSettings,
        device_days: int | None,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        secret = GeneratedSecret(
            self,
            "Secret",
            description="What tokens that open an inbox are signed with",
            length=64,
            not_rotated_because="a token lives for minutes; after a leak an operator stores another value, and tokens "
            "of both work until the old ones have ended",
            key=platform.key,
            removal=platform.removal,
        )
        self.function = PythonFunction(
            self,
            "Function",
            name=_FUNCTION,
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "INBOX_SECRET_ARN": secret.secret_arn,
                "TOKEN_MINUTES": settings.token_minutes,
                "MOST_WAITING": settings.most_waiting,
                **({} if device_days is None else {"DEVICE_DAYS": device_days}),
            },
            caller=Caller.API,
            writes=events_stream,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,),
        )
        devices: tuple[ItemAction, ...] = () if device_days is None else ("PutItem",)
        items: tuple[ItemAction, ...] = ("GetItem", "BatchGetItem", "Query", "UpdateItem", "DeleteItem", *devices)
        use_items(self.function.role, single_view, platform.key, items)
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, secret)
        api = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=_routes(has_devices=device_days is not None),
            throttle=Throttle(rate=settings.requests_per_second, burst=2 * settings.requests_per_second),
            cors=cors_of(
                settings.allowed_origins,
                headers=_BROWSER_HEADERS,
                methods=[apigateway.CorsHttpMethod.GET, apigateway.CorsHttpMethod.POST],
            ),
        )
        acknowledge(
            api,
            {
                "APIG4": "a customer's browser cannot sign AWS requests: the function lets in who has a token that it "
                "signed, for the inbox of the one person whom the token names"
            },
        )
        self.url = api.url

    def graphs(self) -> Sequence[Graph]:
        """Return what customers do with messages in the app."""
        lines = {receipt.title(): _messages(receipt) for receipt in Receipt}
        return (Graph(title="Messages in the app", position=53, lines=lines),)


def _routes(*, has_devices: bool) -> list[Route]:
    changed = [apigateway.HttpMethod.PUT, apigateway.HttpMethod.DELETE]
    devices = [Route(path=f"{_PATH}/devices/{{device}}", methods=changed)] if has_devices else []
    get, post = [apigateway.HttpMethod.GET], [apigateway.HttpMethod.POST]
    return [
        Route(path=f"{_PATH}/tokens/{{person_id}}", methods=post, authorizer=authorizers.HttpIamAuthorizer()),
        Route(path=_PATH, methods=get),
        Route(path=f"{_PATH}/messages/{{message_id}}/{{receipt}}", methods=post),
        Route(path=f"{_PATH}/client.js", methods=get),
        *devices,
    ]


def _messages(receipt: Receipt) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=f"Messages{receipt.title()}",
        dimensions_map={"service": _FUNCTION},
        period=METRIC_PERIOD,
        statistic="Sum",
    )
