"""The secret key of the identifier hash."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.generated_secret import GeneratedSecret


class HashSecret(Construct):
    """The key of the keyed hash that turns an identifier into a pseudonym. It is read at run time only.

    It is never rotated. The lake and the single view hold hashes, not identifiers: under another key the same address
    would have another hash, so that every returning customer would be a stranger, and no stored consent would be found.
    """

    secret: secretsmanager.ISecret

    def __init__(self, scope: Construct, id_: str, *, key: kms.IKey, removal: cdk.RemovalPolicy) -> None:
        super().__init__(scope, id_)
        self.secret = GeneratedSecret(
            self,
            "Secret",
            description="Key of the hash that pseudonymises customer identifiers",
            length=64,
            not_rotated_because="a new value would change every stored identifier key; changing it is a migration, "
            "not a rotation on a schedule",
            key=key,
            removal=removal,
        )
