"""Lake Formation as its clients know it."""

from pathlib import Path
from typing import Any

import pytest

from twin.emulator.provider import Twin
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import CatalogTable, LakeFormationResource
from twin.providers.lake_formation.service import Grants, LakeFormation
from twin.settings import TwinSettings

STEWARD = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/Steward"}
REJECTED = {"Table": {"DatabaseName": "quarantine", "Name": "rejected"}}
TABLES = (CatalogTable(database="quarantine", name="rejected", columns=("rejected_id", "reason")),)
OF_TEMPLATE = LakeFormationResource(
    type="AWS::LakeFormation::PrincipalPermissions",
    properties={"Principal": {"DataLakePrincipalIdentifier": "job"}, "Resource": REJECTED, "Permissions": ["INSERT"]},
)


@pytest.fixture
def wire() -> Wire:
    grants = Grants(tables=lambda: TABLES)
    return Wire("lakeformation", LakeFormation(deployed=lambda: [OF_TEMPLATE], grants=grants))


def request(*permissions: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Principal": STEWARD, "Resource": resource or REJECTED, "Permissions": list(permissions)}


def held(wire: Wire, **asked: Any) -> list[tuple[str, list[str]]]:
    answer = wire.invoke("listPermissions", asked)["PrincipalResourcePermissions"]
    return [(entry["Principal"]["DataLakePrincipalIdentifier"], entry["Permissions"]) for entry in answer]


def test_a_grant_holds_until_it_is_revoked(wire: Wire) -> None:
    wire.invoke("grantPermissions", request("SELECT", "DESCRIBE"))
    wire.invoke("grantPermissions", request("INSERT"))
    both = held(wire, Principal=STEWARD, Resource=REJECTED)
    wire.invoke("revokePermissions", request("DESCRIBE", "INSERT"))
    one = held(wire, Resource=REJECTED)
    wire.invoke("revokePermissions", request("SELECT"))

    assert both == [(STEWARD["DataLakePrincipalIdentifier"], ["DESCRIBE", "INSERT", "SELECT"])]
    assert one == [("job", ["INSERT"]), (STEWARD["DataLakePrincipalIdentifier"], ["SELECT"])]
    assert held(wire) == [("job", ["INSERT"])]


def test_a_principal_with_grants_stays_known() -> None:
    grants = Grants(tables=lambda: TABLES)
    grants.grant(request("SELECT"))
    grants.revoke(request("SELECT"))

    [left] = grants.resources()
    assert (left.properties["Principal"], left.properties["Permissions"], left.by_client) == (STEWARD, [], True)


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Table": {"DatabaseName": "attic", "Name": "rejected"}}, "Database attic not found"),
        ({"Table": {"DatabaseName": "quarantine", "Name": "accepted"}}, "Table accepted not found"),
        (
            {"TableWithColumns": {"DatabaseName": "quarantine", "Name": "rejected", "ColumnNames": ["reason", "mood"]}},
            r"Columns not found: \['mood'\]",
        ),
    ],
)
def test_a_missing_resource_cannot_be_granted(wire: Wire, resource: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError, match=message) as refused:
        wire.invoke("grantPermissions", request("SELECT", resource=resource))

    assert refused.value.code == "EntityNotFoundException"


def test_a_resource_that_cannot_be_carried_over_is_refused_by_name(wire: Wire) -> None:
    with pytest.raises(ServiceError, match="not on DataLocation"):
        wire.invoke("grantPermissions", request("SELECT", resource={"DataLocation": {"ResourceArn": "arn:aws:s3:::b"}}))


def test_a_missing_grant_cannot_be_revoked(wire: Wire) -> None:
    wire.invoke("grantPermissions", request("SELECT"))

    with pytest.raises(ServiceError, match=r"does not have: \['INSERT'\]") as refused:
        wire.invoke("revokePermissions", request("SELECT", "INSERT"))

    assert refused.value.code == "InvalidInputException"
    assert held(wire, Principal=STEWARD, Resource=REJECTED) == [(STEWARD["DataLakePrincipalIdentifier"], ["SELECT"])]


def test_an_account_is_open_until_its_settings_are_deployed() -> None:
    deployed: list[LakeFormationResource] = []
    wire = Wire("lakeformation", LakeFormation(deployed=lambda: deployed, grants=Grants(tables=tuple)))
    before = wire.invoke("getDataLakeSettings", {})["DataLakeSettings"]
    admin = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/deployer"}
    properties = {"Admins": [admin], "CreateDatabaseDefaultPermissions": [], "MutationType": "REPLACE"}

    deployed.append(LakeFormationResource(type="AWS::LakeFormation::DataLakeSettings", properties=properties))

    everybody = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
    assert before["DataLakeAdmins"] == []
    assert [entry["Principal"] for entry in before["CreateTableDefaultPermissions"]] == [everybody]
    after = wire.invoke("getDataLakeSettings", {})["DataLakeSettings"]
    assert after == {"DataLakeAdmins": [admin], "CreateDatabaseDefaultPermissions": []}


def test_tags_are_those_of_the_template_on_the_resource_itself() -> None:
    def tagged(resource: dict[str, Any], value: str) -> LakeFormationResource:
        pairs = [{"TagKey": "pii", "TagValues": [value]}]
        return LakeFormationResource(
            type="AWS::LakeFormation::TagAssociation", properties={"Resource": resource, "LFTags": pairs}
        )

    column = {"DatabaseName": "quarantine", "Name": "rejected", "ColumnNames": ["reason"]}
    deployed = [tagged({"Database": {"Name": "quarantine"}}, "sensitive"), tagged({"TableWithColumns": column}, "none")]
    wire = Wire("lakeformation", LakeFormation(deployed=lambda: deployed, grants=Grants(tables=tuple)))

    def tags(resource: dict[str, Any]) -> Any:
        return wire.invoke("getResourceLFTags", {"Resource": resource, "ShowAssignedLFTags": True})

    assert tags({"Database": {"Name": "quarantine"}}) == {
        "LFTagOnDatabase": [{"TagKey": "pii", "TagValues": ["sensitive"]}]
    }
    assert tags(REJECTED) == {
        "LFTagsOnColumns": [{"Name": "reason", "LFTags": [{"TagKey": "pii", "TagValues": ["none"]}]}],
    }


@pytest.mark.parametrize(
    "asked",
    [{"Resource": REJECTED}, {"Resource": {"DataLocation": {"ResourceArn": "a"}}, "ShowAssignedLFTags": True}],
)
def test_other_tags_are_refused_by_name(wire: Wire, asked: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="the laptop twin"):
        wire.invoke("getResourceLFTags", asked)


EVERYBODY = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
DATABASE = {"Database": {"CatalogId": "123456789012", "Name": "quarantine"}}
ALL_TABLES = {"Table": {"DatabaseName": "quarantine", "TableWildcard": {}}}


@pytest.mark.parametrize("tables", [False, True])
def test_a_new_database_is_open_until_it_is_closed_by_name(tables: bool) -> None:  # a parameter
    grants = Grants(tables=lambda: TABLES)
    wire = Wire("lakeformation", LakeFormation(deployed=lambda: [], grants=grants))
    grants.open_database("quarantine", tables=tables)

    opened = [("IAM_ALLOWED_PRINCIPALS", ["ALL"])]
    assert held(wire, Principal=EVERYBODY, Resource=DATABASE) == opened
    assert held(wire, Resource=ALL_TABLES) == (opened if tables else [])

    wire.invoke("revokePermissions", {"Principal": EVERYBODY, "Resource": DATABASE, "Permissions": ["ALL"]})
    assert held(wire, Resource=DATABASE) == []
    assert held(wire, Resource=ALL_TABLES) == (opened if tables else [])


def test_what_was_held_on_a_dropped_database_is_forgotten() -> None:
    grants = Grants(tables=lambda: TABLES)
    wire = Wire("lakeformation", LakeFormation(deployed=lambda: [], grants=grants))
    for name in ("quarantine", "raw"):
        grants.open_database(name, tables=True)
    grants.forget_database("quarantine")
    assert held(wire, Resource=DATABASE) == held(wire, Resource=ALL_TABLES) == []
    assert len(held(wire)) == 2


def test_a_principal_is_asked_about_on_a_resource(wire: Wire) -> None:
    with pytest.raises(ServiceError, match="Resource is mandatory"):
        held(wire, Principal=STEWARD)


def database(**stated: Any) -> Resource:
    """Return a database as the template states it, deployed."""
    return Resource(
        type_name="AWS::Glue::Database",
        physical_id="raw",
        logical_id="Raw",
        stack="Foundation",
        properties={"CatalogId": "123456789012", "DatabaseInput": {"Name": "raw", **stated}},
        attributes={},
    )


def open_in(twin: Twin) -> list[dict[str, Any]]:
    """Return what everybody whom IAM allows holds."""
    wire = Wire("lakeformation", twin.provider(LakeFormationProvider).api()["lakeformation"])
    entries: list[dict[str, Any]] = wire.invoke("listPermissions", {})["PrincipalResourcePermissions"]
    return [entry["Resource"] for entry in entries]


def test_a_deployed_database_is_open_with_its_tables_unless_it_says_otherwise(tmp_path: Path) -> None:
    twin = Twin(TwinSettings(home=tmp_path / "a", port=1), [LakeFormationProvider])
    twin.provider(LakeFormationProvider).deployed(database(CreateTableDefaultPermissions=[]))
    assert open_in(twin) == [{"Database": {"Name": "raw"}}]

    other = Twin(TwinSettings(home=tmp_path / "b", port=1), [LakeFormationProvider])
    other.provider(LakeFormationProvider).deployed(database())
    assert open_in(other) == [{"Database": {"Name": "raw"}}, {"Table": {"DatabaseName": "raw", "TableWildcard": {}}}]


def test_a_database_that_is_changed_is_not_opened_again(tmp_path: Path) -> None:
    twin = Twin(TwinSettings(home=tmp_path, port=1), [LakeFormationProvider])
    lake_formation = twin.provider(LakeFormationProvider)
    lake_formation.deployed(database())
    Wire("lakeformation", lake_formation.api()["lakeformation"]).invoke(
        "revokePermissions",
        {"Principal": EVERYBODY, "Resource": {"Database": {"Name": "raw"}}, "Permissions": ["ALL"]},
    )
    lake_formation.deployed(database(Description="changed"))
    assert {"Database": {"Name": "raw"}} not in open_in(twin)

    lake_formation.removed(database())
    lake_formation.deployed(database())
    assert {"Database": {"Name": "raw"}} in open_in(twin)
