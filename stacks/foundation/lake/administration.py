"""Lake Formation's settings for the account."""

from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from stacks.shared.bootstrap import deployment_role_arn


class LakeAdministration(Construct):
    """Makes the deployment role an administrator and removes the open default permissions.

    Lake Formation lets IAM alone decide on every database that is created while its defaults stand. So this must exist
    before the databases do; governance then grants what each role needs. CloudFormation is reported to ignore the empty
    lists, and other administrators of the account must stay. So nothing relies on them: each database says for itself
    what new tables get, and governance revokes what the database got.
    """

    def __init__(self, scope: Construct, id_: str, *, admin_role_arns: tuple[str, ...]) -> None:
        super().__init__(scope, id_)
        admins = (deployment_role_arn(), *admin_role_arns)
        lakeformation.CfnDataLakeSettings(
            self,
            "Settings",
            mutation_type="APPEND",
            admins=[
                lakeformation.CfnDataLakeSettings.DataLakePrincipalProperty(data_lake_principal_identifier=arn)
                for arn in admins
            ],
            create_database_default_permissions=[],
            create_table_default_permissions=[],
        )
