"""Every integration has the permissions that AWS documents for it: see `needs.py` and `integrations.py`."""

import json
from copy import deepcopy

import pytest

from c360_core.names import TableName, Zone, database_name
from tests.infrastructure import needs
from tests.infrastructure.assembly import CDKS_OWN, Assembly, resolve
from tests.infrastructure.estate import ACCOUNT, REGION, Estate, arn
from tests.infrastructure.integrations import INTEGRATIONS, Call, allowing, calls, lacking, unclaimed, uses
from tests.infrastructure.policies import NotUnderstoodError, Policies, holds, statement
from tools.environments import locks

CATALOG = f"arn:aws:glue:{REGION}:{ACCOUNT}"


def missing(estate: Estate) -> list[str]:
    """Return what no policy of an environment grants, though AWS documents it as needed."""
    policies = Policies(estate)
    return [
        f"{use}: {call.party} may not {action} on {call.resource}; see {call.need.page}"
        for use, call in calls(estate)
        for action in lacking(policies, call)
    ]


def test_every_use_of_an_integration_has_what_aws_documents(estate):
    assert missing(estate) == []


def test_every_use_of_an_integration_has_a_row(estate):
    """A new system comes in with its needs: add them to `needs.py`, and its kind of use to `integrations.py`."""
    assert unclaimed(estate) == []


def test_no_row_is_for_an_integration_that_is_gone(estates, estate_on_msk, estate_mapped):
    used = {use.kind for estate in (*estates.values(), estate_on_msk, estate_mapped) for use in uses(estate)}
    assert INTEGRATIONS.keys() - used == set()


def test_ids_are_mapped_with_what_aws_documents(estate_mapped):
    assert missing(estate_mapped) == []
    assert unclaimed(estate_mapped) == []


def test_services_are_let_in_only_where_an_integration_needs_it(estate):
    """A resource's own policy is how a service without a role gets in."""
    policies = Policies(estate)
    needed = {
        one.place
        for _, call in calls(estate)
        for action in call.need.actions
        for group in allowing(policies, call, action)
        for one in group
    }
    let_in = {
        one.place
        for statements in policies.of_resources.values()
        for one in statements
        if one.effect == "Allow" and any(principal.endswith(".amazonaws.com") for principal in one.principals)
    }
    assert {place for place in let_in - needed if CDKS_OWN not in place} == set()


# ---- what the table alone does not say


def test_files_are_batched_in_their_own_folder(estate):
    (role,) = (role for role in roles(estate) if "FileIngestionBatches" in role)
    statements = Policies(estate).of_roles[role]
    put = [resource for one in statements if "s3:PutObject" in one.actions for resource in one.resources]
    assert [resource.partition("/")[2] for resource in put] == ["ingestion/*"]


def roles(estate):
    """Yield the ARNs of all roles."""
    return (arn(role) for role in estate.of_type("AWS::IAM::Role"))


def unify(estate):
    """Return the ARN of the role of the application `unify`."""
    (application,) = (
        one for one in estate.of_type("AWS::KinesisAnalyticsV2::Application") if one.pillar == "unification"
    )
    return application.properties["ServiceExecutionRole"]


def test_unify_may_read_the_past_from_the_lake_and_change_nothing_of_it(estate):
    role, policies = unify(estate), Policies(estate)
    past = {Zone.RAW: TableName.INTERACTIONS, Zone.CURATED: TableName.LATEST_IDENTITY_CHANGES}
    buckets = {zone: bucket_of(estate, zone) for zone in past}
    for zone, table in past.items():
        database = database_name(estate.assembly.settings.environment, zone)
        above = (f"{CATALOG}:catalog", f"{CATALOG}:database/{database}")
        wanted = [(needs.FLINK_FINDS_DATABASE, one) for one in above]
        wanted += [(needs.FLINK_READS_TABLE, one) for one in (*above, f"{CATALOG}:table/{database}/{table}")]
        for need, resource in wanted:
            call = Call(party=role, need=need, resource=resource)
            assert lacking(policies, call) == [], f"{resource}: {call.need.page}"
        place = f"{buckets[zone]}/{table}/data/part-0"
        call = Call(party=role, need=needs.FLINK_READS_OBJECTS, resource=place)
        assert lacking(policies, call) == [], f"{table}: {call.need.page}"
        for action in ("s3:PutObject", "s3:DeleteObject"):
            assert policies.deciding(role, action, place, {}) == [[]], f"unify may change what {table} says of the past"


def bucket_of(estate, zone):
    """Return the ARN of a zone's bucket."""
    (bucket,) = (one for one in estate.of_type("AWS::S3::Bucket") if f"Lake{zone.title()}" in one.logical_id)
    return arn(bucket)


def test_unify_has_grants_in_the_lake_for_what_it_reads_there(estate):
    found = {}
    for grant in estate.of_type("AWS::LakeFormation::PrincipalPermissions"):
        table = grant.properties["Resource"].get("Table")
        if table is not None and grant.properties["Principal"]["DataLakePrincipalIdentifier"] == unify(estate):
            found.setdefault(table["DatabaseName"], set()).update(grant.properties["Permissions"])
    environment = estate.assembly.settings.environment
    assert found[database_name(environment, Zone.RAW)] == {"SELECT", "DESCRIBE"}
    assert "SELECT" in found[database_name(environment, Zone.CURATED)]


def test_the_input_of_the_matcher_is_granted_before_the_workflow_is_made(assembly):
    """Lake Formation governs the curated zone: without a grant on it, the service cannot even describe the table."""
    workflow = assembly.one("AWS::EntityResolution::MatchingWorkflow", "unification")
    role = resolve(workflow.properties["RoleArn"])
    grants = {
        grant.logical_id: grant
        for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions", "unification")
        if resolve(grant.properties["Principal"]["DataLakePrincipalIdentifier"]) == role
    }
    assert set(grants) <= set(workflow.document["DependsOn"])
    on = {next(iter(grant.properties["Resource"])): grant.properties for grant in grants.values()}
    assert set(on) == {"Database", "Table"}
    assert on["Database"]["Permissions"] == ["DESCRIBE"]
    assert on["Table"]["Permissions"] == ["SELECT", "DESCRIBE"]
    assert on["Table"]["Resource"]["Table"]["Name"] == TableName.ER_INPUT


def test_codebuild_gets_the_python_that_the_requirements_were_tried_with(assembly):
    project = assembly.one("AWS::CodeBuild::Project", "analytics").properties
    buildspec = json.loads(resolve(project["Source"]["BuildSpec"]))
    assert buildspec["phases"]["install"]["runtime-versions"] == {"python": locks.CODEBUILD.python}
    assert (project["Environment"]["Type"], locks.CODEBUILD.platform) == ("ARM_CONTAINER", "aarch64-unknown-linux-gnu")


# ---- the table sees what is missing


def changed(assembly, change):
    """Return an environment whose templates were changed."""
    templates = deepcopy(dict(assembly.templates))
    change(templates)
    return Estate(
        Assembly(
            settings=assembly.settings,
            folder=assembly.folder,
            templates=templates,
            report=assembly.report,
            messages=assembly.messages,
            costs=assembly.costs,
        )
    )


def statements_of(templates, pillar, part):
    """Yield the statements of the policies of a pillar whose logical id has this part."""
    for logical_id, resource in templates[pillar]["Resources"].items():
        if resource["Type"] == "AWS::IAM::Policy" and part in logical_id:
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def test_an_action_that_is_missing_is_named_with_its_page(prod):
    def forget(templates):
        for one in statements_of(templates, "unification", "ProfileWriter"):
            if "kinesis:DescribeStream" in one["Action"]:
                one["Action"].remove("kinesis:DescribeStream")

    (said,) = missing(changed(prod, forget))
    assert "source kinesis in unification/ProfileWriter" in said
    assert "may not kinesis:DescribeStream on arn:aws:kinesis" in said
    assert said.endswith(needs.LAMBDA_READS_KINESIS.page)


def test_a_key_that_a_role_may_use_through_another_service_alone_is_missing(prod):
    """`kms:ViaService` names the services through which a role uses the key."""

    def narrow(templates):
        for one in statements_of(templates, "collection", "FileIngestionBatches"):
            if "kms:Decrypt" in one["Action"]:
                one["Condition"] = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}

    said = missing(changed(prod, narrow))
    assert any("right sqs:ReceiveMessage" in one and "may not kms:Decrypt" in one for one in said)
    assert not any("right s3:PutObject" in one for one in said)


def test_a_condition_that_eventbridge_does_not_meet_is_missing(prod):
    """To the key of a queue, EventBridge states no account."""

    def narrow(templates):
        for resource in templates["foundation"]["Resources"].values():
            if resource["Type"] == "AWS::KMS::Key":
                for one in resource["Properties"]["KeyPolicy"]["Statement"]:
                    if one.get("Sid") == "Rules":
                        one["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    assert any("target sqs" in one and "may not kms:GenerateDataKey" in one for one in missing(changed(prod, narrow)))


def test_a_task_without_a_row_is_named(prod):
    def add(templates):
        for resource in templates["analytics"]["Resources"].values():
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                text = json.dumps(resource["Properties"]["DefinitionString"])
                text = text.replace(":states:::codebuild:startBuild.sync", ":states:::batch:submitJob.sync")
                resource["Properties"]["DefinitionString"] = json.loads(text)

    (said,) = unclaimed(changed(prod, add))
    assert said.startswith("task batch:submitJob.sync in analytics/")


def test_a_resource_type_without_a_row_is_named(prod):
    def add(templates):
        templates["analytics"]["Resources"]["Group"] = {"Type": "AWS::Scheduler::Schedule", "Properties": {}}

    assert unclaimed(changed(prod, add)) == ["resource AWS::Scheduler::Schedule in analytics/Group"]


# ---- policies are read as AWS reads them


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, True),
        ({"StringEquals": {"kms:viaservice": ["sqs.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]}}, True),
        ({"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}, True),
        ({"StringEquals": {"kms:ViaService": "s3.*.amazonaws.com"}}, False),
        ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "aws:SourceAccount": "1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_conditions_are_met_as_on_aws(conditions, met):
    context = {"kms:ViaService": "s3.us-east-1.amazonaws.com", "aws:SecureTransport": "true"}
    assert holds(conditions, context) is met


@pytest.mark.parametrize(
    "conditions",
    [
        {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"NumericLessThan": {"aws:SourceAccount": "5"}},
        {"ForSomeValues:StringEquals": {"aws:SourceAccount": "5"}},
    ],
)
def test_a_condition_that_is_not_understood_is_refused(conditions):
    with pytest.raises(NotUnderstoodError, match="condition"):
        holds(conditions, {"aws:SourceAccount": "1"})


@pytest.mark.parametrize("element", ["NotAction", "NotResource", "NotPrincipal"])
def test_an_element_that_is_not_understood_is_refused(element):
    document = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", element: "x"}
    with pytest.raises(NotUnderstoodError, match=element):
        statement("policy[0]", document)


def test_a_denial_wins(prod):
    def deny(templates):
        for logical_id, resource in templates["unification"]["Resources"].items():
            if resource["Type"] == "AWS::IAM::Policy" and "ProfileWriter" in logical_id:
                denial = {"Effect": "Deny", "Action": "kinesis:GetRecords", "Resource": "*"}
                resource["Properties"]["PolicyDocument"]["Statement"].append(denial)

    assert any("may not kinesis:GetRecords" in one for one in missing(changed(prod, deny)))


def test_a_key_that_leaves_nothing_to_the_account_makes_the_policies_of_roles_void(prod):
    def close(templates):
        for resource in templates["foundation"]["Resources"].values():
            if resource["Type"] == "AWS::KMS::Key":
                policy = resource["Properties"]["KeyPolicy"]
                policy["Statement"] = [one for one in policy["Statement"] if one["Action"] != "kms:*"]

    said = missing(changed(prod, close))
    assert any("right kinesis:GetRecords" in one for one in said)
    # The key's policy has a statement of its own for what Secrets Manager does in the name of a role.
    assert not any("right secretsmanager:GetSecretValue" in one for one in said)
