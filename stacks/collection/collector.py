"""The door for events: an HTTP API, its function, and one key per source."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.contracts import Contracts
from config.settings import CollectionSettings
from stacks.constructs.grants import put_records, read_secret
from stacks.constructs.http_api import HttpApi, Route, Throttle
from stacks.constructs.python_function import PythonFunction
from stacks.nag import acknowledge
from stacks.platform import Platform

_PATHS: Final = ("/v1/track", "/v1/identify", "/v1/page", "/v1/batch")


class Collector(Construct):
    """Takes events over HTTP, answers each with what is wrong with it, and puts the good ones on the stream."""

    function: PythonFunction
    api_keys: dict[str, secretsmanager.ISecret]
    url: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        events: kinesis.IStream,
        contracts: Contracts,
        settings: CollectionSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.api_keys = {source.name: self._api_key(source.name, platform) for source in contracts.stream_sources()}
        key_arns = {source: secret.secret_arn for source, secret in self.api_keys.items()}
        self.function = PythonFunction(
            self,
            "Function",
            name="collector",
            platform=platform,
            variables={
                "EVENTS_STREAM_NAME": events.stream_name,
                "API_KEY_SECRETS": cdk.Stack.of(self).to_json_string(key_arns),
            },
            memory_megabytes=1024,
        )
        put_records(self.function.role, events)
        read_secret(self.function.role, *self.api_keys.values())
        api = HttpApi(
            self,
            "Http",
            platform=platform,
            handler=self.function.function,
            routes=[Route(path=path, methods=[apigateway.HttpMethod.POST]) for path in _PATHS],
            throttle=Throttle(rate=settings.throttle_requests_per_second, burst=settings.throttle_burst),
        )
        acknowledge(
            api,
            {
                "APIG4": "browsers and tills cannot sign AWS requests: the function checks the source's key in the "
                "x-api-key header and refuses events that the source may not send"
            },
        )
        self.url = api.url

    def _api_key(self, source: str, platform: Platform) -> secretsmanager.ISecret:
        secret = secretsmanager.Secret(
            self,
            f"ApiKey{source.title().replace('_', '')}",
            description=f"API key with which {source} sends events",
            encryption_key=platform.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=40, exclude_punctuation=True),
            removal_policy=platform.removal,
        )
        acknowledge(
            secret,
            {"SMG4": "the key is shared with another team's system: it is changed together with them, not on a clock"},
        )
        return secret
