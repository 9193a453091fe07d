"""A deployed distribution on the real emulator: the way in by path, the way on to an API, and what it adds."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import WaiterError

from ops.deployed_stacks import api_address, outputs, stacks
from twin.principals import Principal
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.settings import ROOT, TwinSettings

pytestmark = pytest.mark.enable_socket

STACK = "Edge"
LIMIT = 10  # the least that WAF takes
ECHO = """
import json
def handle(event, context):
    kept = {name: event.get(name) for name in ("rawPath", "rawQueryString", "headers", "body", "isBase64Encoded")}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(kept)}
"""


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def template(*, limit: int = LIMIT, comment: str = "first", **rule: Any) -> str:
    """Return a template of a distribution before an API: as small as the one of the collector can be."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rate = {"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": limit, "EvaluationWindowSec": 300}}
    seen = {"MetricName": "m", "CloudWatchMetricsEnabled": True, "SampledRequestsEnabled": False}
    api = {"Fn::Join": ["", [ref("Api"), ".execute-api.us-east-1.amazonaws.com"]]}
    resources: dict[str, tuple[str, dict[str, Any]]] = {
        "Role": ("IAM::Role", {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}),
        "Echo": (
            "Lambda::Function",
            {"Runtime": "python3.13", "Handler": "index.handle", "Role": attribute("Role", "Arn"),
             "Code": {"ZipFile": ECHO}},
        ),
        "May": (
            "Lambda::Permission",
            {"Action": "lambda:InvokeFunction", "FunctionName": ref("Echo"), "Principal": "apigateway.amazonaws.com"},
        ),
        "Api": (
            "ApiGatewayV2::Api",
            {"Name": "echo", "ProtocolType": "HTTP",
             "CorsConfiguration": {"AllowOrigins": ["https://shop.example.com"], "AllowMethods": ["POST"],
                                   "AllowHeaders": ["x-api-key"]}},
        ),
        "Integration": (
            "ApiGatewayV2::Integration",
            {"ApiId": ref("Api"), "IntegrationType": "AWS_PROXY", "IntegrationUri": attribute("Echo", "Arn"),
             "PayloadFormatVersion": "2.0"},
        ),
        "Route": (
            "ApiGatewayV2::Route",
            {"ApiId": ref("Api"), "RouteKey": "POST /v1/batch",
             "Target": {"Fn::Join": ["/", ["integrations", ref("Integration")]]}},
        ),
        "Stage": ("ApiGatewayV2::Stage", {"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": True}),
        "Secret": (
            "SecretsManager::Secret",
            {"GenerateSecretString": {"PasswordLength": 64, "ExcludePunctuation": True}},
        ),
        "Acl": (
            "WAFv2::WebACL",
            {"Name": "acl", "Scope": "CLOUDFRONT", "DefaultAction": {"Allow": {}}, "VisibilityConfig": seen,
             "Rules": [{"Name": "TooMany", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": seen,
                        "Statement": rate, **rule}]},
        ),
        "Edge": (
            "CloudFront::Distribution",
            {"DistributionConfig": {
                "Enabled": True, "Comment": comment, "WebACLId": attribute("Acl", "Arn"),
                "DefaultCacheBehavior": {
                    "TargetOriginId": "api", "ViewerProtocolPolicy": "https-only",
                    "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
                    "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                    "OriginRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac"},
                "Origins": [{
                    "Id": "api", "DomainName": api,
                    "CustomOriginConfig": {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]},
                    "OriginCustomHeaders": [{
                        "HeaderName": "x-c360-edge",
                        "HeaderValue": {"Fn::Join": ["", ["{{resolve:secretsmanager:", ref("Secret"),
                                                          ":SecretString:::}}"]]}}]}]}},
        ),
    }  # fmt: skip
    found = {
        "Url": {"Fn::Join": ["", ["https://", attribute("Edge", "DomainName"), "/"]]},
        "ApiUrl": {"Fn::Join": ["", ["https://", api, "/"]]},
        "SecretArn": ref("Secret"),
    }
    return json.dumps(
        {
            "Resources": {name: {"Type": f"AWS::{kind}", "Properties": p} for name, (kind, p) in resources.items()},
            "Outputs": {name: {"Value": value} for name, value in found.items()},
        }
    )


class Deployed:
    """The stack, and the ways to it."""

    def __init__(self, settings: TwinSettings) -> None:
        self.settings = settings
        self.cloudformation = settings.client("cloudformation", as_=Principal.EMULATOR)
        self.secrets = settings.client("secretsmanager", as_=Principal.EMULATOR)
        self.cloudformation.create_stack(
            StackName=STACK, TemplateBody=template(limit=100), Capabilities=["CAPABILITY_IAM"]
        )
        self.cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        self.outputs = outputs([stacks(self.cloudformation)[STACK]])

    def update(self, body: str) -> None:
        self.cloudformation.update_stack(StackName=STACK, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        self.cloudformation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})

    @property
    def url(self) -> str:
        return api_address(self.outputs["Url"], endpoint=self.settings.endpoint)

    @property
    def secret(self) -> str:
        found: str = self.secrets.get_secret_value(SecretId=self.outputs["SecretArn"])["SecretString"]
        return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    settings = TwinSettings(home=tmp_path_factory.mktemp("home"), port=free_port())
    argv = [sys.executable, "-m", "twin.emulator.launcher", str(settings.save())]
    child = spawn("emulator", argv, log_path=settings.logs / "emulator.log", cwd=ROOT)
    try:
        wait_until(lambda: port_is_open(settings.port), child=child, seconds=60)
        yield Deployed(settings)
    finally:
        child.terminate()


def test_a_request_arrives_as_it_was_sent_with_the_secret(deployed: Deployed) -> None:
    sent = bytes(range(256)) * 4096
    headers = {"x-api-key": "k", "authorization": "Basic azo=", "content-encoding": "gzip", "x-c360-edge": "a guess"}

    answer = httpx.post(f"{deployed.url}/v1/batch?writeKey=k%2B1", content=sent, headers=headers)

    assert answer.status_code == 200, answer.text
    arrived = answer.json()
    assert (arrived["rawPath"], arrived["rawQueryString"]) == ("/v1/batch", "writeKey=k%2B1")
    assert {name: arrived["headers"].get(name) for name in headers} == {**headers, "x-c360-edge": deployed.secret}
    assert arrived["isBase64Encoded"] is True
    assert len(arrived["body"]) == -(-len(sent) // 3) * 4
    assert len(deployed.secret) == 64


def test_the_apis_own_address_answers_without_the_secret(deployed: Deployed) -> None:
    own = api_address(deployed.outputs["ApiUrl"], endpoint=deployed.settings.endpoint)

    assert "x-c360-edge" not in httpx.post(f"{own}/v1/batch", json={}).json()["headers"]


def test_a_preflight_request_is_answered_by_the_api(deployed: Deployed) -> None:
    asked = {"origin": "https://shop.example.com", "access-control-request-method": "POST"}

    answer = httpx.options(f"{deployed.url}/v1/batch", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example.com"


def test_a_route_that_the_api_lacks_is_not_found(deployed: Deployed) -> None:
    assert httpx.post(f"{deployed.url}/v1/else", json={}).status_code == 404


def test_a_distribution_that_is_not_there_answers_nobody(deployed: Deployed) -> None:
    somewhere = api_address("https://d0000000000000.cloudfront.net/", endpoint=deployed.settings.endpoint)

    assert not httpx.post(f"{somewhere}/v1/batch", json={}).is_success


def test_a_secret_that_was_replaced_arrives_with_the_next_change_of_the_distribution(deployed: Deployed) -> None:
    before = deployed.secret
    deployed.secrets.put_secret_value(SecretId=deployed.outputs["SecretArn"], SecretString="replaced" * 8)

    def arrives() -> str:
        found: str = httpx.post(f"{deployed.url}/v1/batch", json={}).json()["headers"]["x-c360-edge"]
        return found

    assert arrives() == before
    deployed.update(template(limit=100, comment="second"))
    assert arrives() == deployed.secret == "replaced" * 8


def test_a_rule_that_the_twin_does_not_keep_fails_the_deployment(deployed: Deployed) -> None:
    body = template(comment="third", Statement={"GeoMatchStatement": {"CountryCodes": ["CH"]}})
    with pytest.raises(WaiterError):
        deployed.update(body)

    events = deployed.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    assert any("the twin knows no GeoMatchStatement" in event.get("ResourceStatusReason", "") for event in events)


def test_an_address_that_sends_too_much_is_refused(deployed: Deployed) -> None:
    deployed.update(template(limit=LIMIT, comment="fourth"))

    statuses = {httpx.post(f"{deployed.url}/v1/batch", json={}).status_code for _ in range(LIMIT + 1)}

    assert 403 in statuses
