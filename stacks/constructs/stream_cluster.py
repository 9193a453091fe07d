"""The cluster of MSK Serverless that carries the streams where the settings say so, and the place of its clients."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_msk as msk
from constructs import Construct

from c360_core.names import ConsumerGroup, connection_name, stream_cluster_name
from stacks.constructs.grants import allow, use_interfaces
from stacks.constructs.nag import acknowledge
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform, PrivateNetwork

BROKER_PORT: Final = 9098  # of MSK's listener for IAM
_HTTPS: Final = 443
_CLUSTER_USD: Final = 548  # a month: 0.75 an hour
_CONNECTION: Final = "streams"
_LAMBDA_INTERFACES: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
_FLINK_INTERFACES: Final = (
    *_LAMBDA_INTERFACES,
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
)
_NO_NAMES: Final = "the service makes network interfaces with this role, and they have no names before"


class StreamCluster(Construct):
    """A cluster that only clients inside the private network reach, and only with IAM.

    MSK Serverless encrypts what it keeps with a key of its own, and takes no other. Lambda's readers of a topic get
    interfaces in the cluster's subnets and its security group; everybody else has the group of the clients.

    Attributes:
        network: where the cluster is.
        clients: the security group of functions, applications and jobs that reach the cluster.
    """

    name: str
    arn: str
    network: PrivateNetwork
    clients: ec2.SecurityGroup
    cluster: msk.CfnServerlessCluster

    def __init__(self, scope: Construct, id_: str, *, network: PrivateNetwork, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.network = network
        self.name = stream_cluster_name(platform.environment)
        brokers = self._group("Brokers", "Brokers of the streams and readers of Lambda")
        self.clients = self._group("Clients", "Clients of the streams")
        for group in (brokers, self.clients):
            brokers.add_ingress_rule(group, ec2.Port.tcp(BROKER_PORT), "clients that log in with IAM")
            group.add_egress_rule(brokers, ec2.Port.tcp(BROKER_PORT), "the brokers")
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "APIs of AWS")
        # Glue asks for a rule that lets driver and executors of a job reach each other.
        self.clients.add_ingress_rule(self.clients, ec2.Port.all_tcp(), "driver and executors of a job")
        self.clients.add_egress_rule(self.clients, ec2.Port.all_tcp(), "driver and executors of a job")
        kind = msk.CfnServerlessCluster
        self.cluster = kind(
            self,
            "Cluster",
            cluster_name=self.name,
            client_authentication=kind.ClientAuthenticationProperty(
                sasl=kind.SaslProperty(iam=kind.IamProperty(enabled=True))
            ),
            vpc_configs=[
                kind.VpcConfigProperty(
                    subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
                    security_groups=[brokers.security_group_id],
                )
            ],
        )
        self.cluster.apply_removal_policy(platform.removal)
        self.arn = self.cluster.attr_arn
        self.connection = self._connection_of_jobs(platform)

    def topic_arn(self, topic: str) -> str:
        """Return the ARN of a topic for policies."""
        return self._arn_of("topic", topic)

    def group_arn(self, group: ConsumerGroup) -> str:
        """Return the ARN of a consumer group for policies."""
        return self._arn_of("group", group)

    def let_functions_in(self, role: iam.Role) -> None:
        """Let Lambda place a function, or the reader that feeds it, in the network."""
        allow(role, _LAMBDA_INTERFACES, "*")
        acknowledge(role, {"IAM5[Resource::*]": _NO_NAMES})

    def let_application_in(self, role: iam.Role) -> None:
        """Let Managed Flink place an application in the network."""
        allow(role, _FLINK_INTERFACES, "*")
        acknowledge(role, {"IAM5[Resource::*]": _NO_NAMES})

    def let_job_in(self, role: iam.Role) -> None:
        """Let Glue place a job in the network."""
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        allow(role, ("glue:GetConnection",), f"{prefix}:catalog", f"{prefix}:connection/{self.connection}")
        use_interfaces(role)

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the cluster without its partitions."""
        return (StandingCost(part="MSK cluster", usd=_CLUSTER_USD),)

    def _group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id_, vpc=self.network.vpc, description=description, allow_all_outbound=False)

    def _arn_of(self, kind: str, name: str) -> str:
        # arn:aws:kafka:<region>:<account>:cluster/<name>/<id>: topics and groups carry the cluster's name and id.
        stack = cdk.Stack.of(self)
        of_cluster = cdk.Fn.select(1, cdk.Fn.split(":cluster/", self.arn))
        return f"arn:{stack.partition}:kafka:{stack.region}:{stack.account}:{kind}/{of_cluster}/{name}"

    def _connection_of_jobs(self, platform: Platform) -> str:
        """Create the connection that places jobs of Glue in the network; Glue puts all into one subnet."""
        name = connection_name(platform.environment, _CONNECTION)
        first = self.network.vpc.select_subnets(subnet_type=self.network.subnets.subnet_type).subnets[0]
        kind = glue.CfnConnection
        kind(
            self,
            "Connection",
            catalog_id=cdk.Stack.of(self).account,
            connection_input=kind.ConnectionInputProperty(
                name=name,
                description="The place of jobs that write streams",
                connection_type="NETWORK",
                physical_connection_requirements=kind.PhysicalConnectionRequirementsProperty(
                    subnet_id=first.subnet_id,
                    availability_zone=first.availability_zone,
                    security_group_id_list=[self.clients.security_group_id],
                ),
            ),
        )
        return name
