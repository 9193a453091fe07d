"""The encryption of Spark jobs."""

from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from constructs import Construct

from c360_core.names import PROJECT


class JobSecurity(Construct):
    """A Glue security configuration: objects, logs and bookmarks under the environment's key."""

    configuration: glue.CfnSecurityConfiguration

    def __init__(self, scope: Construct, id_: str, *, environment: str, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        configuration = glue.CfnSecurityConfiguration
        self.configuration = glue.CfnSecurityConfiguration(
            self,
            "Configuration",
            name=f"{PROJECT}-{environment}",
            encryption_configuration=configuration.EncryptionConfigurationProperty(
                s3_encryptions=[
                    configuration.S3EncryptionProperty(s3_encryption_mode="SSE-KMS", kms_key_arn=key.key_arn)
                ],
                cloud_watch_encryption=configuration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=key.key_arn
                ),
                job_bookmarks_encryption=configuration.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=key.key_arn
                ),
            ),
        )
