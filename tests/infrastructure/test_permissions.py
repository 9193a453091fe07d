"""Roles may do what they need, spelt out, and nothing else."""

import re
from collections import defaultdict

from c360_core.names import TableName
from tests.infrastructure import needs
from tests.infrastructure.assembly import ROOT, listed, resolve, statements

# Actions that AWS lets nobody limit to a resource.
WITHOUT_RESOURCE = {
    "dataexchange:CreateJob",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "lakeformation:GetDataAccess",
    "lakeformation:ListPermissions",
    "lakeformation:RevokePermissions",
    "cloudwatch:PutMetricData",
    "sagemaker:ListModelPackages",
    "sagemaker:ListEndpointConfigs",
    "dynamodb:ListStreams",
    # Of a job that has a connection: AWS's own policy for Glue names no resource for them.
    *needs.GLUE_MAKES_INTERFACES.actions,
    *needs.FETCH_TRAINING_TOKEN.actions,
    *needs.LIMIT_USAGE.actions,
    *needs.LOOK_AT_STATEMENT.actions,
    *needs.LIST_STREAMS.actions,
    *needs.LOOK_AROUND_NETWORK.actions,
    *needs.READ_RESULT_OF_STATEMENT.actions,
    *needs.SCORE_TEXTS.actions,
    *needs.STUDIO_LISTS.actions,
    *needs.CANVAS_LISTS.actions,
    *needs.EMR_SESSION_IS_FOUND.actions,
    *needs.EMR_STUDIO_HAS_WORKSPACES.actions,
    *needs.WORKSPACE_LOOKS_AT_NETWORK.actions,
}


def test_no_role_may_do_everything_of_a_service(assembly):
    wild = {
        f"{resource}: {action}"
        for resource, statement in statements(assembly)
        for action in listed(statement["Action"])
        if "*" in action
    }
    assert wild == set()


def test_only_actions_without_a_resource_are_allowed_on_all_resources(assembly):
    for resource, statement in statements(assembly):
        if "*" in [resolve(one) for one in listed(statement["Resource"])]:
            assert set(listed(statement["Action"])) <= WITHOUT_RESOURCE, resource


def test_metrics_may_be_written_to_one_namespace_only(assembly):
    limited = [s for _, s in statements(assembly) if "cloudwatch:PutMetricData" in listed(s["Action"])]
    assert limited
    assert all("cloudwatch:namespace" in s["Condition"]["StringEquals"] for s in limited)


READ, WRITE, SEND = "Decrypt", "GenerateDataKey", "Decrypt GenerateDataKey"
ITEMS = "Decrypt DescribeKey"
DISKS = "CreateGrant Decrypt DescribeKey GenerateDataKeyWithoutPlaintext"  # which SageMaker makes
# What each role does with the key, by the service through which it does it. Entity Resolution is none that KMS can name
# in a condition.
KEY_USES = {
    "CollectorFunction": {"lambda": READ, "kinesis": WRITE, "secretsmanager": READ},
    "CollectorKeyRotationFunction": {"lambda": READ, "secretsmanager": SEND},
    "DefaultsCloser": {"lambda": READ},
    "FileIngestionBatches": {"lambda": READ, "sqs": READ, "s3": WRITE},
    "ProfileWriterFunction": {"lambda": READ, "kinesis": READ, "dynamodb": ITEMS, "sqs": SEND},
    "ProfileApiFunction": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ},
    "DecisionFunction": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ, "sqs": SEND},
    "RecommendationsJob": {"s3": SEND},
    "RecommendationsPersonalizeEventsFunction": {"lambda": READ, "kinesis": READ, "dynamodb": ITEMS, "sqs": SEND},
    "RecommendationsPersonalize": {"": "Decrypt DescribeKey GenerateDataKey ListGrants", "s3": SEND},
    "MessageSenderFunction": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ},
    "AudiencesFunction": {"lambda": READ, "dynamodb": ITEMS, "s3": READ},
    "SentimentFunction": {"lambda": READ, "kinesis": SEND, "sqs": SEND},
    "DeliveryReportsFunction": {
        "lambda": READ,
        "kinesis": WRITE,
        "dynamodb": ITEMS,
        "secretsmanager": READ,
        "sqs": READ,
    },
    "JourneysSteps": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS},
    "JourneysWaker": {"lambda": READ, "dynamodb": ITEMS, "sqs": READ},
    "AnnouncerFunction": {"lambda": READ, "dynamodb": ITEMS, "sqs": SEND},
    "WebhooksFunction": {"lambda": READ, "dynamodb": ITEMS, "secretsmanager": READ, "sqs": SEND},
    "LoyaltyFunction": {
        "lambda": READ,
        "kinesis": WRITE,
        "dynamodb": ITEMS,
        "secretsmanager": READ,
        "sqs": SEND,
    },
    "InboxFunction": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ},
    "UnsubscribeFunction": {"lambda": READ, "kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ},
    "Clean": {"kinesis": SEND, "secretsmanager": READ, "s3": SEND},
    "Unify": {"kinesis": SEND, "s3": SEND},
    "FileIngestionJob": {"kinesis": WRITE, "s3": SEND},
    "DatabasesErpJob": {"dynamodb": ITEMS, "s3": SEND},
    "DatabasesErpAccountsJob": {"dynamodb": ITEMS, "s3": SEND},
    "TextRemovalJob": {"s3": SEND},
    "BackfillJob": {"kinesis": WRITE, "dynamodb": ITEMS, "s3": READ},
    "TableQualityJob": {"s3": SEND},
    "RetentionJob": {"s3": SEND},
    "IdentityPrepare": {"s3": SEND},
    "IdentityResolve": {"kinesis": WRITE, "dynamodb": ITEMS, "secretsmanager": READ, "s3": SEND},
    "IdentityMatching": {"": "Decrypt Encrypt GenerateDataKey", "s3": SEND},
    "Models": {"s3": SEND},
    "DashboardsData": {"s3": SEND},
    "LakeOptimizers": {"s3": SEND},
    "Locations": {"s3": SEND},
    "MarketingAnalyst": {"s3": SEND},
    "Preparation": {"s3": SEND},
    "ForesightJobs": {"s3": SEND, "sagemaker": DISKS},
    "ForesightPipelines": {"s3": READ, "sagemaker": DISKS},
    "ForesightReleases": {"lambda": READ, "sagemaker": DISKS},
    "ForesightScores": {"lambda": READ, "dynamodb": ITEMS, "kinesis": WRITE, "s3": READ},
    "PreparationPublishedPublisher": {"lambda": READ},
    "StudioMarketingAnalyst": {
        "s3": SEND,
        "sagemaker": DISKS,
    },
    "StudioProfilesWorker": {"lambda": READ},
    "EmrStudioService": {"s3": "Decrypt DescribeKey GenerateDataKey ReEncryptFrom ReEncryptTo"},
    "Warehouse": {"kinesis": READ},
    "WarehouseUsageLimitLimiter": {"lambda": READ},
    "CleanRoomSharedPeople": {"s3": READ},
    "CleanRoomSharedSegments": {"s3": READ},
    "CleanRoomSharedOrders": {"s3": READ},
    "WarehouseChurn": {"": "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey"},
}


def test_roles_use_the_key_through_the_services_that_keep_what_they_use_and_never_by_themselves(assembly):
    uses = defaultdict(lambda: defaultdict(set))
    for resource, statement in statements(assembly):
        used = {action.removeprefix("kms:") for action in listed(statement["Action"]) if action.startswith("kms:")}
        if used:
            through = resolve(statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", ""))
            service, _, endpoint = through.partition(".")
            assert endpoint in {"us-east-1.amazonaws.com", ""}, resource
            uses[resource.logical_id.partition("RoleDefaultPolicy")[0]][service] |= used
    machines = {role for role in uses if role.endswith("Machine")}
    assert len(machines) == len(list(assembly.resources("AWS::StepFunctions::StateMachine")))
    collection = assembly.settings.collection
    switches = {
        "Databases": collection.databases,
        "TextRemoval": collection.texts.removed,
        "Webhooks": assembly.settings.activation.webhooks,
        "Loyalty": assembly.settings.activation.loyalty.url,
        "Backfill": collection.backfill.deployed,
        "Dashboards": assembly.settings.analytics.dashboards.deployed,
        "TableQuality": assembly.settings.analytics.quality.deployed,
        "Retention": assembly.settings.governance.retention.enforced,
        "Studio": assembly.settings.analytics.studio.deployed,
        "EmrStudio": assembly.settings.analytics.emr_studio.deployed,
        "Warehouse": assembly.settings.analytics.warehouse.deployed,
        "Preparation": assembly.settings.analytics.databrew.deployed,
        "Foresight": assembly.settings.analytics.models.deployed,
        "CleanRoom": assembly.settings.activation.clean_room.partner_account,
        "Sentiment": assembly.settings.activation.sentiment.deployed,
        "Recommendations": assembly.settings.activation.recommendations.uses_personalize,
        "Inbox": assembly.settings.activation.has_inbox,
        "Audiences": assembly.settings.activation.audiences,
    }
    off = tuple(name for name, switch in switches.items() if not switch)
    wanted = {name: by for name, by in KEY_USES.items() if not name.startswith(off)}
    wanted |= {machine: {"sns": SEND} for machine in machines}
    # An export writes under the key with the rights of who starts it, and gives Data Exchange a grant.
    exports = {machine for machine in machines if machine.startswith("DataExchange")}
    wanted |= {machine: {"sns": SEND, "s3": SEND, "": "CreateGrant"} for machine in exports}
    # The Data API reads the administrator's secret with the rights of who sends a statement.
    loads = {machine for machine in machines if machine.startswith(("WarehouseLoads", "WarehouseChurn"))}
    wanted |= {machine: {"sns": SEND, "secretsmanager": READ} for machine in loads}
    # Athena writes the copy for DataBrew with the rights of who sends the statement.
    copies = {machine for machine in machines if machine.startswith("Preparation")}
    wanted |= {machine: {"sns": SEND, "s3": SEND} for machine in copies}
    # So does it with the copy that a model learns from; the machine starts jobs, and reads what one has reported.
    runs = {machine for machine in machines if machine.startswith("Foresight")}
    wanted |= {machine: {"sns": SEND, "s3": SEND, "sagemaker": DISKS} for machine in runs}
    # And with the answer that says who is in an audience.
    keeping = {machine for machine in machines if machine.startswith("Audiences")}
    wanted |= {machine: {"sns": SEND, "s3": SEND} for machine in keeping}
    found = {role: {service: " ".join(sorted(used)) for service, used in by.items()} for role, by in uses.items()}
    assert found == wanted


def test_no_managed_policies(assembly):
    for role in assembly.ours("AWS::IAM::Role"):
        assert not role.properties.get("ManagedPolicyArns"), role


def test_every_role_but_the_persona_is_for_a_service(assembly):
    for role in assembly.resources("AWS::IAM::Role"):
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]:
            if "AWS" in statement["Principal"]:
                assert "MarketingAnalyst" in role.logical_id
            else:
                for service in listed(statement["Principal"]["Service"]):
                    assert resolve(service).endswith(".amazonaws.com"), role


def test_the_hash_secret_is_read_by_those_who_hash(assembly):
    readers = {
        resource.logical_id.partition("RoleDefaultPolicy")[0]
        for resource, statement in statements(assembly)
        if "secretsmanager:GetSecretValue" in listed(statement["Action"])
        and any("HashSecret" in resolve(one) for one in listed(statement["Resource"]))
    }
    functions = {"ProfileApi", "Decision", "MessageSender", "DeliveryReports", "Unsubscribe"}
    assert readers == {"Clean", "IdentityResolve", *(f"{name}Function" for name in functions)}


def test_roles_may_do_with_items_what_their_code_calls_and_nothing_else(assembly):
    """A transaction of puts needs the right to put. Identity leaves tombstones and the API answers, so none deletes."""
    may = defaultdict(set)
    for resource, statement in statements(assembly):
        for one in map(resolve, listed(statement["Resource"])):
            if table := re.search(r"SingleView(Table|Idempotency)(?!.*StreamArn)", one):
                role = resource.logical_id.partition("RoleDefaultPolicy")[0]
                may[role, table[1]] |= set(listed(statement["Action"]))
    lock = {"GetItem", "PutItem", "UpdateItem", "DeleteItem"}
    wanted = {
        ("ProfileWriterFunction", "Table"): {"GetItem", "BatchGetItem", "ConditionCheckItem", "PutItem", "DeleteItem"},
        ("ProfileApiFunction", "Table"): {"GetItem", "BatchGetItem", "Query", "PutItem"},
        ("IdentityResolve", "Table"): {"PutItem"},
        ("DecisionFunction", "Table"): {"GetItem", "Query", "PutItem"},
        ("MessageSenderFunction", "Table"): {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"},
        ("DeliveryReportsFunction", "Table"): {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
        ("UnsubscribeFunction", "Table"): {"GetItem", "BatchGetItem", "Query", "PutItem"},
        # Who waits in a journey is noted, and forgotten when something has happened.
        ("JourneysSteps", "Table"): {"GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem"},
        ("JourneysWaker", "Table"): {"GetItem", "BatchGetItem", "Query", "DeleteItem"},
        ("JourneysSteps", "Idempotency"): lock,
        ("DecisionFunction", "Idempotency"): lock,
        ("MessageSenderFunction", "Idempotency"): lock,
    }
    if assembly.settings.activation.has_inbox:
        # A message that waits goes when it is closed, and when a newer one needs its place; a device that is gone, too.
        wanted["MessageSenderFunction", "Table"] |= {"DeleteItem"}
        wanted["InboxFunction", "Table"] = {"GetItem", "BatchGetItem", "Query", "UpdateItem", "DeleteItem"}
    if assembly.settings.activation.push.deployed:
        wanted["InboxFunction", "Table"] |= {"PutItem"}
    if assembly.settings.analytics.models.deployed:
        wanted["ForesightScores", "Table"] = {"BatchGetItem"}
    if assembly.settings.activation.recommendations.uses_personalize:
        wanted["RecommendationsPersonalizeEventsFunction", "Table"] = {"GetItem", "Query"}
    if assembly.settings.activation.loyalty.url is not None:
        asks = {"Query"} if assembly.settings.activation.loyalty.consent_purpose else set()
        wanted["LoyaltyFunction", "Table"] = {"GetItem", "BatchGetItem", *asks}
    assert may == {place: {f"dynamodb:{action}" for action in actions} for place, actions in wanted.items()}


def test_the_models_read_the_tables_that_they_name_as_sources_and_no_others(assembly):
    models = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "sql" / "models").rglob("*.sql"))
    resources = " ".join(
        resolve(one)
        for resource, statement in statements(assembly)
        if resource.logical_id.startswith("ModelsRole")
        for one in listed(statement["Resource"])
    )
    entries = re.findall(r":table/c360_\w+_(raw|curated)/(\w+)(?= |$)", resources)
    # The zone that they write they may read as a whole.
    assert set(entries) == set(re.findall(r"source\('(raw|curated)', '(\w+)'\)", models))


def test_the_models_have_no_way_to_the_lake_beside_lake_formation(assembly):
    """Athena reads raw and curated data with Lake Formation's credentials; the role's own would pass its grants by."""
    objects = {
        one
        for resource, statement in statements(assembly)
        if resource.logical_id.startswith("ModelsRole")
        for one in map(resolve, listed(statement["Resource"]))
        if any(action.startswith("s3:") for action in listed(statement["Action"])) and "/" in one
    }
    lake = {re.sub(r"(Lake[A-Z][a-z]+)\w+/", r"\1/", one) for one in objects if one.startswith("Lake")}
    assert lake == {"LakeProducts/marts/*", "LakeResults/athena/models/*"}


def test_who_only_reads_a_zone_has_grants_on_the_tables_that_its_policies_name(assembly):
    """A grant on all tables of a zone would hand out tables that the role has no use for, through GetDataAccess."""
    named = defaultdict(set)
    for resource, statement in statements(assembly):
        if "glue:GetTable" in listed(statement["Action"]):
            tables = re.findall(r":table/(c360_\w+)/(\w+|\*)", " ".join(map(resolve, listed(statement["Resource"]))))
            all_named = {(database, "all tables" if name == "*" else name) for database, name in tables}
            named[re.split("(?:Default|Overflow)Policy", resource.logical_id)[0]] |= all_named
    granted = defaultdict(set)
    for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions"):
        table = grant.properties["Resource"].get("Table")
        if table is not None and grant.properties["Permissions"] == ["SELECT", "DESCRIBE"]:
            principal = resolve(grant.properties["Principal"]["DataLakePrincipalIdentifier"])
            role = re.match(r"\w+Role", principal)[0]
            granted[role].add((table["DatabaseName"], table.get("Name", "all tables")))
    assert {role for role in granted if "Models" in role or "Matching" in role}
    # dbt makes the marts after the deployment, and Lake Formation grants nothing on a table that is not there.
    for reader in ("WarehouseRole", "PreparationNightlyRunMachineRole"):
        marts = granted.get(reader, set())
        marts -= {table for table in marts if table[0].endswith("_products") and table[1] == "all tables"}
    for role, tables in granted.items():
        assert tables <= named[role], role


def test_identities_are_resolved_on_the_tables_that_the_job_names_and_no_others(assembly):
    code = (ROOT / "glue_jobs" / "identity_resolve" / "main.py").read_text(encoding="utf-8")
    named = {TableName[name].value for name in re.findall(r"TableName\.(\w+)", code)}
    may = defaultdict(set)
    for resource, statement in statements(assembly):
        if resource.logical_id.startswith("IdentityResolve"):
            for one in map(resolve, listed(statement["Resource"])):
                for table in re.findall(r":table/c360_\w+_curated/(\w+)$|LakeCurated\w+/(\w+)/\*$", one):
                    may["".join(table)] |= set(listed(statement["Action"]))
    assert set(may) == named
    written = {table for table, actions in may.items() if {"glue:UpdateTable", "s3:PutObject"} <= actions}
    assert written == named - {TableName.IDENTITY_RECORDS}
