"""The secret under which identifiers are hashed."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.nag import acknowledge


class HashSecret(Construct):
    """The key of the keyed hash that turns an identifier into a pseudonym. Read at run time only."""

    secret: secretsmanager.ISecret

    def __init__(self, scope: Construct, id_: str, *, key: kms.IKey, removal: cdk.RemovalPolicy) -> None:
        super().__init__(scope, id_)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Key of the hash that pseudonymises customer identifiers",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=removal,
        )
        acknowledge(
            self.secret,
            {
                "SMG4": "a new value would change every stored identifier key; changing it is a migration, "
                "not a rotation on a schedule"
            },
        )
