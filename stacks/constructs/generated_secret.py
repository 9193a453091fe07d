"""A secret whose value AWS generates."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.shared.monitoring import StandingCost

KEY_AND_SECRETS: Final = "KMS key and secrets"  # one row of the cost table
_SECRET_USD: Final = 0.4  # a month


class GeneratedSecret(secretsmanager.Secret):
    """A random text without punctuation, encrypted with the environment's key.

    Args:
        length: of the text, in characters.
        not_rotated_because: the reason, for cdk-nag's finding; None if a schedule rotates the secret.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        description: str,
        length: int,
        not_rotated_because: str | None,
        key: kms.IKey,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=description,
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=length, exclude_punctuation=True
            ),
            removal_policy=removal,
        )
        if not_rotated_because is not None:
            acknowledge(self, {"SMG4": not_rotated_because})

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of one secret."""
        return (StandingCost(part=KEY_AND_SECRETS, usd=_SECRET_USD),)
