"""The one customer-managed key of an environment."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.generated_secret import KEY_AND_SECRETS
from stacks.shared.monitoring import StandingCost

_KEY_USD: Final = 1.0  # a month


class EncryptionKey(Construct):
    """A rotating key. Roles may use it by their own policies, services without a role by the key's policy."""

    key: kms.IKey

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        alias: str,
        publishers: Mapping[str, str],
        removal: cdk.RemovalPolicy,
        recommends: bool = False,
    ) -> None:
        super().__init__(scope, id_)
        key = kms.Key(
            self,
            "Key",
            alias=alias,
            description="Encrypts everything that the Customer 360 stores",
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(7),
            removal_policy=removal,
        )
        self._let_logs_encrypt(key)
        self._let_notifiers_publish(key, publishers)
        if recommends:
            self._let_personalize_encrypt(key)
        self.key = key

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of one key."""
        return (StandingCost(part=KEY_AND_SECRETS, usd=_KEY_USD),)

    def _let_logs_encrypt(self, key: kms.Key) -> None:
        stack = cdk.Stack.of(self)
        log_groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroups",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )

    def _let_personalize_encrypt(self, key: kms.Key) -> None:
        """Personalize asks the key's policy for itself, beside the policy of its role."""
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Personalize",
                principals=[iam.ServicePrincipal("personalize.amazonaws.com")],
                actions=["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ListGrants"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )

    def _let_notifiers_publish(self, key: kms.Key, publishers: Mapping[str, str]) -> None:
        """Services publish on the alarm topic, and rules send to dead-letter queues, without a role of ours.

        Rules come without the account that they belong to when they write to an encrypted queue, so a condition on it
        would shut them out. Each queue's own policy lets its rule alone write to it.
        """
        same_account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        notifiers = [(sid, service, same_account) for sid, service in publishers.items()]
        for sid, service, conditions in (*notifiers, ("Rules", "events.amazonaws.com", None)):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    conditions=conditions,
                )
            )
