"""The clean room: who asks, what may be asked, and that the rules are ones which AWS and the laptop take."""

import json
import re

import pytest
import sqlglot
import yaml

from c360_core.identity.workflow import MATCH_RULES
from c360_core.names import TableName
from config.settings import SettingsError, load
from stacks.activation.clean_room.rules import QUESTIONS, SHARED
from tests.infrastructure.assembly import ROOT, resolve
from twin.emulator.stand_ins import ResourceRegistry, StandInTypes
from twin.providers.clean_rooms.provider import CleanRoomsProvider
from twin.providers.clean_rooms.queries import plan
from twin.providers.clean_rooms.rules import Custom, kind_of, read_rule
from twin.providers.clean_rooms.sql import QueryRefusedError, SharedTable, literal
from twin.settings import PARTNER_ACCOUNT

ROOM = "AWS::CleanRooms::"
PARTNER = PARTNER_ACCOUNT
US = "123456789012"
AUDIENCE = frozenset({"email_sha256", "campaign", "variant", "seen_on"})
ORDER = (
    "Collaboration",
    "Membership",
    "AnalysisTemplate",
    "ConfiguredTable",
    "ConfiguredTableAssociation",
    "PrivacyBudgetTemplate",
)
TEXTS = {"campaign": "spring", "currency": "USD"}


def kinds(assembly):
    return {one.document["Type"] for one in assembly.resources() if one.document["Type"].startswith(ROOM)}


def configured(assembly):
    """Return the configured tables by the names that queries use."""
    tables = {one.logical_id: one.properties for one in assembly.resources(f"{ROOM}ConfiguredTable")}
    return {
        one.properties["Name"]: tables[one.properties["ConfiguredTableIdentifier"]["Fn::GetAtt"][0]]
        for one in assembly.resources(f"{ROOM}ConfiguredTableAssociation")
    }


def shared_tables(assembly):
    """Return what is deployed as the laptop reads it."""
    found = {}
    for name, stated in configured(assembly).items():
        [rule] = json.loads(json.dumps(stated["AnalysisRules"]))
        for custom in rule["Policy"]["V1"].values():
            if "AllowedAnalyses" in custom:
                custom["AllowedAnalyses"] = [resolve(one) for one in custom["AllowedAnalyses"]]
        columns = frozenset(stated["AllowedColumns"])
        made = read_rule(name, rule["Type"], rule["Policy"], columns)
        found[name] = SharedTable(name=name, owner=US, rule=made, columns=columns, source=f'"lake"."p"."{name}"')
    return found


def theirs(rule):
    return SharedTable(name="audience", owner=PARTNER, rule=rule, columns=AUDIENCE, source='"lake"."t"."audience"')


def test_without_a_partner_nothing_is_left(customary):
    assert kinds(customary) == set()
    named = {table for table in TableName if table.startswith("shared_")}
    found = [str(one) for one in customary.resources() if any(name in json.dumps(one.document) for name in named)]
    assert found == []
    variables = customary.one("AWS::CodeBuild::Project", "analytics").properties["Environment"]["EnvironmentVariables"]
    assert {"Name": "C360_CLEAN_ROOM", "Type": "PLAINTEXT", "Value": "false"} in [
        {"Type": "PLAINTEXT", **one} for one in variables
    ]


def test_only_the_partner_asks_and_receives_and_pays(everything):
    room = everything.one(f"{ROOM}Collaboration", "activation").properties
    assert room["CreatorMemberAbilities"] == []
    [member] = room["Members"]
    assert member["AccountId"] == PARTNER
    assert set(member["MemberAbilities"]) == {"CAN_QUERY", "CAN_RECEIVE_RESULTS"}
    assert member["PaymentConfiguration"] == {"QueryCompute": {"IsResponsible": True}}
    for association in everything.resources(f"{ROOM}ConfiguredTableAssociation"):
        [rule] = association.properties["ConfiguredTableAssociationAnalysisRules"]
        [policy] = rule["Policy"]["V1"].values()
        assert policy == {"AllowedResultReceivers": [PARTNER]}, association


def test_every_query_is_logged(everything):
    for kind in ("Collaboration", "Membership"):
        assert everything.one(f"{ROOM}{kind}", "activation").properties["QueryLogStatus"] == "ENABLED"


def test_each_table_has_the_rule_that_it_is_described_with(everything):
    found = shared_tables(everything)
    assert {name: kind_of(one.rule) for name, one in found.items()} == {one.name: one.kind for one in SHARED}
    assert {one.kind for one in SHARED} == {"AGGREGATION", "LIST", "CUSTOM"}
    assert all("is_shared" not in one.columns for one in found.values())


def test_who_is_whose_customer_is_never_in_an_answer(everything):
    """The hash is joined and counted by, and no rule shows it."""
    for name, stated in configured(everything).items():
        [rule] = stated["AnalysisRules"]
        [policy] = rule["Policy"]["V1"].values()
        shown = policy.get("DimensionColumns", []) + policy.get("ListColumns", [])
        assert "email_sha256" not in shown, name
    assert {one.rule.person for one in shared_tables(everything).values() if isinstance(one.rule, Custom)} == {
        "email_sha256"
    }


def test_groups_are_as_large_as_the_settings_say(everything):
    [rule] = configured(everything)["customers"]["AnalysisRules"]
    least = rule["Policy"]["V1"]["Aggregation"]["OutputConstraints"]
    wanted = everything.settings.activation.clean_room.minimum_people
    assert least == [{"ColumnName": "email_sha256", "Minimum": wanted, "Type": "COUNT_DISTINCT"}]


def test_what_answers_without_noise_may_be_asked_so_often(everything):
    budgets = [one.properties for one in everything.resources(f"{ROOM}PrivacyBudgetTemplate")]
    limited = {
        resolve(one["Parameters"]["ResourceArn"]).partition(".")[0]: one["Parameters"]["BudgetParameters"]
        for one in budgets
        if one["PrivacyBudgetType"] == "ACCESS_BUDGET"
    }
    names = {
        one.logical_id: one.properties["Name"]
        for one in everything.resources(f"{ROOM}ConfiguredTableAssociation")
        if one.logical_id in limited
    }
    assert set(names.values()) == {one.name for one in SHARED if one.is_exact}
    queries = everything.settings.activation.clean_room.monthly_queries
    assert all(
        one == [{"Type": "CALENDAR_MONTH", "Budget": queries, "AutoRefresh": "ENABLED"}] for one in limited.values()
    )
    [private] = [one for one in budgets if one["PrivacyBudgetType"] == "DIFFERENTIAL_PRIVACY"]
    assert private["Parameters"] == {"Epsilon": 3, "UsersNoisePerQuery": 10}


def test_each_shared_table_is_read_with_a_role_of_its_own(everything):
    associations = {
        one.properties["Name"]: resolve(one.properties["RoleArn"])
        for one in everything.resources(f"{ROOM}ConfiguredTableAssociation")
    }
    assert associations["customers"] == associations["people"]
    assert len(set(associations.values())) == len({one.table for one in SHARED})


def test_the_templates_are_the_files_and_their_placeholders_the_parameters(everything):
    templates = {one.properties["Name"]: one.properties for one in everything.resources(f"{ROOM}AnalysisTemplate")}
    files = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "sql" / "clean_room").glob("*.sql")}
    assert {name: one["Source"]["Text"] for name, one in templates.items()} == files
    for name, stated in templates.items():
        placeholders = set(re.findall(r":(\w+)", files[name]))
        assert {one["Name"] for one in stated.get("AnalysisParameters", ())} == placeholders


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_template_runs_under_the_rules_that_are_deployed(everything, question):
    found = shared_tables(everything)
    arns = {one.properties["Name"]: f"{one.logical_id}.Arn" for one in everything.resources(f"{ROOM}AnalysisTemplate")}
    audience = theirs(Custom(analyses=frozenset(arns.values()), providers=frozenset(), person=None))
    values = {name: literal(name, "VARCHAR", TEXTS[name]) for name in question.parameters}
    made = plan(
        question.text,
        tables={**found, "audience": audience},
        runner=PARTNER,
        template=arns[question.name],
        author=US,
        parameters=values,
    )
    assert made.measures is not None
    assert any(made.measures)
    with pytest.raises(QueryRefusedError, match="does not allow the analysis template"):
        plan(question.text, tables={**found, "audience": audience}, runner=PARTNER, template="other", author=US,
             parameters=values)  # fmt: skip


def test_ids_are_mapped_only_where_the_partner_has_a_namespace(everything):
    kinds_ = {one.document["Type"] for one in everything.resources()}
    assert not {kind for kind in kinds_ if "IdNamespace" in kind or "IdMapping" in kind}
    assert "shared_identities" not in json.dumps(everything.templates)


def test_our_namespace_has_the_rules_of_identity_resolution(mapped):
    namespace = mapped.one("AWS::EntityResolution::IdNamespace", "activation").properties
    assert namespace["Type"] == "TARGET"
    [properties] = namespace["IdMappingWorkflowProperties"]
    rules = properties["RuleBasedProperties"]
    assert [(one["RuleName"], tuple(one["MatchingKeys"])) for one in rules["Rules"]] == [
        (rule.name, rule.match_keys) for rule in MATCH_RULES
    ]
    assert rules["RuleDefinitionTypes"] == ["TARGET"], "the partner's namespace cannot loosen them"
    workflow = mapped.one("AWS::EntityResolution::IdMappingWorkflow", "activation").properties
    sources = {one["Type"]: resolve(one["InputSourceARN"]) for one in workflow["InputSourceConfig"]}
    assert sources["SOURCE"] == mapped.settings.activation.clean_room.partner_id_namespace
    assert sources["TARGET"].endswith(".IdNamespaceArn")


def test_entity_resolution_sees_hashes_alone(mapped, agreed):
    fields = mapped.one("AWS::EntityResolution::SchemaMapping", "activation").properties["MappedInputFields"]
    assert {one["FieldName"] for one in fields if not one.get("Hashed")} == {"customer_id"}
    [contract] = agreed.matching_tables()
    [table] = [
        one.properties["TableInput"]
        for one in mapped.resources("AWS::Glue::Table", "analytics")
        if one.properties.get("TableInput", {}).get("Name") == contract.name
    ]
    columns = [one["Name"] for one in table["StorageDescriptor"]["Columns"]]
    assert [*columns, table["PartitionKeys"][0]["Name"]] == [field.name for field in contract.fields]
    assert {one["FieldName"] for one in fields} == set(columns)


def test_the_hashes_are_closed_to_the_personas(mapped, agreed):
    [contract] = agreed.matching_tables()
    tagged = {
        tuple(place["ColumnNames"]): association.properties["LFTags"][0]["TagValues"]
        for association in mapped.resources("AWS::LakeFormation::TagAssociation")
        if (place := association.properties["Resource"].get("TableWithColumns")) and place["Name"] == contract.name
    }
    assert tagged == {(field.name,): [str(field.classification)] for field in contract.fields}
    assert {str(field.classification) for field in contract.fields} == {"direct", "none"}


def test_an_id_of_ours_joins_and_is_in_no_answer(mapped):
    associated = mapped.one(f"{ROOM}IdNamespaceAssociation", "activation").properties
    assert associated["IdMappingConfig"] == {"AllowUseAsDimensionColumn": False}
    for name in ("customers", "segments"):
        [rule] = configured(mapped)[name]["AnalysisRules"]
        [policy] = rule["Policy"]["V1"].values()
        assert policy["JoinColumns"] == ["email_sha256", "customer_id"]
        assert "customer_id" not in policy.get("DimensionColumns", []) + policy.get("ListColumns", [])


def test_dbt_builds_the_columns_of_the_contracts(agreed):
    """The tables are the template's; a build that finds other columns fails."""
    described = yaml.safe_load((ROOT / "sql" / "models" / "shared" / "shared.yml").read_text(encoding="utf-8"))
    types = {"string": "varchar", "date": "date", "boolean": "boolean", "integer": "bigint"}
    wanted = {
        table.name: [
            (field.name, types.get(field.logical_type, f"decimal({field.precision},{field.scale})"), field.description)
            for field in table.fields
        ]
        for table in (*agreed.shared_tables(), *agreed.audience_tables(), *agreed.matching_tables())
    }
    found = {
        model["name"]: [(one["name"], one["data_type"], one["description"]) for one in model["columns"]]
        for model in described["models"]
    }
    assert found == wanted


def test_whoever_withdrew_is_deleted_in_the_statement_that_adds_others():
    project = yaml.safe_load((ROOT / "sql" / "dbt_project.yml").read_text(encoding="utf-8"))
    shared = project["models"]["customer_360"]["shared"]
    assert (shared["+delete_condition"], shared["+insert_condition"]) == ("not src.is_shared", "src.is_shared")
    assert shared["+full_refresh"] is False
    for path in (ROOT / "sql" / "models" / "shared").glob("*.sql"):
        if path.stem == "shared_identities":
            continue  # a build replaces its partition
        assert "gone_rows(" in path.read_text(encoding="utf-8"), path.name


def test_the_laptop_and_aws_read_the_templates_alike():
    """Spark's date arithmetic becomes Trino's."""
    [lift] = [one for one in QUESTIONS if one.name == "campaign_lift"]
    told = sqlglot.transpile(lift.text, read="spark", write="trino")[0]
    assert "DATE_ADD('DAY', 30," in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "partner_account: '210987654321', "
            "partner_id_namespace: 'arn:aws:entityresolution:us-east-1:999999999999:idnamespace/people'",
            "partner_id_namespace .* is not in partner_account",
        ),
        (
            "partner_id_namespace: 'arn:aws:entityresolution:us-east-1:999999999999:idnamespace/people'",
            "is not in partner_account",
        ),
        ("partner_account: '12345'", "partner_account: .*pattern"),
        ("partner_account: 123456789012", "partner_account: .*string"),
        ("minimum_people: 1", "minimum_people: .*greater than or equal to 2"),
        ("epsilon: 21", "epsilon: .*less than or equal to 20"),
        ("noise_people: 5", "noise_people: .*greater than or equal to 10"),
        ("monthly_queries: 0", "monthly_queries: .*greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, said):
    (tmp_path / "dev.yaml").write_text(f"activation: {{clean_room: {{{text}}}}}", encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load("dev", tmp_path)


def test_the_laptop_takes_what_is_deployed(estates, tmp_path):
    """Every resource, with references resolved in the order of the template, is one that AWS's schema accepts."""
    resources = [
        one
        for one in estates["everything"].assembly.resources(pillar="activation")
        if one.document["Type"].startswith(ROOM)
    ]
    arns = {kind.name: kind.arn for kind in CleanRoomsProvider.types if kind.arn}
    types = StandInTypes(
        {}, registry=ResourceRegistry(path=tmp_path / "r.json"), account=US, region="us-east-1", arns=arns
    )
    made = {}

    def plain(value):
        match value:
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return made[name][attribute] if name in made else f"arn:aws:iam::{US}:role/{name}"
            case {"Fn::Join": [str(delimiter), parts]}:
                return delimiter.join(plain(part) for part in parts)
            case {"Ref": str(name)}:
                return {"AWS::AccountId": US, "AWS::Region": "us-east-1", "AWS::Partition": "aws"}[name]
            case dict():
                return {key: plain(one) for key, one in value.items()}
            case list():
                return [plain(one) for one in value]
            case _:
                return value

    for one in sorted(resources, key=lambda resource: ORDER.index(resource.document["Type"].removeprefix(ROOM))):
        handlers = types[one.document["Type"]]
        made[one.logical_id] = handlers["create"](one.logical_id, plain(one.properties), "stack")[1]
    assert len(made) == len(resources)
