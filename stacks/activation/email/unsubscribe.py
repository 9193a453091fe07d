"""The links by which people end the consent behind a message."""

from typing import Final

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from config.activation import EmailSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.generated_secret import GeneratedSecret
from stacks.constructs.grants import put_records, read_secret, use_items
from stacks.constructs.http_api import HttpApi, Route, Throttle
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform

_PATH: Final = "v1/unsubscribe"


class Unsubscribe(Construct):
    """A public API of its own: whoever has a link that we signed may answer with "no more", and do nothing else.

    Attributes:
        api_url: of the API.
        url: of the links, without their token.
        secret: what links are signed with.
    """

    function: PythonFunction
    api_url: str
    url: str
    secret: secretsmanager.ISecret

    def __init__(  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        hash_secret: secretsmanager.ISecret,
        settings: EmailSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.secret = GeneratedSecret(
            self,
            "Secret",
            description="What the links in messages are signed with",
            length=64,
            not_rotated_because="links in messages that were sent must go on working for as long as the law asks; "
            "who has a link can end one consent and read nothing",
            key=platform.key,
            removal=platform.removal,
        )
        self.function = PythonFunction(
            self,
            "Function",
            name="unsubscribe",
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "HASH_SECRET_ARN": hash_secret.secret_arn,
                "UNSUBSCRIBE_SECRET_ARN": self.secret.secret_arn,
            },
            caller=Caller.API,
            writes=events_stream,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,),
        )
        use_items(self.function.role, single_view, platform.key, ("GetItem", "BatchGetItem", "Query", "PutItem"))
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, hash_secret, self.secret)
        rate = settings.unsubscribe_requests_per_second
        api = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=[Route(path=f"/{_PATH}/{{token}}", methods=[apigateway.HttpMethod.GET, apigateway.HttpMethod.POST])],
            throttle=Throttle(rate=rate, burst=2 * rate),
        )
        acknowledge(
            api,
            {
                "APIG4": "mail programs and people who want no more messages have no account: the function lets in "
                "who has a link that it signed, for the one message that the link is in"
            },
        )
        self.api_url, self.url = api.url, f"{api.url}{_PATH}"
