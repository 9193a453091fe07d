"""The channel of text messages: a configuration set of AWS End User Messaging, and what a message may cost."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_smsvoice as smsvoice
from constructs import Construct

from c360_core.names import PROJECT
from config.activation import SmsSettings
from stacks.constructs.grants import allow
from stacks.shared.platform import Platform


class Sms(Construct):
    """A configuration set for the messages from an operator's number, sender id or pool.

    The service reports to the account's default bus by itself. Who answers STOP is put on the opt-out list of the
    number by the service, and the next message to them is refused.
    """

    variables: Mapping[str, str]

    def __init__(self, scope: Construct, id_: str, *, identity: str, settings: SmsSettings, platform: Platform) -> None:
        super().__init__(scope, id_)
        self._identity = identity
        self._name = f"{PROJECT}-{platform.environment}"
        smsvoice.CfnConfigurationSet(self, "ConfigurationSet", configuration_set_name=self._name)
        self.variables = {
            "SMS_ORIGINATION_IDENTITY": identity,
            "SMS_CONFIGURATION_SET": self._name,
            "SMS_MAX_PRICE_USD": f"{settings.max_price_usd:.5f}",
            "SMS_DAYS": str(settings.valid_days),
        }

    def let_send(self, role: iam.IRole) -> None:
        """Let a role send from the identity, and from nothing else."""
        stack = cdk.Stack.of(self)
        configuration_set = (
            f"arn:{stack.partition}:sms-voice:{stack.region}:{stack.account}:configuration-set/{self._name}"
        )
        allow(role, ("sms-voice:SendTextMessage",), self._identity, configuration_set)
