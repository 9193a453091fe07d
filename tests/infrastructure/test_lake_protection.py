"""Nothing of Lake Formation's defaults opens the lake, at no moment of a deployment."""

from c360_core.names import CATALOGED_ZONES, database_name, zone_stack
from tests.infrastructure.assembly import listed, resolve, statements

# What the function that closes databases does with its permissions in Lake Formation: IAM lets it do nothing else.
REVOKES = {"lakeformation:ListPermissions", "lakeformation:RevokePermissions"}
SEES = {"glue:GetDatabase", "glue:GetTable", "glue:GetTables"}


def databases(assembly):
    return {database_name(assembly.settings.environment, zone): zone for zone in CATALOGED_ZONES}


def test_each_database_says_itself_that_new_tables_get_no_default_permissions(assembly):
    stated = {
        d.properties["DatabaseInput"]["Name"]: d.properties["DatabaseInput"].get("CreateTableDefaultPermissions")
        for d in assembly.resources("AWS::Glue::Database")
    }
    assert stated == {name: [] for name in databases(assembly)}


def test_what_everybody_got_on_a_database_and_its_tables_is_revoked_by_name(assembly, agreed):
    closed = {}
    for resource in assembly.resources("Custom::ClosedDatabase"):
        closed[resource.properties["Database"]] = resource.properties["Tables"]
        assert resource.pillar == zone_stack(databases(assembly)[resource.properties["Database"]])
        assert resolve(resource.properties["ServiceToken"]).startswith("DefaultsCloserFunction")
        assert 0 < int(resource.properties["ServiceTimeout"]) < 3600, "CloudFormation would wait for an hour"
    wanted = {
        name: sorted(table.name for table in agreed.lake_tables() if table.zone is zone)
        for name, zone in databases(assembly).items()
    }
    assert closed == wanted


def test_who_revokes_holds_the_grant_option_first(assembly):
    """Lake Formation lets administrators revoke, and those who may grant."""
    for resource in assembly.resources("Custom::ClosedDatabase"):
        grants = {
            grant.logical_id: grant.properties
            for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions", resource.pillar)
            if grant.properties["PermissionsWithGrantOption"]
        }
        assert grants.keys() <= set(resource.document["DependsOn"]), resource
        database = resource.properties["Database"]
        on_database = {"Database": {"CatalogId": {"Ref": "AWS::AccountId"}, "Name": database}}
        on_tables = {"Table": {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseName": database, "TableWildcard": {}}}
        for wanted in (on_database, on_tables):
            [grant] = [g for g in grants.values() if g["Resource"] == wanted]
            assert grant["Permissions"] == grant["PermissionsWithGrantOption"] == ["ALL"]
            principal = resolve(grant["Principal"]["DataLakePrincipalIdentifier"])
            assert principal.startswith("DefaultsCloserRole"), resource


def test_who_revokes_can_neither_grant_nor_read(assembly):
    allowed = {
        action: {resolve(one) for one in listed(statement["Resource"])}
        for policy, statement in statements(assembly)
        if policy.logical_id.startswith("DefaultsCloserRole")
        for action in listed(statement["Action"])
    }
    services = ("lakeformation:", "glue:", "s3:", "athena:")
    assert {action for action in allowed if action.startswith(services)} == REVOKES | SEES
    named = {one.rpartition(":")[2] for one in allowed["glue:GetTables"]}
    wanted = {f"{kind}/{name}" for name in databases(assembly) for kind in ("database", "table")}
    assert named == {"catalog", *(one if one.startswith("database") else f"{one}/*" for one in wanted)}


def test_only_who_revokes_may_pass_permissions_on(assembly):
    passing = [g for g in assembly.resources() if g.properties.get("PermissionsWithGrantOption")]
    assert len(passing) == 2 * len(CATALOGED_ZONES)
