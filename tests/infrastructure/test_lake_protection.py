"""Nothing of Lake Formation's defaults opens the lake, at no moment of a deployment."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import aws_cdk as cdk
import pytest

from c360_core import projections
from c360_core.names import CATALOGED_ZONES, LakeTag, PiiClass, Zone, database_name, lake_tag_key, zone_stack
from stacks.governance.zone_tags import ZoneTags
from tests.infrastructure.assembly import listed, resolve, statements, tables_of
from tests.infrastructure.estate import Estate, arn
from tests.infrastructure.policies import Policies

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
        name: sorted(table.name for table in tables_of(assembly, agreed) if table.zone is zone)
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


# ---- the class of each column

TAG = "AWS::LakeFormation::TagAssociation"


def stated(assembly):
    """Return the classes that the templates state, by database, table and column, as far as each names them."""
    key = lake_tag_key(assembly.settings.environment, LakeTag.PII)
    found = {}
    for association in assembly.resources(TAG):
        values = {tag["TagKey"]: tag["TagValues"] for tag in association.properties["LFTags"]}
        [(kind, resource)] = association.properties["Resource"].items()
        if kind == "Database":
            places = [(resource["Name"],)]
        else:
            assert kind == "TableWithColumns", association
            places = [(resource["DatabaseName"], resource["Name"], column) for column in resource["ColumnNames"]]
        for place in places:
            assert place not in found, f"{association} tags {place} again"
            [found[place]] = values[key]
    return found


def wrong_classes(assembly, agreed):
    """Yield each column whose class, its own or inherited, is not the contract's."""
    classes = stated(assembly)
    for table in tables_of(assembly, agreed):
        database = database_name(assembly.settings.environment, table.zone)
        for column, wanted in projections.lakeformation_tags(table).items():
            own = classes.get((database, table.name, column))
            effective = own or classes.get((database, table.name)) or classes.get((database,))
            if effective != wanted:
                yield f"{table.zone}.{table.name}.{column} has {effective} instead of {wanted}"


def test_every_column_has_the_class_of_its_contract(assembly, agreed):
    assert list(wrong_classes(assembly, agreed)) == []


@pytest.mark.parametrize("class_", [PiiClass.NONE, PiiClass.PSEUDONYMOUS, PiiClass.DIRECT])
def test_an_association_that_is_missing_is_noticed(prod, agreed, class_):
    for association in prod.resources(TAG):
        resource = association.properties["Resource"].get("TableWithColumns")
        if resource and association.properties["LFTags"][0]["TagValues"] == [class_]:
            break
    templates = deepcopy(dict(prod.templates))
    del templates[association.pillar]["Resources"][association.logical_id]
    [said] = wrong_classes(replace(prod, templates=templates), agreed)
    assert f"{resource['Name']}.{resource['ColumnNames'][0]} has sensitive instead of {class_}" in said


def test_a_column_without_a_tag_would_be_closed_where_there_are_contracts(assembly, agreed):
    """So an association that is deleted, or not made yet, opens nothing.

    The marts show pseudonyms and have no contract; a table beside them that has one may hold nothing more. What is
    shared with partners is empty until the marts are built, which is after its tags.
    """
    classes = stated(assembly)
    for zone in {table.zone for table in agreed.lake_tables()} - {Zone.PRODUCTS}:
        assert classes[database_name(assembly.settings.environment, zone),] == PiiClass.SENSITIVE
    beside_marts = [field for table in agreed.lake_tables() if table.zone is Zone.PRODUCTS for field in table.fields]
    assert {field.classification for field in beside_marts} <= {PiiClass.NONE, PiiClass.PSEUDONYMOUS}


def test_each_column_is_tagged_by_itself(assembly, agreed):
    """One that names several is replaced when a column's class changes, and the others lose their tags."""
    columns = Counter(place[0] for place in stated(assembly) if len(place) == 3)
    associations = Counter(
        resource["DatabaseName"]
        for association in assembly.resources(TAG)
        if (resource := association.properties["Resource"].get("TableWithColumns"))
    )
    assert columns == associations
    assert columns.total() == sum(len(table.fields) for table in tables_of(assembly, agreed))


def tagged(table):
    """Return the associations of a table's columns: the class by the resource's logical id."""
    stack = cdk.Stack(cdk.App(), "Stack")
    ZoneTags(stack, "Tags", zone=table.zone, tables=[table], platform=SimpleNamespace(environment="dev"))
    resources = cdk.App.of(stack).synth().get_stack_by_name("Stack").template["Resources"]
    return {name: resource["Properties"]["LFTags"][0]["TagValues"] for name, resource in resources.items()}


def test_a_changed_class_replaces_the_columns_own_association_and_nothing_else(agreed):
    """A resource with another logical id would be made beside the old one, whose deletion takes the new tag away."""
    table = next(table for table in agreed.lake_tables() if table.zone is Zone.CURATED)
    first, *others = table.fields
    class_ = next(one for one in PiiClass if one is not first.classification)
    before, after = tagged(table), tagged(replace(table, fields=(replace(first, classification=class_), *others)))
    assert before.keys() == after.keys()
    assert [after[name] for name in after if after[name] != before[name]] == [[class_]]


def test_a_replaced_association_is_not_deleted(assembly):
    """A new value is assigned over the old one; deleting the old association would remove the tag."""
    for association in assembly.resources(TAG):
        policies = association.document["UpdateReplacePolicy"], association.document["DeletionPolicy"]
        assert policies == ("Retain", "Delete"), association


# ---- the location of the data


def granted(estate):
    """Yield each grant to who may not pass it on: who, on what, and the permissions."""
    for grant in estate.of_type("AWS::LakeFormation::PrincipalPermissions"):
        if not grant.properties["PermissionsWithGrantOption"]:
            who = grant.properties["Principal"]["DataLakePrincipalIdentifier"]
            yield who, grant.properties["Resource"], set(grant.properties["Permissions"])


def without_location(estate):
    """Yield who may create or alter tables of a zone, and may not use the location of its data.

    AWS Lake Formation Developer Guide, Underlying data access control: who gets CREATE_TABLE or ALTER is granted data
    location permissions, too. Each commit to an Iceberg table alters its entry in the catalog.
    """
    locations = {
        (who, resource["DataLocation"]["ResourceArn"])
        for who, resource, permissions in granted(estate)
        if permissions == {"DATA_LOCATION_ACCESS"}
    }
    buckets = {
        database.properties["DatabaseInput"]["Name"]: f"arn:aws:s3:::{bucket}"
        for database in estate.of_type("AWS::Glue::Database")
        for bucket in [database.properties["DatabaseInput"]["LocationUri"].removeprefix("s3://").rstrip("/")]
    }
    for who, resource, permissions in granted(estate):
        stated = resource.get("Table") or resource.get("Database") or {}
        database = stated.get("DatabaseName") or stated.get("Name")
        if permissions & {"ALTER", "CREATE_TABLE"} and (who, buckets[database]) not in locations:
            yield f"{who} in {database}"


def test_who_creates_or_alters_tables_may_use_the_location_of_their_data(assembly):
    estate = Estate(assembly)
    writers = {who for who, _, permissions in granted(estate) if "ALTER" in permissions}
    removers = int(assembly.settings.collection.texts.removed)
    nightly = assembly.settings.analytics.quality.deployed + assembly.settings.governance.retention.enforced
    # clean, unify, three jobs, the dbt build, and the optimizers of three stacks
    assert len(writers) == 9 + removers + nightly
    assert list(without_location(estate)) == []


def test_only_who_creates_or_alters_tables_may_use_a_location(assembly):
    estate = Estate(assembly)
    located = {who for who, _, permissions in granted(estate) if "DATA_LOCATION_ACCESS" in permissions}
    changing = {who for who, _, permissions in granted(estate) if permissions & {"ALTER", "CREATE_TABLE"}}
    assert {who for who in located - changing if "cfn-exec-role" not in who} == set()


def test_a_location_that_is_not_granted_is_noticed(prod):
    templates = deepcopy(dict(prod.templates))
    resources = templates["governance-raw"]["Resources"]
    del resources[next(name for name in resources if "CleanRawLocation" in name)]
    [said] = without_location(Estate(replace(prod, templates=templates)))
    assert "Clean" in said
    assert said.endswith("c360_prod_raw")


def test_who_writes_through_athena_gets_its_credentials_from_lake_formation(assembly):
    """Athena writes with what GetDataAccess gives its caller for a registered location."""
    estate = Estate(assembly)
    policies = Policies(estate)
    asked = 0
    for who in {who for who, _, _ in granted(estate) if ":role/" in who and "cfn-exec-role" not in who}:
        if all(policies.deciding(who, "athena:StartQueryExecution", workgroup(estate), {})):
            asked += 1
            assert all(policies.deciding(who, "lakeformation:GetDataAccess", "*", {})), who
    assert asked


def workgroup(estate):
    return arn(next(estate.of_type("AWS::Athena::WorkGroup")))
