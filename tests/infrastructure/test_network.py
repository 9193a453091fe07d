"""A network stands only where the settings ask for one; then it is private, and AWS is reached from inside it."""

import json
from ipaddress import ip_network

import pytest
from aws_cdk import aws_ec2 as ec2
from cfnlint.api import lint_by_config
from cfnlint.config import ManualArgs

from config.settings import load
from stacks.constructs import nag
from tests.infrastructure.assembly import empty_app, listed, operate, placeholder_assets, resolve
from tests.infrastructure.findings import open_findings, read_report, unused_acknowledgements
from tests.infrastructure.test_templates import ACCEPTED_RULES

CIDR = "10.20.0.0/16"
SERVICES = ec2.InterfaceVpcEndpointAwsService


class Networked:
    """The foundation of an environment with a network, in which two systems need three services between them."""

    def __init__(self, folder, assets):
        (folder / "dev.yaml").write_text(f"foundation: {{network: {{deployed: true, cidr: {CIDR}}}}}", encoding="utf-8")
        cdk_app = empty_app(folder / "out")
        self.costs = operate(cdk_app, load("dev", folder), assets, self.place).costs
        nag.check(cdk_app)
        assembly = cdk_app.synth()
        self.file = folder / "out" / assembly.get_stack_by_name("Foundation").template_file
        self.resources = json.loads(self.file.read_text(encoding="utf-8"))["Resources"]
        self.report = read_report(self.file.parent)

    @staticmethod
    def place(foundation):
        foundation.network.reach(SERVICES.KINESIS_STREAMS, SERVICES.SECRETS_MANAGER)
        foundation.network.reach(SERVICES.SECRETS_MANAGER, SERVICES.KMS)

    def of_type(self, name):
        return {id_: each["Properties"] for id_, each in self.resources.items() if each["Type"] == name}

    def endpoints(self, kind):
        found = [each for each in self.of_type("AWS::EC2::VPCEndpoint").values() if each["VpcEndpointType"] == kind]
        return {resolve(each["ServiceName"]).rpartition(".")[2]: each for each in found}


@pytest.fixture(scope="module")
def networked(tmp_path_factory):
    return Networked(tmp_path_factory.mktemp("networked"), placeholder_assets(tmp_path_factory.mktemp("assets")))


def test_without_the_switch_there_is_none(customary):
    assert not customary.settings.foundation.network.deployed
    assert not [each for each in customary.resources() if each.document["Type"].startswith("AWS::EC2::")]
    assert "interface endpoints" not in " ".join(customary.costs)


def test_its_subnets_have_no_way_to_the_internet(networked):
    assert [vpc["CidrBlock"] for vpc in networked.of_type("AWS::EC2::VPC").values()] == [CIDR]
    subnets = list(networked.of_type("AWS::EC2::Subnet").values())
    assert len(subnets) == 2
    assert all(ip_network(subnet["CidrBlock"]).subnet_of(ip_network(CIDR)) for subnet in subnets)
    assert {subnet["MapPublicIpOnLaunch"] for subnet in subnets} == {False}
    assert len({resolve_zone(subnet["AvailabilityZone"]) for subnet in subnets}) == 2
    for type_name in ("InternetGateway", "NatGateway", "EIP", "Route", "VPCGatewayAttachment"):
        assert networked.of_type(f"AWS::EC2::{type_name}") == {}


def resolve_zone(value):
    return value["Fn::Select"][0]


def test_private_dns_has_what_it_needs_of_the_vpc(networked):
    """AWS: private DNS names of an endpoint need both attributes of the VPC."""
    (vpc,) = networked.of_type("AWS::EC2::VPC").values()
    assert (vpc["EnableDnsHostnames"], vpc["EnableDnsSupport"]) == (True, True)
    assert {each["PrivateDnsEnabled"] for each in networked.endpoints("Interface").values()} == {True}


def test_there_is_one_interface_endpoint_for_each_service_that_a_system_needs(networked):
    found = networked.endpoints("Interface")
    assert found.keys() == {"kinesis-streams", "secretsmanager", "kms"}
    subnets = set(networked.of_type("AWS::EC2::Subnet"))
    for endpoint in found.values():
        assert {resolve(subnet) for subnet in endpoint["SubnetIds"]} == subnets


def test_gateway_endpoints_serve_the_route_table_of_every_subnet(networked):
    found = networked.endpoints("Gateway")
    assert found.keys() == {"s3", "dynamodb"}
    tables = set(networked.of_type("AWS::EC2::RouteTable"))
    assert len(tables) == 2
    for endpoint in found.values():
        assert {resolve(table) for table in endpoint["RouteTableIds"]} == tables


def test_endpoints_let_in_roles_of_this_account_only(networked):
    for endpoint in (*networked.endpoints("Interface").values(), *networked.endpoints("Gateway").values()):
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}


def test_interface_endpoints_take_https_from_the_network_and_nothing_else(networked):
    ((id_, group),) = networked.of_type("AWS::EC2::SecurityGroup").items()
    ((rule),) = group["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (CIDR, "tcp", 443, 443)
    assert not [egress for egress in group["SecurityGroupEgress"] if egress["CidrIp"] != "255.255.255.255/32"]
    assert networked.of_type("AWS::EC2::SecurityGroupIngress") == {}
    for endpoint in networked.endpoints("Interface").values():
        assert [resolve(each) for each in endpoint["SecurityGroupIds"]] == [f"{id_}.GroupId"]


def test_the_default_security_group_is_emptied(networked):
    (group,) = networked.of_type("Custom::VpcRestrictDefaultSG").values()
    ((vpc, _),) = networked.of_type("AWS::EC2::VPC").items()
    assert resolve(group["DefaultSecurityGroupId"]) == f"{vpc}.DefaultSecurityGroup"


def test_every_flow_is_logged_under_our_key(networked):
    (flow,) = networked.of_type("AWS::EC2::FlowLog").values()
    assert (flow["ResourceType"], flow["TrafficType"]) == ("VPC", "ALL")
    group = networked.of_type("AWS::Logs::LogGroup")[resolve(flow["LogGroupName"])]
    assert "Key" in resolve(group["KmsKeyId"])
    (role,) = networked.of_type("AWS::IAM::Role").keys() & {resolve(flow["DeliverLogsPermissionArn"]).partition(".")[0]}
    granted = {
        action
        for policy in networked.of_type("AWS::IAM::Policy").values()
        if role in [resolve(each) for each in policy["Roles"]]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert {"logs:CreateLogStream", "logs:PutLogEvents"} <= granted


def test_interface_endpoints_are_paid_in_each_zone(networked):
    costs = {cost.label: cost.usd for cost in networked.costs}
    assert costs["3 interface endpoints"] == pytest.approx(3 * 2 * 7.3)


def test_nag_has_nothing_open_and_cfn_lint_nothing_to_say(networked):
    assert open_findings(networked.report) == []
    assert unused_acknowledgements(networked.file.parent, networked.report) == set()
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED_RULES, templates=[str(networked.file)])
    assert [str(finding) for finding in lint_by_config(arguments)] == []
