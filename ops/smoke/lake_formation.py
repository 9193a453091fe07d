"""Lake Formation."""

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment


@check("Lake Formation", fix="let an administrator read step 5 of docs/deploying.md, and add the deployment role")
def lake_formation(deployed: DeployedEnvironment) -> str:
    """The account has administrators, and new tables are not open to everybody."""
    settings = deployed.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
    admins = [admin["DataLakePrincipalIdentifier"] for admin in settings.get("DataLakeAdmins", ())]
    opened = [
        key
        for key in ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
        if any(one.get("Permissions") for one in settings.get(key, ()))
    ]
    wrong = [] if admins else ["nobody is a data lake administrator"]
    wrong += [f"{key} still lets IAM alone decide" for key in opened]
    return expect(wrong, f"{len(admins)} administrator(s), no open defaults")
