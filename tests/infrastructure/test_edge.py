"""The edge stands only where the settings ask for it; then nothing but it reaches the collector."""

import json

import pytest
from cfnlint.api import lint_by_config
from cfnlint.config import ManualArgs

from c360_core.names import EDGE_HEADER
from config.settings import SettingsError, load
from tests.infrastructure.assembly import placeholder_assets, resolve, synthesize
from tests.infrastructure.estate import ACCOUNT, REGION, Estate
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.integrations import unclaimed
from tests.infrastructure.test_needs import missing
from tests.infrastructure.test_templates import ACCEPTED_RULES

CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
MANAGED = {
    # Amazon CloudFront Developer Guide: Use managed cache policies; Use managed origin request policies
    "CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
}
# AWS WAF Developer Guide: AWS Managed Rules rule groups list, and Rate-based rule statement.
CAPACITY = {
    "TooManyRequests": 2,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesAmazonIpReputationList": 25,
}
# The rules of the groups, as AWS publishes them. WAF ignores an override with another name, and says nothing.
PUBLISHED = {
    # AWS WAF Developer Guide: Baseline rule groups
    "AWSManagedRulesCommonRuleSet": {
        "NoUserAgent_HEADER",
        "UserAgent_BadBots_HEADER",
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_Cookie_HEADER",
        "SizeRestrictions_BODY",
        "SizeRestrictions_URIPATH",
        "EC2MetaDataSSRF_BODY",
        "EC2MetaDataSSRF_COOKIE",
        "EC2MetaDataSSRF_URIPATH",
        "EC2MetaDataSSRF_QUERYARGUMENTS",
        "GenericLFI_QUERYARGUMENTS",
        "GenericLFI_URIPATH",
        "GenericLFI_BODY",
        "RestrictedExtensions_URIPATH",
        "RestrictedExtensions_QUERYARGUMENTS",
        "GenericRFI_QUERYARGUMENTS",
        "GenericRFI_BODY",
        "GenericRFI_URIPATH",
        "CrossSiteScripting_COOKIE",
        "CrossSiteScripting_QUERYARGUMENTS",
        "CrossSiteScripting_BODY",
        "CrossSiteScripting_URIPATH",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {
        "JavaDeserializationRCE_HEADER",
        "JavaDeserializationRCE_BODY",
        "JavaDeserializationRCE_URIPATH",
        "JavaDeserializationRCE_QUERYSTRING",
        "Host_localhost_HEADER",
        "PROPFIND_METHOD",
        "ExploitablePaths_URIPATH",
        "Log4JRCE_HEADER",
        "Log4JRCE_QUERYSTRING",
        "Log4JRCE_BODY",
        "Log4JRCE_URIPATH",
        "ReactJSRCE_BODY",
    },
    # AWS WAF Developer Guide: IP reputation rule groups
    "AWSManagedRulesAmazonIpReputationList": {
        "AWSManagedIPReputationList",
        "AWSManagedReconnaissanceList",
        "AWSManagedIPDDoSList",
    },
}
INCLUDED_CAPACITY = 1500  # what the price of a web ACL includes


@pytest.fixture(scope="module")
def synthesized(_contracts, tmp_path_factory):
    """Return a function that synthesises `dev` with settings of its edge."""
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))

    def build(edge):
        folder = tmp_path_factory.mktemp("settings")
        sites = "collector: {allowed_origins: [https://shop.example.com]}"
        (folder / "dev.yaml").write_text(f"collection: {{{sites}, edge: {edge}}}", encoding="utf-8")
        return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("edged"))

    return build


@pytest.fixture(scope="module")
def edged(synthesized):
    return synthesized("{deployed: true, requests_per_address: 500}")


@pytest.fixture(scope="module")
def with_domain(synthesized):
    return synthesized(
        f"{{deployed: true, refuse_direct: false, secret_number: 2, domain: events.example.com, "
        f'certificate_arn: "{CERTIFICATE}"}}'
    )


@pytest.fixture(scope="module")
def edged_estate(edged):
    return Estate(edged)


def distribution(assembly):
    return assembly.one("AWS::CloudFront::Distribution", "collection").properties["DistributionConfig"]


@pytest.fixture(scope="module")
def acl(edged):
    return edged.one("AWS::WAFv2::WebACL", "collection").properties


def rules(acl):
    return {rule["Name"]: rule for rule in acl["Rules"]}


def variables(assembly):
    (function,) = (
        one
        for one in assembly.resources("AWS::Lambda::Function", "collection")
        if one.properties["Handler"].startswith("lambdas.collector.")
    )
    return function.properties["Environment"]["Variables"]


# ---- the switch


def test_without_the_switch_there_is_none(dev):
    assert not dev.settings.collection.edge.deployed
    kinds = {one.document["Type"] for one in dev.resources()}
    assert not [kind for kind in kinds if kind.startswith(("AWS::CloudFront::", "AWS::WAFv2::", "AWS::Logs::Deliver"))]
    assert "EDGE_SECRET_ARN" not in variables(dev)
    assert "collection.edge" not in json.dumps(dev.templates["collection"])
    assert "web ACL" not in dev.costs
    said = [alarm.properties["AlarmDescription"] for alarm in dev.resources("AWS::CloudWatch::Alarm")]
    assert not [one for one in said if "web ACL" in one or "CloudFront" in one or "edge" in one]
    assert "execute-api" in resolve(dev.templates["collection"]["Outputs"]["CollectorUrl"]["Value"])


def test_the_switch_brings_what_it_needs_and_no_role(dev, edged):
    before = {(one.pillar, one.logical_id) for one in dev.resources()}
    more = [one.document["Type"] for one in edged.resources() if (one.pillar, one.logical_id) not in before]
    assert sorted(more) == [
        "AWS::CloudFront::Distribution",
        *["AWS::CloudWatch::Alarm"] * 3,
        "AWS::Logs::Delivery",
        "AWS::Logs::DeliveryDestination",
        "AWS::Logs::DeliverySource",
        *["AWS::Logs::LogGroup"] * 2,
        "AWS::SecretsManager::Secret",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::WAFv2::WebACL",
    ]


def test_it_costs_the_web_acl_four_rules_and_a_secret(dev, edged):
    assert edged.costs["web ACL"] == pytest.approx(9)
    keys = "KMS key and secrets"
    assert edged.costs[keys] - dev.costs[keys] == pytest.approx(0.4)


def test_cloudformation_refuses_another_region_and_names_the_setting(edged):
    rules_of_stack = edged.templates["collection"]["Rules"]
    (assertion,) = (
        one
        for rule in rules_of_stack.values()
        for one in rule["Assertions"]
        if "collection.edge.deployed" in one["AssertDescription"]
    )
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}
    assert "us-east-1" in assertion["AssertDescription"]


# ---- CloudFront


def test_it_passes_everything_on_and_caches_nothing(edged):
    behavior = distribution(edged)["DefaultCacheBehavior"]
    assert "CacheBehaviors" not in distribution(edged)
    assert set(behavior["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert behavior["CachePolicyId"] == MANAGED["CachingDisabled"]
    assert behavior["OriginRequestPolicyId"] == MANAGED["AllViewerExceptHostHeader"]
    assert (behavior["Compress"], behavior["ViewerProtocolPolicy"]) == (False, "https-only")
    assert distribution(edged)["HttpVersion"] == "http2and3"


def test_its_origin_is_the_collectors_api_over_tls(edged):
    (origin,) = distribution(edged)["Origins"]
    api = edged.one("AWS::ApiGatewayV2::Api", "collection")
    assert origin["DomainName"]["Fn::Join"][1][0] == {"Ref": api.logical_id}
    custom = origin["CustomOriginConfig"]
    assert (custom["OriginProtocolPolicy"], custom["OriginSSLProtocols"]) == ("https-only", ["TLSv1.2"])


def test_it_needs_the_apis_own_address(edged):
    """CloudFront calls the API there, as long as the API has no domain of its own."""
    api = edged.one("AWS::ApiGatewayV2::Api", "collection").properties
    assert "DisableExecuteApiEndpoint" not in api


def test_it_adds_a_secret_that_no_template_holds(edged):
    (origin,) = distribution(edged)["Origins"]
    (header,) = origin["OriginCustomHeaders"]
    secret = edged.one("AWS::SecretsManager::Secret", "collection", "EdgeSecret")
    assert header["HeaderName"] == EDGE_HEADER
    assert header["HeaderValue"] == {
        "Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": secret.logical_id}, ":SecretString:::}}"]]
    }
    assert secret.document["DeletionPolicy"] == "Delete"


def test_the_collector_asks_for_the_same_secret_and_may_read_it(edged, edged_estate):
    secret = edged.one("AWS::SecretsManager::Secret", "collection", "EdgeSecret")
    assert variables(edged)["EDGE_SECRET_ARN"] == {"Ref": secret.logical_id}
    read = {
        one
        for policy in edged_estate.of_type("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "secretsmanager:GetSecretValue" and "EdgeSecret" in str(statement["Resource"])
        for one in policy.properties["Roles"]
    }
    assert len(read) == 1
    assert "CollectorFunctionRole" in read.pop()


def test_sources_may_move_before_the_collector_refuses_what_comes_past_it(with_domain):
    assert "EDGE_SECRET_ARN" not in variables(with_domain)
    statements = [
        statement
        for policy in with_domain.resources("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]
    assert not [one for one in statements if "EdgeSecret" in json.dumps(one)]


def test_a_raised_number_changes_the_distribution_so_that_the_secret_is_read_again(edged, with_domain):
    assert distribution(edged)["Comment"].endswith("secret 1")
    assert distribution(with_domain)["Comment"].endswith("secret 2")


def test_its_address_is_the_collectors(edged):
    output = edged.templates["collection"]["Outputs"]["CollectorUrl"]["Value"]
    name = edged.one("AWS::CloudFront::Distribution", "collection").logical_id
    assert resolve(output) == f"https://{name}.DomainName/"


def test_the_address_that_is_closed_is_named_where_it_is_closed(edged, with_domain):
    outputs = edged.templates["collection"]["Outputs"]
    assert "execute-api" in resolve(outputs["CollectorApiUrl"]["Value"])
    assert "EdgeSecret" in resolve(outputs["EdgeSecretArn"]["Value"])
    assert "CollectorApiUrl" not in with_domain.templates["collection"]["Outputs"]


def test_with_a_domain_it_speaks_tls_1_2_or_newer_alone(edged, with_domain):
    assert "ViewerCertificate" not in distribution(edged)
    assert distribution(with_domain)["Aliases"] == ["events.example.com"]
    assert distribution(with_domain)["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }


@pytest.mark.parametrize(
    ("edge", "says"),
    [
        ("{domain: events.example.com}", "edge.domain and edge.certificate_arn belong together"),
        (f'{{certificate_arn: "{CERTIFICATE}"}}', "edge.domain and edge.certificate_arn belong together"),
        ("{domain: https://events.example.com}", "write a domain in lower case"),
        (f'{{domain: e.example.com, certificate_arn: "{CERTIFICATE.replace(REGION, "eu-west-1")}"}}', "in us-east-1"),
        ("{requests_per_address: 5}", "greater than or equal to 10"),
    ],
)
def test_settings_that_cloudfront_or_waf_would_refuse_are_refused(tmp_path, edge, says):
    (tmp_path / "dev.yaml").write_text(f"collection: {{edge: {edge}}}", encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        load("dev", tmp_path)


# ---- the web ACL


def test_the_web_acl_is_one_for_cloudfront_and_guards_the_distribution(edged, acl):
    assert acl["Scope"] == "CLOUDFRONT"
    assert acl["DefaultAction"] == {"Allow": {}}
    name = edged.one("AWS::WAFv2::WebACL", "collection").logical_id
    assert distribution(edged)["WebACLId"] == {"Fn::GetAtt": [name, "Arn"]}


def test_an_address_that_sends_too_much_is_refused_before_anything_else_is_read(acl):
    rule = rules(acl)["TooManyRequests"]
    assert rule["Priority"] == 0 == min(one["Priority"] for one in acl["Rules"])
    assert rule["Statement"] == {
        "RateBasedStatement": {"AggregateKeyType": "IP", "EvaluationWindowSec": 300, "Limit": 500}
    }
    answer = rule["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429
    body = acl["CustomResponseBodies"][answer["CustomResponseBodyKey"]]
    assert body["ContentType"] == "APPLICATION_JSON"
    assert json.loads(body["Content"])["code"] == "TOO_MANY_REQUESTS"


def test_no_rule_blocks_for_a_body_or_a_cookie(acl):
    """A batch has up to 4 MB, may be packed, and holds what customers typed and pages are called."""
    groups = {name: rule for name, rule in rules(acl).items() if name != "TooManyRequests"}
    assert groups.keys() == PUBLISHED.keys()
    for name, rule in groups.items():
        group = rule["Statement"]["ManagedRuleGroupStatement"]
        assert (group["VendorName"], group["Name"], rule["OverrideAction"]) == ("AWS", name, {"None": {}})
        overrides = {one["Name"]: one["ActionToUse"] for one in group.get("RuleActionOverrides", ())}
        assert all(action == {"Count": {}} for action in overrides.values())
        assert overrides.keys() <= PUBLISHED[name]
        assert {one for one in PUBLISHED[name] if one.endswith(("_BODY", "_COOKIE"))} <= overrides.keys()


def test_a_till_without_user_agent_is_let_in(acl):
    group = rules(acl)["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    assert "NoUserAgent_HEADER" in {one["Name"] for one in group["RuleActionOverrides"]}


def test_its_rules_fit_into_what_its_price_includes(acl):
    assert rules(acl).keys() == CAPACITY.keys()
    assert sum(CAPACITY.values()) <= INCLUDED_CAPACITY
    assert len({rule["Priority"] for rule in acl["Rules"]}) == len(CAPACITY)


def test_what_it_logs_and_shows_holds_no_credentials(edged, acl):
    logging = edged.one("AWS::WAFv2::LoggingConfiguration", "collection").properties
    redacted = logging["RedactedFields"]
    headers = {one["SingleHeader"]["Name"] for one in redacted if "SingleHeader" in one}
    assert {"authorization", "x-api-key", "cookie"} <= headers
    assert {"QueryString": {}} in redacted
    # Redaction does not reach the samples.
    shown = [acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])]
    assert {one["SampledRequestsEnabled"] for one in shown} == {False}
    assert {one["CloudWatchMetricsEnabled"] for one in shown} == {True}


def test_its_log_is_named_as_aws_asks_and_keeps_what_was_blocked(edged):
    logging = edged.one("AWS::WAFv2::LoggingConfiguration", "collection").properties
    group = edged.one("AWS::Logs::LogGroup", "collection", "WebAcl")
    assert group.properties["LogGroupName"].startswith("aws-waf-logs-")
    (destination,) = logging["LogDestinationConfigs"]
    assert resolve(destination) == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group.logical_id}"
    (kept,) = logging["LoggingFilter"]["Filters"]
    assert (logging["LoggingFilter"]["DefaultBehavior"], kept["Behavior"]) == ("DROP", "KEEP")
    assert kept["Conditions"] == [{"ActionCondition": {"Action": "BLOCK"}}]


def test_access_logs_name_no_query_string_and_no_cookie(edged):
    delivery = edged.one("AWS::Logs::Delivery", "collection")
    fields = set(delivery.properties["RecordFields"])
    assert {"c-ip", "cs-method", "sc-status"} <= fields
    assert not fields & {"cs-uri-query", "cs(Cookie)", "cs(Referer)", "cs-headers"}
    source = edged.one("AWS::Logs::DeliverySource", "collection")
    assert delivery.properties["DeliverySourceName"] == source.properties["Name"]
    assert source.logical_id in delivery.document["DependsOn"]
    assert source.properties["LogType"] == "ACCESS_LOGS"


# ---- alarms, and what AWS needs


def test_blocked_requests_errors_and_requests_past_it_raise_alarms(edged):
    found = {
        alarm.properties["MetricName"]: alarm.properties
        for alarm in edged.resources("AWS::CloudWatch::Alarm")
        if alarm.properties["MetricName"] in {"BlockedRequests", "5xxErrorRate", "RequestsPastEdge"}
    }
    limit = edged.settings.operations.blocked_requests
    assert {name: one["Threshold"] for name, one in found.items()} == {
        "BlockedRequests": limit,
        "RequestsPastEdge": limit,
        "5xxErrorRate": 5,
    }
    # For CloudFront, WAF's metrics have no dimension for the Region.
    dimensions = {one["Name"]: one["Value"] for one in found["BlockedRequests"]["Dimensions"]}
    assert dimensions == {"WebACL": "c360-dev-collector", "Rule": "ALL"}


def test_it_has_what_aws_documents(edged_estate):
    assert missing(edged_estate) == []
    assert unclaimed(edged_estate) == []


@pytest.mark.parametrize("which", ["edged", "with_domain"])
def test_nag_has_nothing_open_and_cfn_lint_nothing_to_say(request, which):
    assembly = request.getfixturevalue(which)
    assert open_findings(assembly.report) == []
    assert unused_acknowledgements(assembly.folder, assembly.report) == set()
    files = [
        str(path)
        for path in assembly.files
        if path.name.endswith(("Collection.template.json", "Operations.template.json"))
    ]
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED_RULES, templates=files)
    assert [str(finding) for finding in lint_by_config(arguments)] == []
