"""What a persona reaches by its policies: its own workgroup, results and columns, by whatever way it tries."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from c360_core.names import PiiClass, Querier, Zone, database_name, results_prefix, workgroup_name
from c360_core.personas import PERSONAS
from config.settings import SettingsError, load
from tests.infrastructure.assembly import ROOT, Assembly, listed, placeholder_assets, synthesize
from tests.infrastructure.estate import ACCOUNT, Estate, arn
from tests.infrastructure.policies import Policies

SWITCHED = {
    Querier.DASHBOARDS: ("analytics", "DashboardsDataRole"),
    Querier.PREPARATION: ("analytics", "PreparationNightlyRunMachineRole"),
    # One for each model.
    Querier.FORESIGHT: ("analytics", "ForesightChurnForetellingRunMachineRole"),
}
ROLES = {Querier.MARKETING_ANALYST: ("governance", "MarketingAnalystRole"), Querier.MODELS: ("analytics", "ModelsRole")}
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-us-east-1"
RUN = ("athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution")
IN_A_WORKGROUP = (
    *RUN,
    "athena:BatchGetQueryExecution",
    "athena:GetNamedQuery",
    "athena:GetPreparedStatement",
    "athena:GetQueryResultsStream",
    "athena:GetQueryRuntimeStatistics",
    "athena:GetWorkGroup",
    "athena:ListNamedQueries",
    "athena:ListPreparedStatements",
    "athena:ListQueryExecutions",
    "athena:UpdateWorkGroup",
)
ON_OBJECTS = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject")
# Ways to data or to what describes it, beside queries. None is needed to ask in Athena.
NOBODYS = (
    "athena:CreateNamedQuery",
    "athena:CreatePreparedStatement",
    "athena:CreateWorkGroup",
    "athena:DeletePreparedStatement",
    "athena:UpdatePreparedStatement",
    "athena:UpdateWorkGroup",
    "glue:CreateDatabase",
    "glue:CreateTable",
    "glue:GetColumnStatisticsForTable",
    "glue:GetPartitions",
    "glue:GetTableVersions",
    "glue:GetUnfilteredTableMetadata",
    "glue:UpdateTable",
    "iam:PassRole",
    "lakeformation:GrantPermissions",
    "s3:GetObjectVersion",
    "s3:ListBucketVersions",
    "sts:AssumeRole",
)


@dataclass(frozen=True)
class Call:
    """A request as IAM sees it."""

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reach:
    """What a role may do in an environment.

    Attributes:
        role: its ARN.
    """

    assembly: Assembly
    role: str

    @cached_property
    def _policies(self) -> Policies:
        return Policies(Estate(self.assembly))

    def allows(self, call: Call) -> bool:
        context = {"aws:SecureTransport": "true", "aws:ResourceAccount": ACCOUNT, **call.context}
        return all(self._policies.deciding(self.role, call.action, call.resource, context))

    def allowed(self, calls: Iterable[Call]) -> list[Call]:
        return [call for call in calls if self.allows(call)]


def queriers(assembly: Assembly) -> list[Querier]:
    """Return who queries in an environment."""
    analytics = assembly.settings.analytics
    switched = {
        Querier.DASHBOARDS: analytics.dashboards.deployed,
        Querier.PREPARATION: analytics.databrew.deployed,
        Querier.FORESIGHT: analytics.models.deployed,
        Querier.AUDIENCES: bool(assembly.settings.activation.audiences),
    }
    return [querier for querier in Querier if switched.get(querier, True)]


def role_of(assembly: Assembly, querier: Querier) -> str:
    pillar, part = (ROLES | SWITCHED)[querier]
    return arn(assembly.one("AWS::IAM::Role", pillar, part))


def reach_of(assembly: Assembly, querier: Querier) -> Reach:
    return Reach(assembly, role_of(assembly, querier))


def notebook_roles(assembly: Assembly) -> list[str]:
    """Return the roles with which the notebooks of the marketing analyst run."""
    roles = assembly.resources("AWS::IAM::Role", "analytics")
    return [arn(role) for role in roles if re.match(r"(Emr)?Studio\w*MarketingAnalyst", role.logical_id)]


def bucket_of(assembly: Assembly, zone: Zone) -> str:
    return arn(assembly.one("AWS::S3::Bucket", "foundation", f"Lake{zone.title()}"))


def results_bucket(assembly: Assembly) -> str:
    return bucket_of(assembly, Zone.RESULTS)


def key(assembly: Assembly) -> str:
    return arn(assembly.one("AWS::KMS::Key", "foundation"))


def workgroup_arn(name: str) -> str:
    return f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup/{name}"


def decryption(assembly: Assembly, of: str) -> Call:
    """Return what S3 asks of KMS for whoever reads an object."""
    context = {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": of}
    return Call("kms:Decrypt", key(assembly), context)


def use_of(assembly: Assembly, querier: Querier) -> Iterator[Call]:
    """Yield what a querier needs of its workgroup and results."""
    bucket, prefix = results_bucket(assembly), results_prefix(querier)
    workgroup = workgroup_arn(workgroup_name(assembly.settings.environment, querier))
    yield from (Call(action, workgroup) for action in RUN)
    yield Call("s3:GetBucketLocation", bucket)
    yield Call("s3:ListBucket", bucket, {"s3:prefix": prefix})
    yield from (Call(action, f"{bucket}/{prefix}1.csv") for action in ("s3:GetObject", "s3:PutObject"))
    yield decryption(assembly, f"{bucket}/{prefix}1.csv")
    yield Call("glue:GetDatabase", f"arn:aws:glue:us-east-1:{ACCOUNT}:database/default")
    yield Call("lakeformation:GetDataAccess", "*")


def attack_on(assembly: Assembly, querier: Querier) -> Iterator[Call]:
    """Yield the ways to the results of a querier."""
    bucket, prefix = results_bucket(assembly), results_prefix(querier)
    workgroup = workgroup_arn(workgroup_name(assembly.settings.environment, querier))
    yield from (Call(action, workgroup) for action in IN_A_WORKGROUP)
    yield from (Call("s3:ListBucket", bucket, {"s3:prefix": asked}) for asked in (prefix, f"{prefix}1", "athena/"))
    yield from (Call(action, f"{bucket}/{prefix}1.csv") for action in ON_OBJECTS)


def the_others(querier: Querier) -> list[Querier]:
    return [other for other in Querier if other is not querier]


@pytest.mark.parametrize("querier", ROLES, ids=str)
def test_a_role_can_ask_in_its_own_workgroup(assembly, querier):
    needed = list(use_of(assembly, querier))
    assert reach_of(assembly, querier).allowed(needed) == needed


@pytest.mark.parametrize("querier", ROLES, ids=str)
def test_a_role_reaches_no_results_of_others(assembly, querier):
    reach = reach_of(assembly, querier)
    for other in the_others(querier):
        assert reach.allowed(attack_on(assembly, other)) == []
    for primary in IN_A_WORKGROUP:
        assert not reach.allows(Call(primary, workgroup_arn("primary")))
    assert not reach.allows(Call("s3:ListBucket", results_bucket(assembly)))


@pytest.mark.parametrize("querier", SWITCHED, ids=str)
def test_a_system_asks_in_its_own_workgroup_and_reaches_no_other_results(assemblies, querier):
    assembly = assemblies["everything"]
    needed = list(use_of(assembly, querier))
    reach = reach_of(assembly, querier)
    assert reach.allowed(needed) == needed
    for other in the_others(querier):
        assert reach.allowed(attack_on(assembly, other)) == []


def test_no_other_role_reaches_the_results_of_queries(assembly):
    """Neither jobs nor functions, nor the roles of registered locations; the ingestion lists what else is there."""
    own = {role_of(assembly, querier) for querier in (ROLES | SWITCHED) if querier in queriers(assembly)}
    # The notebooks of a persona are the persona's, and so are their results.
    own |= set(notebook_roles(assembly))
    # Every model has a machine of its own.
    machines = assembly.resources("AWS::IAM::Role", "analytics")
    own |= {arn(role) for role in machines if re.match(r"Foresight\w+ForetellingRunMachineRole", role.logical_id)}
    # The function tells platforms what the machine of an audience has asked.
    told = assembly.resources("AWS::IAM::Role", "activation")
    own |= {arn(role) for role in told if re.match(r"Audiences(Function|\w+Machine)Role", role.logical_id)}
    others = {arn(role) for role in assembly.resources("AWS::IAM::Role")} - own
    assert others
    for role in others:
        reach = Reach(assembly, role)
        for querier in Querier:
            found = reach.allowed(attack_on(assembly, querier))
            assert [call for call in found if call.action != "s3:ListBucket"] == [], role


def test_the_key_opens_nothing_for_the_persona_but_its_own_results(assembly):
    reach = reach_of(assembly, Querier.MARKETING_ANALYST)
    bucket, own = results_bucket(assembly), results_prefix(Querier.MARKETING_ANALYST)
    for other in the_others(Querier.MARKETING_ANALYST):
        assert not reach.allows(decryption(assembly, f"{bucket}/{results_prefix(other)}1.csv"))
    for elsewhere in (bucket, bucket_of(assembly, Zone.CURATED), f"{bucket_of(assembly, Zone.RAW)}/{own}1"):
        assert not reach.allows(decryption(assembly, elsewhere))
    own_object = decryption(assembly, f"{bucket}/{own}1.csv").context
    for service in ("secretsmanager", "dynamodb", "kinesis", "athena"):
        through = {**own_object, "kms:ViaService": f"{service}.us-east-1.amazonaws.com"}
        assert not reach.allows(Call("kms:Decrypt", key(assembly), through))
    assert not reach.allows(Call("kms:Decrypt", key(assembly)))
    for action in ("kms:Encrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:PutKeyPolicy"):
        assert not reach.allows(Call(action, key(assembly), own_object))


def test_the_persona_has_no_other_way_to_the_data(assembly):
    reach = reach_of(assembly, Querier.MARKETING_ANALYST)
    environment, bucket = assembly.settings.environment, results_bucket(assembly)
    databases = [database_name(environment, zone) for zone in Zone]
    places = [
        "*",
        bucket,
        workgroup_arn(workgroup_name(environment, Querier.MARKETING_ANALYST)),
        f"arn:aws:glue:us-east-1:{ACCOUNT}:catalog",
        *(f"arn:aws:glue:us-east-1:{ACCOUNT}:database/{database}" for database in databases),
        *(f"arn:aws:glue:us-east-1:{ACCOUNT}:table/{database}/profiles" for database in databases),
        f"{bucket}/{results_prefix(Querier.MARKETING_ANALYST)}1.csv",
    ]
    for place in places:
        assert [action for action in NOBODYS if reach.allows(Call(action, place))] == [], place
    for zone in Zone:
        if zone is not Zone.RESULTS:
            lake = bucket_of(assembly, zone)
            assert [action for action in ON_OBJECTS if reach.allows(Call(action, f"{lake}/profiles/1"))] == []


def test_the_persona_sees_the_catalog_of_two_zones(assembly):
    reach = reach_of(assembly, Querier.MARKETING_ANALYST)
    environment = assembly.settings.environment
    seen = {
        zone
        for zone in Zone
        for table in ("profiles", "interactions", "rejected")
        if reach.allows(
            Call("glue:GetTable", f"arn:aws:glue:us-east-1:{ACCOUNT}:table/{database_name(environment, zone)}/{table}")
        )
    }
    assert seen == {Zone.CURATED, Zone.PRODUCTS}


def test_results_of_one_workgroup_lie_under_its_prefix(assembly):
    workgroups = {w.properties["Name"]: w.properties for w in Estate(assembly).of_type("AWS::Athena::WorkGroup")}
    environment = assembly.settings.environment
    assert workgroups.keys() == {workgroup_name(environment, querier) for querier in queriers(assembly)}
    for querier in queriers(assembly):
        configuration = workgroups[workgroup_name(environment, querier)]["WorkGroupConfiguration"]
        location = configuration["ResultConfiguration"]["OutputLocation"]
        assert location.endswith(f"/{results_prefix(querier)}")


def test_engines_of_others_get_no_credentials_from_lake_formation(assembly):
    """By default an engine outside of AWS gets none, whatever the caller may select."""
    settings = assembly.one("AWS::LakeFormation::DataLakeSettings", "foundation").properties
    opening = ("AllowExternalDataFiltering", "AllowFullTableExternalDataAccess", "ExternalDataFilteringAllowList")
    assert [name for name in opening if settings.get(name)] == []


def test_no_view_lends_the_rights_of_its_author():
    """Athena's own views read with the rights of who asks; a view of the catalog says SECURITY DEFINER."""
    statements = [path.read_text(encoding="utf-8").upper() for path in (ROOT / "sql").rglob("*.sql")]
    assert statements
    assert not [text for text in statements if "SECURITY DEFINER" in text or "MULTI DIALECT" in text]


def test_saved_queries_are_there_for_the_analyst(assembly):
    own = workgroup_name(assembly.settings.environment, Querier.MARKETING_ANALYST)
    assert {query.properties["WorkGroup"] for query in assembly.resources("AWS::Athena::NamedQuery")} == {own}


def test_common_questions_are_prepared_where_each_persona_asks(assembly):
    prepared = defaultdict(set)
    for one in assembly.resources("AWS::Athena::PreparedStatement"):
        prepared[one.properties["WorkGroup"]].add(one.properties["StatementName"])
    files = {path.stem for path in (ROOT / "sql" / "prepared_statements").glob("*.sql")}
    own = [workgroup_name(assembly.settings.environment, persona.querier) for persona in PERSONAS]
    assert files
    assert prepared == dict.fromkeys(own, files)


def test_a_persona_executes_what_was_prepared(assembly):
    reach = reach_of(assembly, Querier.MARKETING_ANALYST)
    own = workgroup_arn(workgroup_name(assembly.settings.environment, Querier.MARKETING_ANALYST))
    assert reach.allows(Call("athena:GetPreparedStatement", own))
    assert reach.allows(Call("athena:ListPreparedStatements", own))


def trust(assembly: Assembly) -> list[dict[str, Any]]:
    role = Estate(assembly).one("AWS::IAM::Role", role_of(assembly, Querier.MARKETING_ANALYST))
    return role.properties["AssumeRolePolicyDocument"]["Statement"]


def test_only_who_may_deploy_may_become_the_persona(assembly):
    (statement,) = trust(assembly)
    assert statement["Principal"]["AWS"] == DEPLOYER
    assert "Condition" not in statement


@pytest.mark.usefixtures("_contracts")
def test_the_settings_name_who_else_may_become_the_persona(tmp_path):
    role = f"arn:aws:iam::{ACCOUNT}:role/data/Analysts"
    permission_set = (
        f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_MarketingAnalyst_*"
    )
    (tmp_path / "dev.yaml").write_text(
        f"governance: {{marketing_analyst_role_arns: ['{role}', '{permission_set}']}}", encoding="utf-8"
    )
    assets = placeholder_assets(tmp_path / "assets")
    found = trust(synthesize(load("dev", tmp_path), assets, tmp_path / "out"))
    trusted = {
        principal: statement.get("Condition")
        for statement in found
        for principal in listed(statement["Principal"]["AWS"])
    }
    assert trusted == {
        DEPLOYER: None,
        role: None,
        f"arn:aws:iam::{ACCOUNT}:root": {"ArnLike": {"aws:PrincipalArn": permission_set}},
    }


@pytest.mark.parametrize(
    "arn",
    [
        "*",
        ACCOUNT,
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:user/maria",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        f"arn:aws:iam::{ACCOUNT}:role/Analyst*",
        "arn:aws:iam::*:role/Analysts",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Analysts/maria",
        f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/*",
        f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_*",
    ],
)
def test_nothing_wider_than_a_role_can_be_trusted(tmp_path, arn):
    (tmp_path / "dev.yaml").write_text(f"governance: {{marketing_analyst_role_arns: ['{arn}']}}", encoding="utf-8")
    with pytest.raises(SettingsError) as failure:
        load("dev", tmp_path)
    assert "governance.marketing_analyst_role_arns.0: write the ARN of a role such as arn:aws:iam" in str(failure.value)


def test_the_classes_of_the_persona_are_the_masked_ones(assembly):
    grants = [
        g.properties["Resource"]["LFTagPolicy"]
        for g in assembly.resources("AWS::LakeFormation::PrincipalPermissions", "governance")
        if "LFTagPolicy" in g.properties["Resource"]
    ]
    assert len(grants) == 1 + len(notebook_roles(assembly))
    for grant in grants:
        (classes,) = [term["TagValues"] for term in grant["Expression"] if term["TagKey"].endswith("-pii")]
        assert not {PiiClass.DIRECT, PiiClass.SENSITIVE} & set(classes)


def test_notebooks_have_the_grants_of_their_persona_and_no_others(assemblies):
    estate = Estate(assemblies["everything"])
    granted: dict[str, list[Any]] = {}
    for grant in estate.of_type("AWS::LakeFormation::PrincipalPermissions"):
        stated = grant.properties
        what = [stated["Resource"], stated["Permissions"], stated["PermissionsWithGrantOption"]]
        granted.setdefault(stated["Principal"]["DataLakePrincipalIdentifier"], []).append(what)
    persona = role_of(assemblies["everything"], Querier.MARKETING_ANALYST)
    found = notebook_roles(assemblies["everything"])
    assert found
    for role in found:
        assert sorted(granted[role], key=str) == sorted(granted[persona], key=str)
