"""A private network for systems that AWS runs inside a VPC."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from config.foundation import NetworkSettings
from config.runtime import RuntimeSettings
from stacks.constructs.log_group import encrypted_log_group
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import StandingCost

_HTTPS: Final = 443
_ENDPOINT_USD: Final = 7.3  # a month, in each availability zone
# A subnet takes a sixteenth of the network, which leaves room for other kinds of subnet.
_SUBNET_BITS: Final = 4


class Network(Construct):
    """A VPC of isolated subnets without internet gateway and NAT: endpoints are the only way to AWS's APIs.

    S3 and DynamoDB have a free gateway endpoint each. Another service gets an interface endpoint when a system calls
    `reach` for it. The endpoints accept principals of this account only, so that nobody can move data out with the
    credentials of another account.
    """

    vpc: ec2.Vpc
    subnets: ec2.SubnetSelection

    def __init__(
        self, scope: Construct, id_: str, *, settings: NetworkSettings, runtime: RuntimeSettings, key: kms.IKey
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._interfaces: dict[str, ec2.InterfaceVpcEndpoint] = {}
        self._gateways: dict[str, ec2.GatewayVpcEndpoint] = {}
        self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(settings.cidr),
            # By their numbers: the CDK knows two zones of a Region that it is not told, however many are wanted.
            availability_zones=[cdk.Fn.select(n, cdk.Fn.get_azs()) for n in range(settings.availability_zones)],
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Isolated",
                    subnet_type=ec2.SubnetType.PRIVATE_ISOLATED,
                    cidr_mask=int(settings.cidr.partition("/")[2]) + _SUBNET_BITS,
                )
            ],
            # Private DNS names of interface endpoints need both.
            enable_dns_hostnames=True,
            enable_dns_support=True,
            # A resource without a security group gets the default one, which then allows no traffic.
            restrict_default_security_group=True,
        )
        self._log_flows(runtime, key)
        self._endpoint_group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="Interface endpoints of AWS services", allow_all_outbound=False
        )
        self._endpoint_group.add_ingress_rule(
            ec2.Peer.ipv4(settings.cidr), ec2.Port.tcp(_HTTPS), "AWS's APIs, from inside the network"
        )
        for name, service in (
            ("S3", ec2.GatewayVpcEndpointAwsService.S3),
            ("DynamoDb", ec2.GatewayVpcEndpointAwsService.DYNAMODB),
        ):
            gateway = self.vpc.add_gateway_endpoint(name, service=service, subnets=[self.subnets])
            gateway.add_to_policy(self._own_account_only())
            self._gateways[name] = gateway

    def reach(self, *services: ec2.InterfaceVpcEndpointAwsService) -> None:
        """Create interface endpoints for services that have none. A system names all services that it needs."""
        for service in services:
            if service.short_name not in self._interfaces:
                self._interfaces[service.short_name] = self._interface(service)

    def let_answer_cloudformation(self) -> None:
        """Let functions behind custom resources answer: AWS keeps the answers in buckets of its own accounts.

        A request carries CloudFormation's signature, so that nobody chooses the bucket or the object.
        """
        answers = f"arn:{cdk.Stack.of(self).partition}:s3:::cloudformation-custom-resource-response-*/*"
        self._gateways["S3"].add_to_policy(
            iam.PolicyStatement(
                sid="AnswersToCloudFormation",
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[answers],
            )
        )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the interface endpoints, which AWS bills per availability zone."""
        if not self._interfaces:
            return ()
        usd = len(self._interfaces) * self._settings.availability_zones * _ENDPOINT_USD
        return (StandingCost(part="interface endpoints", usd=usd, pieces=len(self._interfaces)),)

    def _interface(self, service: ec2.InterfaceVpcEndpointAwsService) -> ec2.InterfaceVpcEndpoint:
        endpoint = ec2.InterfaceVpcEndpoint(
            self,
            pascal_case(service.short_name.replace(".", "-")),
            vpc=self.vpc,
            service=service,
            subnets=self.subnets,
            private_dns_enabled=True,
            security_groups=[self._endpoint_group],
            open=False,  # the group's own rule admits the network
        )
        endpoint.add_to_policy(self._own_account_only())
        return endpoint

    def _own_account_only(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="OwnAccount",
            principals=[iam.AnyPrincipal()],
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": cdk.Stack.of(self).account}},
        )

    def _log_flows(self, runtime: RuntimeSettings, key: kms.IKey) -> None:
        logs = encrypted_log_group(self, "FlowLogs", key=key, retention_days=runtime.log_retention_days)
        self.vpc.add_flow_log(
            "Flows",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(logs),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )
