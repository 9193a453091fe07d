"""Lake Formation as its clients know it."""

from typing import Any

import pytest

from twin.emulator.wire import ServiceError, Wire
from twin.providers.lake_formation.rules import CatalogTable, LakeFormationResource
from twin.providers.lake_formation.service import Grants, LakeFormation

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
    both = held(wire, Principal=STEWARD)
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
    assert held(wire, Principal=STEWARD) == [(STEWARD["DataLakePrincipalIdentifier"], ["SELECT"])]


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
