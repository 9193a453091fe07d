"""Lake Formation's permissions as access rules."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twin.engines.trino import SCRATCH_CATALOG
from twin.providers.lake_formation.rules import (
    EVERYBODY,
    CatalogTable,
    LakeFormationResource,
    LakeFormationRules,
    PermissionsError,
    Users,
    access_rules,
    filtered,
    user_name,
)

ANALYST = "arn:aws:iam::123456789012:role/Analyst"
PROFILES = CatalogTable(database="curated", name="profiles", columns=("person_id", "email", "spend"))
MARTS = CatalogTable(database="products", name="rfm", columns=("person_id", "cell"))
TABLES = (PROFILES, MARTS)


def grant(
    resource: dict[str, Any], *, principal: str = ANALYST, permissions: tuple[str, ...] = ("SELECT",)
) -> LakeFormationResource:
    properties = {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Permissions": list(permissions),
        "Resource": resource,
    }
    return LakeFormationResource(type="AWS::LakeFormation::PrincipalPermissions", properties=properties)


def tagged(resource: dict[str, Any], *values: str, key: str = "pii") -> LakeFormationResource:
    tags = [{"CatalogId": "1", "TagKey": key, "TagValues": list(values)}]
    properties = {"Resource": resource, "LFTags": tags}
    return LakeFormationResource(type="AWS::LakeFormation::TagAssociation", properties=properties)


def policy(**terms: list[str]) -> dict[str, Any]:
    expression = [{"TagKey": key, "TagValues": values} for key, values in terms.items()]
    return {"LFTagPolicy": {"CatalogId": "1", "ResourceType": "TABLE", "Expression": expression}}


def columns(*names: str) -> dict[str, Any]:
    return {"TableWithColumns": {"DatabaseName": "curated", "Name": "profiles", "ColumnNames": list(names)}}


def from_client(resource: LakeFormationResource) -> LakeFormationResource:
    return replace(resource, by_client=True)


def granted(*resources: LakeFormationResource) -> dict[str, set[str]]:
    """What the analyst may read, as the engine will see it."""
    rules = [rule for rule in access_rules(resources, TABLES)["tables"] if rule.get("user") == "Analyst"]
    known = {(table.database, table.name): table for table in TABLES}
    return {
        rule["table"]: set(known[rule["schema"], rule["table"]].columns) - {c["name"] for c in rule.get("columns", ())}
        for rule in rules
        if "table" in rule
    }


def test_tagged_columns_are_readable_and_the_others_refused() -> None:
    found = granted(
        tagged(columns("person_id", "spend"), "pseudonymous"),
        tagged(columns("email"), "direct"),
        grant(policy(pii=["none", "pseudonymous"])),
    )
    assert found == {"profiles": {"person_id", "spend"}}


def test_a_tag_on_a_database_holds_until_a_nearer_one_states_another_value() -> None:
    found = granted(
        tagged({"Database": {"Name": "curated"}}, "none"),
        tagged({"Database": {"Name": "products"}}, "direct"),
        tagged({"Table": {"DatabaseName": "products", "Name": "rfm"}}, "none"),
        tagged(columns("email"), "direct"),
        grant(policy(pii=["none"])),
    )
    assert found == {"profiles": {"person_id", "spend"}, "rfm": {"person_id", "cell"}}


def test_every_term_of_a_policy_must_hold() -> None:
    found = granted(
        tagged({"Database": {"Name": "curated"}}, "none"),
        tagged(columns("spend"), "finance", key="team"),
        grant(policy(pii=["none"], team=["finance"])),
    )
    assert found == {"profiles": {"spend"}}


def test_a_table_is_filtered_for_whoever_may_not_read_all_of_it() -> None:
    resources = [
        tagged(columns("person_id", "spend"), "none"),
        tagged(columns("email"), "direct"),
        tagged({"Database": {"Name": "products"}}, "none"),
        grant(policy(pii=["none"])),
    ]
    assert filtered("Analyst", resources, [PROFILES])
    assert filtered("Analyst", resources, [MARTS, PROFILES])
    assert not filtered("Analyst", resources, [MARTS])
    assert filtered("Stranger", resources, [MARTS])
    assert not filtered("root", resources, TABLES)


def test_named_resources_are_carried_too() -> None:
    wildcard = {"DatabaseName": "curated", "Name": "profiles", "ColumnWildcard": {"ExcludedColumnNames": ["email"]}}
    assert granted(grant({"TableWithColumns": wildcard})) == {"profiles": {"person_id", "spend"}}
    every = {"Table": {"DatabaseName": "products", "TableWildcard": {}}}
    assert granted(grant(every)) == {"rfm": {"person_id", "cell"}}


def test_without_a_tag_nothing_is_readable() -> None:
    assert granted(grant(policy(pii=["none"]))) == {}


def test_describe_alone_reads_nothing() -> None:
    assert granted(grant({"Table": {"DatabaseName": "products", "Name": "rfm"}}, permissions=("DESCRIBE",))) == {}


def test_a_role_with_write_or_admin_rights_is_no_persona() -> None:
    settings = LakeFormationResource(
        type="AWS::LakeFormation::DataLakeSettings",
        properties={"Admins": [{"DataLakePrincipalIdentifier": "arn:aws:iam::1:role/Steward"}]},
    )
    found = Users.of(
        [
            settings,
            grant(policy(pii=["none"])),
            grant(policy(pii=["none"]), principal="arn:aws:iam::1:role/Steward"),
            grant({"Database": {"Name": "raw"}}, principal="arn:aws:iam::1:role/Job", permissions=("SELECT", "INSERT")),
        ]
    )
    assert list(found.personas) == ["Analyst"]
    assert found.trusted == {"Steward", "Job", "administrator", "root", "twin"}


def test_grants_of_a_client_are_added_and_leave_a_pipeline_unchanged() -> None:
    job = "arn:aws:iam::1:role/Job"
    whole = {"Table": {"DatabaseName": "curated", "Name": "profiles"}}
    given = [
        grant(policy(pii=["none"])),
        tagged(columns("spend"), "none"),
        grant({"Database": {"Name": "raw"}}, principal=job, permissions=("SELECT", "INSERT")),
    ]

    added = [from_client(grant(whole)), from_client(grant(whole, principal=job))]

    assert granted(*given) == {"profiles": {"spend"}}
    assert granted(*given, *added) == {"profiles": {"person_id", "email", "spend"}}
    assert list(Users.of([*given, *added]).personas) == ["Analyst"]


def test_a_persona_changes_the_table_that_a_client_let_it_change_and_no_other() -> None:
    whole = {"Table": {"DatabaseName": "curated", "Name": "profiles"}}
    rules = access_rules(
        [from_client(grant(whole, permissions=("SELECT", "DESCRIBE", "INSERT", "DELETE", "ALTER")))], TABLES
    )

    [rule] = [rule for rule in rules["tables"] if rule.get("user") == "Analyst" and "table" in rule]
    assert (rule["schema"], rule["table"]) == ("curated", "profiles")
    assert rule["privileges"] == ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP"]
    assert next(rule["allow"] for rule in rules["catalogs"] if rule.get("user") == "Analyst") == "all"


def test_a_principal_without_grants_reads_nothing() -> None:
    whole = {"Table": {"DatabaseName": "curated", "Name": "profiles"}}

    assert privileges("Analyst", PROFILES, from_client(grant(whole, permissions=()))) == []
    assert granted(from_client(grant(whole, permissions=()))) == {}


def privileges(user: str, table: CatalogTable, *resources: LakeFormationResource) -> list[str]:
    """What a user may do with a table: Trino takes the first rule that fits."""
    place = {"catalog": "lake", "schema": table.database, "table": table.name, "user": user}
    for rule in access_rules(resources, TABLES)["tables"]:
        named = {name: rule[name] for name in ("user", "schema", "table") if name in rule}
        fits = all(re.fullmatch(pattern, place[name]) for name, pattern in named.items())
        if fits and rule.get("catalog") != SCRATCH_CATALOG:
            return list(rule["privileges"])
    raise AssertionError("no rule fits")


def test_pipelines_and_root_have_full_access_and_who_has_no_grants_none() -> None:
    job = grant({"Database": {"Name": "raw"}}, principal="arn:aws:iam::1:role/Job", permissions=("CREATE_TABLE",))
    for user in ("Job", "administrator", "root", "twin"):
        assert "OWNERSHIP" in privileges(user, PROFILES, job), user
    for user in ("Stranger", "Job2", "IAM_ALLOWED_PRINCIPALS"):
        assert privileges(user, PROFILES, job) == [], user


def test_without_any_grant_everyone_but_root_is_refused() -> None:
    assert privileges("Analyst", PROFILES) == []
    assert "SELECT" in privileges("root", PROFILES)
    catalogs = access_rules([], TABLES)["catalogs"]
    assert [rule["allow"] for rule in catalogs if "user" not in rule and rule["catalog"] != SCRATCH_CATALOG] == [
        "read-only"
    ]


def test_a_table_that_is_left_to_iam_is_open_to_everyone_whatever_its_tags_say() -> None:
    tags = [tagged({"Database": {"Name": "curated"}}, "sensitive"), grant(policy(pii=["none"]))]
    on_tables = {"Table": {"DatabaseName": "curated", "TableWildcard": {}}}
    opened = from_client(grant(on_tables, principal=EVERYBODY, permissions=("ALL",)))
    for user in ("Analyst", "Stranger"):
        assert privileges(user, PROFILES, *tags) == []
        assert "SELECT" in privileges(user, PROFILES, *tags, opened)
        assert privileges(user, MARTS, *tags, opened) == []


def test_what_everybody_holds_on_a_database_opens_none_of_its_tables() -> None:
    on_database = from_client(grant({"Database": {"Name": "curated"}}, principal=EVERYBODY, permissions=("ALL",)))
    assert privileges("Analyst", PROFILES, on_database) == []


def test_what_everybody_held_opens_nothing_any_more() -> None:
    on_tables = {"Table": {"DatabaseName": "curated", "TableWildcard": {}}}
    revoked = from_client(grant(on_tables, principal=EVERYBODY, permissions=()))
    assert privileges("Analyst", PROFILES, revoked) == []


def test_row_filters_are_refused_and_not_ignored() -> None:
    row_filter = {"DataCellsFilter": {"DatabaseName": "curated", "TableName": "profiles", "Name": "west"}}
    with pytest.raises(PermissionsError, match="DataCellsFilter"):
        access_rules([grant(row_filter)], TABLES)


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("arn:aws:sts::123456789012:assumed-role/Analyst/maria", "Analyst"),
        ("arn:aws:iam::123456789012:role/service/Analyst", "Analyst"),
        ("arn:aws:iam::123456789012:user/maria", "maria"),
        ("arn:aws:iam::123456789012:root", "root"),
    ],
)
def test_principals_are_known_by_role_or_user(principal: str, expected: str) -> None:
    assert user_name(principal) == expected


class Glue:
    """A catalog with a table of Iceberg and a view."""

    def get_paginator(self, operation: str) -> Any:
        tables = [
            {
                "Name": "profiles",
                "Parameters": {"table_type": "ICEBERG"},
                "StorageDescriptor": {"Columns": [{"Name": "person_id"}, {"Name": "Email"}]},
            },
            {"Name": "stg_persons", "StorageDescriptor": {"Columns": [{"Name": "person_id"}]}},
        ]
        answers = {"get_databases": {"DatabaseList": [{"Name": "curated"}]}, "get_tables": {"TableList": tables}}
        return type("Pages", (), {"paginate": lambda *_, **__: [answers[operation]]})()


def test_an_engine_that_reads_for_somebody_learns_what_they_may_read(tmp_path: Path) -> None:
    """The order of a table's columns stays, and whoever holds nothing reads nothing."""
    held = [grant(columns("email", "person_id")), grant(columns("person_id"), principal=f"{ANALYST}2")]
    rules = LakeFormationRules(resources=lambda: held, glue=Glue(), rules_path=tmp_path / "rules.json")
    assert rules.readable_by("Analyst") == [replace(PROFILES, columns=("person_id", "email"), iceberg=True)]
    assert [table.columns for table in rules.readable_by("Analyst2")] == [("person_id",)]
    assert rules.readable_by("Nobody") == []
    assert [(table.name, table.iceberg) for table in rules.readable_by("root")] == [
        ("profiles", True),
        ("stg_persons", False),
    ]
