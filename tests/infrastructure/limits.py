"""What AWS refuses when a template is deployed: the order of resources, quotas, and values that do not fit together.

An emulator refuses none of these. Each row names the page of AWS's documentation that it was read from.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlglot
from sqlglot import exp

from tests.infrastructure.assembly import POLICIES, Resource, listed, states
from tests.infrastructure.estate import Estate, arn, physical_name

Measured = Iterator[tuple[str, int]]


# ---- order: whoever checks a role when it is created needs the role's policies first


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resource whose creation fails if its role lacks a permission at that moment.

    Attributes:
        role: returns the ARN of the role that the service checks.
        switched: only environments with a switch on have it; `everything` does.
    """

    type_name: str
    role: Callable[[Estate, Resource], str]
    page: str
    switched: bool = False


def _property(*path: str) -> Callable[[Estate, Resource], str]:
    def read(_estate: Estate, resource: Resource) -> str:
        value: Any = resource.properties
        for step in path:
            value = value[step]
        return str(value)

    return read


def _of_function(estate: Estate, mapping: Resource) -> str:
    return str(estate.one("AWS::Lambda::Function", mapping.properties["FunctionName"]).properties["Role"])


ORDERS: Final = (
    Order(
        type_name="AWS::Lambda::EventSourceMapping",
        role=_of_function,
        page="AWS Lambda API Reference: CreateEventSourceMapping, errors",
    ),
    Order(
        type_name="AWS::KinesisAnalyticsV2::Application",
        role=_property("ServiceExecutionRole"),
        page="Amazon Kinesis Analytics API Reference: CreateApplication, errors",
    ),
    Order(
        type_name="AWS::CodeBuild::Project",
        role=_property("ServiceRole"),
        page="AWS CodeBuild User Guide: Troubleshooting, CodeBuild is not authorized to perform sts:AssumeRole",
    ),
    Order(
        type_name="AWS::EntityResolution::MatchingWorkflow",
        role=_property("RoleArn"),
        page="AWS Entity Resolution API Reference: CreateMatchingWorkflow, errors",
    ),
    Order(
        type_name="AWS::Glue::TableOptimizer",
        role=_property("TableOptimizerConfiguration", "RoleArn"),
        page="AWS Glue Developer Guide: Table optimization prerequisites",
    ),
    Order(
        type_name="AWS::EMR::Studio",
        role=_property("ServiceRole"),
        page="Amazon EMR Management Guide: Create an EMR Studio, whose service role reads and writes its S3 location",
        switched=True,
    ),
    Order(
        type_name="AWS::SageMaker::FeatureGroup",
        role=_property("RoleArn"),
        page="Amazon SageMaker API Reference: CreateFeatureGroup, which tries the role on the offline store",
        switched=True,
    ),
    Order(
        type_name="AWS::QuickSight::DataSource",
        role=_property("DataSourceParameters", "AthenaParameters", "RoleArn"),
        page="Amazon Quick Sight API Reference: CreateDataSource, which tests the connection",
        switched=True,
    ),
    Order(
        type_name="AWS::CleanRooms::ConfiguredTableAssociation",
        role=_property("RoleArn"),
        page="AWS Clean Rooms API Reference: CreateConfiguredTableAssociation, which checks the role",
        switched=True,
    ),
    Order(
        type_name="AWS::LakeFormation::Resource",
        role=_property("RoleArn"),
        page="AWS Lake Formation Developer Guide: Requirements for roles used to register locations",
    ),
    Order(
        type_name="AWS::StepFunctions::StateMachine",
        role=_property("RoleArn"),
        page="AWS Step Functions API Reference: CreateStateMachine, InvalidLoggingConfiguration",
    ),
)


def too_early(estate: Estate, order: Order) -> Iterator[str]:
    """Yield each resource that does not wait for a policy of its role."""
    for resource in estate.of_type(order.type_name):
        role = order.role(estate, resource)
        waits_for = set(listed(resource.document.get("DependsOn", [])))
        for policy in (one for kind in POLICIES for one in estate.of_type(kind)):
            named = {name for name in policy.properties["Roles"] if role.endswith(f":role/{name}")}
            if named and policy.pillar == resource.pillar and policy.logical_id not in waits_for:
                yield f"{resource} does not wait for {policy.logical_id}: {order.page}"


# ---- quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of something AWS accepts.

    Attributes:
        measured: yields what is limited, and how much of it there is.
        share: how much of the quota a template may use, so that names of other lengths fit too.
    """

    what: str
    at_most: int
    page: str
    measured: Callable[[Estate], Measured]
    share: float = 1.0


def too_much(estate: Estate, quota: Quota) -> Iterator[str]:
    """Yield what exceeds a quota."""
    for place, amount in quota.measured(estate):
        if amount > quota.at_most * quota.share:
            yield f"{place}: {amount} {quota.what}, at most {quota.at_most}: {quota.page}"


def _size(document: Any) -> int:
    """Return the characters of a policy as IAM counts them, which is without white space."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def _policies_of_roles(estate: Estate) -> Measured:
    sizes: Counter[str] = Counter()
    for policy in estate.of_type("AWS::IAM::Policy"):
        for role in policy.properties["Roles"]:
            sizes[role] += _size(policy.properties["PolicyDocument"])
    for role in estate.of_type("AWS::IAM::Role"):
        for inline in role.properties.get("Policies", ()):
            sizes[str(role)] += _size(inline["PolicyDocument"])
    yield from sizes.items()


def _managed_policies(estate: Estate) -> Measured:
    for policy in estate.of_type("AWS::IAM::ManagedPolicy"):
        yield str(policy), _size(policy.properties["PolicyDocument"])


def _sizes_of(type_name: str, name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        return ((str(one), len(json.dumps(one.properties[name]))) for one in estate.of_type(type_name))

    return measured


def _lengths_of(type_name: str, name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        return ((str(one), len(one.properties[name])) for one in estate.of_type(type_name))

    return measured


def _prepared_of_workgroups(estate: Estate) -> Measured:
    yield from Counter(one.properties["WorkGroup"] for one in estate.of_type("AWS::Athena::PreparedStatement")).items()


def _question_marks(estate: Estate) -> Measured:
    for one in estate.of_type("AWS::Athena::PreparedStatement"):
        yield str(one), one.properties["QueryStatement"].count("?")


def _number_of(type_name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        yield type_name, sum(1 for _ in estate.of_type(type_name))

    return measured


def _counts_of(type_name: str, name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        return ((str(one), len(one.properties.get(name, ()))) for one in estate.of_type(type_name))

    return measured


def _numbers_of(type_name: str, name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        return ((str(one), int(one.properties.get(name, 0))) for one in estate.of_type(type_name))

    return measured


def _statements_of_queues(estate: Estate) -> Measured:
    for policy in estate.of_type("AWS::SQS::QueuePolicy"):
        yield str(policy), len(policy.properties["PolicyDocument"]["Statement"])


def _policies_of_functions(estate: Estate) -> Measured:
    """Yield the length of each function's own policy, to which every permission adds a statement."""
    sizes: Counter[str] = Counter()
    for permission in estate.of_type("AWS::Lambda::Permission"):
        sizes[permission.properties["FunctionName"]] += len(json.dumps(permission.properties))
    yield from sizes.items()


def _readers_of(service: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        sources = (one.properties["EventSourceArn"] for one in estate.of_type("AWS::Lambda::EventSourceMapping"))
        yield from Counter(one for one in sources if one.split(":")[2] == service).items()

    return measured


def _variables(estate: Estate) -> Measured:
    for function in estate.of_type("AWS::Lambda::Function"):
        variables: Mapping[str, str] = function.properties.get("Environment", {}).get("Variables", {})
        yield str(function), sum(len(name) + len(str(value)) for name, value in variables.items())


def _rules_of_buses(estate: Estate) -> Measured:
    rules = (one.properties.get("EventBusName", "default") for one in estate.of_type("AWS::Events::Rule"))
    yield from Counter(rules).items()


def _processing_units(estate: Estate) -> Measured:
    for application in estate.of_type("AWS::KinesisAnalyticsV2::Application"):
        flink = application.properties["ApplicationConfiguration"]["FlinkApplicationConfiguration"]
        parallel = flink["ParallelismConfiguration"]
        yield str(application), -(-parallel["Parallelism"] // parallel["ParallelismPerKPU"])


def _vcpus_of_applications(estate: Estate) -> Measured:
    for application in estate.of_type("AWS::EMRServerless::Application"):
        yield str(application), int(application.properties["MaximumCapacity"]["Cpu"].split()[0])


def _event_actions(estate: Estate) -> Measured:
    yield "the account", len(list(estate.of_type("AWS::DataExchange::EventAction")))


def _resources_of_stacks(estate: Estate) -> Measured:
    yield from Counter(resource.pillar for resource in estate.resources).items()


def _outputs_of_stacks(estate: Estate) -> Measured:
    for pillar, template in estate.assembly.templates.items():
        yield pillar, len(template.get("Outputs", {}))


def _templates(estate: Estate) -> Measured:
    for pillar, template in estate.assembly.templates.items():
        yield pillar, len(json.dumps(template))


def _conditions_of_trails(estate: Estate) -> Measured:
    """Yield how many values the advanced event selectors of each trail compare with."""
    for trail in estate.of_type("AWS::CloudTrail::Trail"):
        fields = (field for one in trail.properties["AdvancedEventSelectors"] for field in one["FieldSelectors"])
        yield str(trail), sum(len(values) for field in fields for values in field.values() if isinstance(values, list))


def _headers_of_origins(estate: Estate) -> Measured:
    for one in estate.of_type("AWS::CloudFront::Distribution"):
        for origin in one.properties["DistributionConfig"]["Origins"]:
            yield f"{one} {origin['Id']}", len(origin.get("OriginCustomHeaders", ()))


def _answers_of_web_acls(estate: Estate) -> Measured:
    for acl in estate.of_type("AWS::WAFv2::WebACL"):
        for name, body in acl.properties.get("CustomResponseBodies", {}).items():
            yield f"{acl} {name}", len(body["Content"].encode())


_WAF: Final = "AWS WAF Developer Guide: AWS WAF quotas"
_IAM: Final = "IAM User Guide: IAM and AWS STS quotas"
_QUICKSIGHT: Final = "Amazon Quick Sight API Reference: CustomSql, DashboardVersionDefinition and SheetDefinition"
_APPFLOW: Final = "Amazon AppFlow User Guide: Quotas for Amazon AppFlow; CreateConnectorProfile"
_LAMBDA: Final = "AWS Lambda Developer Guide: Lambda quotas"
_SQS: Final = "Amazon SQS Developer Guide: Amazon SQS policy quotas"
_EVENTS: Final = "Amazon EventBridge User Guide: Amazon EventBridge quotas"
_STACKS: Final = "AWS CloudFormation User Guide: Understand CloudFormation quotas"


def _batches(estate: Estate) -> Iterator[tuple[str, list[str]]]:
    """Yield the batches of statements that state machines send to the Data API."""
    for machine in estate.of_type("AWS::StepFunctions::StateMachine"):
        found = states(json.loads(machine.properties["DefinitionString"]))
        for state in found.values():
            items = state.get("Result") if state["Type"] == "Pass" else None
            for item in items if isinstance(items, list) else ():
                yield f"{machine}: {item['statements'][0][:60]}", item["statements"]


def _statements_of_batches(estate: Estate) -> Measured:
    yield from ((place, len(statements)) for place, statements in _batches(estate))


def _bytes_of_statements(estate: Estate) -> Measured:
    yield from ((place, max(len(one.encode()) for one in statements)) for place, statements in _batches(estate))


def _lists_of_dashboards(name: str) -> Callable[[Estate], Measured]:
    def measured(estate: Estate) -> Measured:
        for dashboard in estate.of_type("AWS::QuickSight::Dashboard"):
            yield str(dashboard), len(dashboard.properties["Definition"][name])

    return measured


def _visuals_of_sheets(estate: Estate) -> Measured:
    for dashboard in estate.of_type("AWS::QuickSight::Dashboard"):
        for sheet in dashboard.properties["Definition"]["Sheets"]:
            yield str(dashboard), len(sheet["Visuals"])


_CLEAN_ROOMS: Final = "AWS Clean Rooms User Guide: AWS Clean Rooms quotas"
_OPEN_TYPES: Final = re.compile(r"boolean|date|double|float|int|long|string|decimal\(\d+, ?\d+\)")


def _texts_of_templates(estate: Estate) -> Measured:
    for one in estate.of_type("AWS::CleanRooms::AnalysisTemplate"):
        yield str(one), len(one.properties["Source"]["Text"])


def _rules(estate: Estate) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Yield each configured table with its one rule."""
    for table in estate.of_type("AWS::CleanRooms::ConfiguredTable"):
        [rule] = table.properties["AnalysisRules"]
        [policy] = rule["Policy"]["V1"].values()
        yield table, policy


def _configured(estate: Estate) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Yield each configured table with the Iceberg table behind it."""
    behind = {
        one.properties["Name"]: one.properties["OpenTableFormatInput"]["IcebergInput"]["IcebergTableInput"]
        for one in estate.of_type("AWS::Glue::Table")
        if "OpenTableFormatInput" in one.properties
    }
    for table in estate.of_type("AWS::CleanRooms::ConfiguredTable"):
        yield table, behind[table.properties["TableReference"]["Glue"]["TableName"]]


def _closed_compression(estate: Estate) -> Iterator[str]:
    for table, iceberg in _configured(estate):
        if iceberg["Properties"]["write.parquet.compression-codec"] not in {"snappy", "gzip"}:
            yield str(table)


def _unshared_columns(estate: Estate) -> Iterator[str]:
    for table, iceberg in _configured(estate):
        types = {field["Name"]: field["Type"] for field in iceberg["Schema"]["Fields"]}
        for column in table.properties["AllowedColumns"]:
            if _OPEN_TYPES.fullmatch(types.get(column, "")) is None:
                yield f"{table}: {column}"


def _columns_of_two_parts(estate: Estate) -> Iterator[str]:
    for table, policy in _rules(estate):
        joins, shown = set(policy.get("JoinColumns", ())), policy.get("DimensionColumns", policy.get("ListColumns", ()))
        for column in joins & set(shown):
            yield f"{table}: {column}"


def _privacy_without_budget(estate: Estate) -> Iterator[str]:
    kinds = {one.properties["PrivacyBudgetType"] for one in estate.of_type("AWS::CleanRooms::PrivacyBudgetTemplate")}
    for table, policy in _rules(estate):
        if "DifferentialPrivacy" in policy and "DIFFERENTIAL_PRIVACY" not in kinds:
            yield str(table)


def _engine_that_ended(estate: Estate) -> Iterator[str]:
    for room in estate.of_type("AWS::CleanRooms::Collaboration"):
        if room.properties.get("AnalyticsEngine") != "SPARK":
            yield str(room)


def _who_pays(estate: Estate) -> Iterator[str]:
    for room in estate.of_type("AWS::CleanRooms::Collaboration"):
        stated = [room.properties["CreatorPaymentConfiguration"]]
        stated += [member["PaymentConfiguration"] for member in room.properties["Members"]]
        if sum(bool(one["QueryCompute"]["IsResponsible"]) for one in stated) != 1:
            yield str(room)


_FEATURES: Final = "Amazon SageMaker AI Developer Guide: Feature Store, quotas, naming rules and data types"


def _features(estate: Estate) -> Measured:
    for group in estate.of_type("AWS::SageMaker::FeatureGroup"):
        yield str(group), len(group.properties["FeatureDefinitions"])


QUOTAS: Final = (
    Quota(what="features of a group", at_most=2500, page=_FEATURES, measured=_features),
    Quota(
        what="groups of features of an account",
        at_most=100,
        page=_FEATURES,
        measured=_number_of("AWS::SageMaker::FeatureGroup"),
        # Environments may share an account.
        share=0.25,
    ),
    Quota(
        what="configured tables of an account",
        at_most=60,
        page=_CLEAN_ROOMS,
        measured=_number_of("AWS::CleanRooms::ConfiguredTable"),
        # Environments may share an account.
        share=0.25,
    ),
    Quota(
        what="filters of a data set group",
        at_most=10,
        page="Amazon Personalize Developer Guide: Endpoints and quotas",
        measured=_number_of("AWS::Personalize::Filter"),
    ),
    Quota(
        what="collaborations of an account",
        at_most=10,
        page=_CLEAN_ROOMS,
        measured=_number_of("AWS::CleanRooms::Collaboration"),
        share=0.25,
    ),
    Quota(
        what="analysis templates of a membership",
        at_most=25,
        page=_CLEAN_ROOMS,
        measured=_number_of("AWS::CleanRooms::AnalysisTemplate"),
    ),
    Quota(
        what="columns of a configured table",
        at_most=100,
        page=_CLEAN_ROOMS,
        measured=_counts_of("AWS::CleanRooms::ConfiguredTable", "AllowedColumns"),
    ),
    Quota(
        what="characters of an analysis template",
        at_most=90_000,
        page="AWS Clean Rooms API Reference: AnalysisSource",
        measured=_texts_of_templates,
    ),
    Quota(
        what="characters of inline policies of a role",
        at_most=10_240,
        page=_IAM,
        measured=_policies_of_roles,
        # The names of buckets and roles that CloudFormation makes up are longer than those in these tests.
        share=0.9,
    ),
    Quota(
        what="subnets of an EMR Studio",
        at_most=5,
        page="Amazon EMR API Reference: CreateStudio, SubnetIds",
        measured=_counts_of("AWS::EMR::Studio", "SubnetIds"),
    ),
    Quota(
        what="characters of a managed policy",
        at_most=6_144,
        page=_IAM,
        measured=_managed_policies,
        share=0.9,
    ),
    Quota(
        what="managed policies of a role",
        at_most=20,
        page=_IAM,
        measured=_counts_of("AWS::IAM::Role", "ManagedPolicyArns"),
    ),
    Quota(
        what="characters of a trust policy",
        at_most=2_048,
        page=_IAM,
        measured=_sizes_of("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ),
    Quota(
        what="bytes of a key policy",
        at_most=32_768,
        page="AWS KMS Developer Guide: Resource quotas",
        measured=_sizes_of("AWS::KMS::Key", "KeyPolicy"),
    ),
    Quota(
        what="bytes of a bucket policy",
        at_most=20_480,
        page="Amazon S3 User Guide: Bucket policies and user policies",
        measured=_sizes_of("AWS::S3::BucketPolicy", "PolicyDocument"),
    ),
    Quota(
        what="bytes of a queue's policy",
        at_most=8_192,
        page=_SQS,
        measured=_sizes_of("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ),
    Quota(what="statements of a queue's policy", at_most=20, page=_SQS, measured=_statements_of_queues),
    Quota(what="bytes of a function's own policy", at_most=20_480, page=_LAMBDA, measured=_policies_of_functions),
    Quota(what="bytes of environment variables", at_most=4_096, page=_LAMBDA, measured=_variables, share=0.9),
    Quota(what="layers", at_most=5, page=_LAMBDA, measured=_counts_of("AWS::Lambda::Function", "Layers")),
    Quota(
        what="steps of a recipe",
        at_most=100,
        page="AWS Glue DataBrew Developer Guide: Creating and using AWS Glue DataBrew recipes",
        measured=_counts_of("AWS::DataBrew::Recipe", "Steps"),
    ),
    Quota(
        what="characters of a data set's query",
        at_most=168_000,
        page=_QUICKSIGHT,
        measured=_sizes_of("AWS::QuickSight::DataSet", "PhysicalTableMap"),
    ),
    Quota(
        what="fields of a dashboard's definition that are calculated",
        at_most=500,
        page=_QUICKSIGHT,
        measured=_lists_of_dashboards("CalculatedFields"),
    ),
    Quota(what="visuals of a sheet", at_most=50, page=_QUICKSIGHT, measured=_visuals_of_sheets),
    Quota(what="flows", at_most=1_000, page=_APPFLOW, measured=_number_of("AWS::AppFlow::Flow")),
    Quota(what="connections", at_most=100, page=_APPFLOW, measured=_number_of("AWS::AppFlow::ConnectorProfile")),
    Quota(
        what="seconds of a function",
        at_most=900,
        page=_LAMBDA,
        measured=_numbers_of("AWS::Lambda::Function", "Timeout"),
    ),
    Quota(
        what="records of a batch",
        at_most=10_000,
        page="AWS Lambda API Reference: CreateEventSourceMapping",
        measured=_numbers_of("AWS::Lambda::EventSourceMapping", "BatchSize"),
    ),
    Quota(
        what="functions on one shard of a table's stream",
        at_most=2,
        page="Amazon DynamoDB Developer Guide: DynamoDB Streams and AWS Lambda triggers",
        measured=_readers_of("dynamodb"),
    ),
    Quota(
        what="functions that poll one shard of a stream, each once a second",
        at_most=5,
        page="Amazon Kinesis Data Streams Developer Guide: Quotas and limits",
        measured=_readers_of("kinesis"),
    ),
    Quota(what="targets of a rule", at_most=5, page=_EVENTS, measured=_counts_of("AWS::Events::Rule", "Targets")),
    Quota(what="rules on a bus", at_most=300, page=_EVENTS, measured=_rules_of_buses),
    Quota(
        what="characters of a state machine's definition",
        at_most=1_048_576,
        page="AWS Step Functions Developer Guide: Step Functions service quotas",
        measured=_sizes_of("AWS::StepFunctions::StateMachine", "DefinitionString"),
    ),
    Quota(
        what="event actions of an account",
        at_most=50,
        page="AWS Data Exchange User Guide: Service quotas",
        measured=_event_actions,
    ),
    Quota(
        what="processing units of an application",
        at_most=64,
        page="Managed Service for Apache Flink Developer Guide: Quota",
        measured=_processing_units,
    ),
    Quota(
        # Of all applications of an account and Region together; this is what a new account has.
        what="vCPUs of an application of EMR Serverless",
        at_most=16,
        page="Amazon EMR Serverless User Guide: Endpoints and quotas for EMR Serverless",
        measured=_vcpus_of_applications,
    ),
    Quota(
        what="notifications of a budget",
        at_most=5,
        page="AWS Cost Management User Guide: Quotas and restrictions",
        measured=_counts_of("AWS::Budgets::Budget", "NotificationsWithSubscribers"),
    ),
    Quota(
        what="actions of an alarm",
        at_most=5,
        page="Amazon CloudWatch User Guide: CloudWatch service quotas",
        measured=_counts_of("AWS::CloudWatch::Alarm", "AlarmActions"),
    ),
    Quota(
        what="statements of a batch",
        at_most=40,
        page="Amazon Redshift Data API Reference: BatchExecuteStatement",
        measured=_statements_of_batches,
    ),
    Quota(
        what="bytes of a statement",
        at_most=100_000,
        page="Amazon Redshift Management Guide: Considerations when calling the Amazon Redshift Data API",
        measured=_bytes_of_statements,
    ),
    Quota(
        what="bytes of a named query",
        at_most=262_144,
        page="Amazon Athena User Guide: Service Quotas",
        measured=_sizes_of("AWS::Athena::NamedQuery", "QueryString"),
    ),
    Quota(
        what="bytes of a prepared statement",
        at_most=262_144,
        page="Amazon Athena API Reference: CreatePreparedStatement",
        measured=_sizes_of("AWS::Athena::PreparedStatement", "QueryStatement"),
    ),
    Quota(
        what="characters of a prepared statement's description",
        at_most=1024,
        page="Amazon Athena API Reference: CreatePreparedStatement",
        measured=_lengths_of("AWS::Athena::PreparedStatement", "Description"),
    ),
    Quota(
        what="prepared statements of a workgroup",
        at_most=1000,
        page="Amazon Athena User Guide: Use prepared statements",
        measured=_prepared_of_workgroups,
    ),
    Quota(
        what="question marks that the console asks for",
        at_most=25,
        page="Amazon Athena User Guide: Use parameterized queries",
        measured=_question_marks,
    ),
    Quota(
        what="values in the event selectors of a trail",
        at_most=500,
        page="AWS CloudTrail User Guide: Quotas in AWS CloudTrail",
        measured=_conditions_of_trails,
    ),
    Quota(
        what="headers that CloudFront adds for an origin",
        at_most=30,
        page="Amazon CloudFront Developer Guide: Quotas on headers",
        measured=_headers_of_origins,
    ),
    Quota(what="bytes of an answer of a web ACL", at_most=4_096, page=_WAF, measured=_answers_of_web_acls),
    Quota(
        what="fields that a web ACL's log leaves out",
        at_most=100,
        page="AWS WAF API Reference: LoggingConfiguration",
        measured=_counts_of("AWS::WAFv2::LoggingConfiguration", "RedactedFields"),
    ),
    Quota(what="resources of a stack", at_most=500, page=_STACKS, measured=_resources_of_stacks),
    Quota(what="outputs of a stack", at_most=200, page=_STACKS, measured=_outputs_of_stacks),
    Quota(what="bytes of a template", at_most=1_000_000, page=_STACKS, measured=_templates),
)


def _partitions(estate: Estate) -> Measured:
    topics = list(estate.of_type("Custom::StreamTopic"))
    yield from Counter(
        {
            cluster: sum(int(one.properties["Partitions"]) for one in topics if one.properties["ClusterArn"] == cluster)
            for cluster in (arn(each) for each in estate.of_type("AWS::MSK::ServerlessCluster"))
        }
    ).items()


def _networks_of_clusters(estate: Estate) -> Measured:
    for cluster in estate.of_type("AWS::MSK::ServerlessCluster"):
        yield str(cluster), len(cluster.properties["VpcConfigs"])


def _readers_of_topics(estate: Estate) -> Measured:
    for mapping in _mappings(estate, "kafka"):
        yield str(mapping), int(mapping.properties["ProvisionedPollerConfig"]["MaximumPollers"])


_MSK: Final = "Amazon MSK Developer Guide: MSK Serverless quota"
# Of the templates with their streams on MSK. What its other quotas limit is no property: 200 MB a second into the
# cluster and 5 into a partition, 3,000 connections of clients, 500 consumer groups, 8 MiB in a record.
QUOTAS_OF_MSK: Final = (
    Quota(what="partitions of a cluster", at_most=2_400, page=_MSK, measured=_partitions),
    Quota(what="clusters of an account", at_most=10, page=_MSK, measured=_number_of("AWS::MSK::ServerlessCluster")),
    Quota(what="networks of a cluster", at_most=5, page=_MSK, measured=_networks_of_clusters),
    Quota(
        what="pollers of a provisioned reader",
        at_most=2_000,
        page="AWS Lambda API Reference: ProvisionedPollerConfig",
        measured=_readers_of_topics,
    ),
)


# ---- values that do not fit together


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A combination of values that AWS refuses, or with which a service works wrongly and says nothing.

    Attributes:
        faults: yields the resources that have it.
    """

    rule: str
    page: str
    faults: Callable[[Estate], Iterator[Resource]]


def _mappings(estate: Estate, *services: str) -> Iterator[Resource]:
    return (
        one
        for one in estate.of_type("AWS::Lambda::EventSourceMapping")
        if one.properties["EventSourceArn"].split(":")[2] in services
    )


def _short_visibility(estate: Estate) -> Iterator[Resource]:
    for mapping in _mappings(estate, "sqs"):
        queue = estate.one("AWS::SQS::Queue", mapping.properties["EventSourceArn"]).properties
        function = estate.one("AWS::Lambda::Function", mapping.properties["FunctionName"]).properties
        window = mapping.properties.get("MaximumBatchingWindowInSeconds", 0)
        if queue.get("VisibilityTimeout", 30) < 6 * function["Timeout"] + window:
            yield mapping


def _large_batch_at_once(estate: Estate) -> Iterator[Resource]:
    for mapping in _mappings(estate, "sqs"):
        if mapping.properties["BatchSize"] > 10 and not mapping.properties.get("MaximumBatchingWindowInSeconds"):
            yield mapping


def _fifo_with_window(estate: Estate) -> Iterator[Resource]:
    for mapping in _mappings(estate, "sqs"):
        queue = estate.one("AWS::SQS::Queue", mapping.properties["EventSourceArn"]).properties
        if queue.get("FifoQueue") and mapping.properties.get("MaximumBatchingWindowInSeconds"):
            yield mapping


def _stream_without_start(estate: Estate) -> Iterator[Resource]:
    return (
        one for one in _mappings(estate, "kafka", "kinesis", "dynamodb") if "StartingPosition" not in one.properties
    )


def _whole_batches(estate: Estate) -> Iterator[Resource]:
    for mapping in _mappings(estate, "kafka", "kinesis", "dynamodb", "sqs"):
        if "ReportBatchItemFailures" not in mapping.properties.get("FunctionResponseTypes", ()):
            yield mapping


def _filters_unseen_images(estate: Estate) -> Iterator[Resource]:
    for mapping in _mappings(estate, "dynamodb"):
        table = estate.one("AWS::DynamoDB::GlobalTable", mapping.properties["EventSourceArn"].partition("/stream/")[0])
        view = table.properties["StreamSpecification"]["StreamViewType"]
        asks = json.dumps(mapping.properties.get("FilterCriteria", {}))
        if "NewImage" in asks and view not in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
            yield mapping


def _fifo_for_lost_events(estate: Estate) -> Iterator[Resource]:
    """EventBridge and Lambda send what they cannot deliver to standard queues alone."""
    lost = {
        target["DeadLetterConfig"]["Arn"]
        for rule in estate.of_type("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if "DeadLetterConfig" in target
    }
    lost |= {
        one.properties["DestinationConfig"]["OnFailure"]["Destination"]
        for one in _mappings(estate, "kinesis", "dynamodb")
        if "DestinationConfig" in one.properties
    }
    return (
        queue for queue in estate.of_type("AWS::SQS::Queue") if arn(queue) in lost and queue.properties.get("FifoQueue")
    )


def _dead_letters_of_another_kind(estate: Estate) -> Iterator[Resource]:
    for queue in estate.of_type("AWS::SQS::Queue"):
        if "RedrivePolicy" in queue.properties:
            target = estate.one("AWS::SQS::Queue", queue.properties["RedrivePolicy"]["deadLetterTargetArn"])
            if target.properties.get("FifoQueue", False) != queue.properties.get("FifoQueue", False):
                yield queue


def _logs_under_a_customer_key(estate: Estate) -> Iterator[Resource]:
    kept = {
        bucket.properties["LoggingConfiguration"]["DestinationBucketName"]
        for bucket in estate.of_type("AWS::S3::Bucket")
        if "LoggingConfiguration" in bucket.properties
    }
    for name in kept:
        bucket = estate.one("AWS::S3::Bucket", name)
        if estate.key_of(arn(bucket)) is not None:
            yield bucket


def _reports_to_another_bus(estate: Estate) -> Iterator[Resource]:
    for one in estate.of_type("AWS::SES::ConfigurationSetEventDestination"):
        bus = one.properties["EventDestination"].get("EventBridgeDestination", {}).get("EventBusArn", "")
        if bus and not bus.endswith(":event-bus/default"):
            yield one


def _targets_without_role(estate: Estate) -> Iterator[Resource]:
    for rule in estate.of_type("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            if target["Arn"].split(":")[2] in {"events", "states"} and "RoleArn" not in target:
                yield rule


def _log_groups_by_half(estate: Estate) -> Iterator[Resource]:
    for machine in estate.of_type("AWS::StepFunctions::StateMachine"):
        for to in machine.properties.get("LoggingConfiguration", {}).get("Destinations", ()):
            if not to["CloudWatchLogsLogGroup"]["LogGroupArn"].endswith(":*"):
                yield machine


def _optimized_without_iceberg(estate: Estate) -> Iterator[Resource]:
    for optimizer in estate.of_type("AWS::Glue::TableOptimizer"):
        wanted = (optimizer.properties["DatabaseName"], optimizer.properties["TableName"])
        for table in estate.of_type("AWS::Glue::Table"):
            name = table.properties.get("Name") or table.properties.get("TableInput", {}).get("Name")
            iceberg = "IcebergInput" in table.properties.get("OpenTableFormatInput", {})
            if (table.properties["DatabaseName"], name) == wanted and not iceberg:
                yield optimizer


def _web_acl_logs_elsewhere(estate: Estate) -> Iterator[Resource]:
    for one in estate.of_type("AWS::WAFv2::LoggingConfiguration"):
        for destination in one.properties["LogDestinationConfigs"]:
            group = estate.one("AWS::Logs::LogGroup", destination.partition(":log-group:")[2].removesuffix(":*"))
            name = str(group.properties.get("LogGroupName", ""))
            if not name.startswith("aws-waf-logs-") or destination.endswith(":*"):
                yield one


_PREPARED: Final = (exp.Select, exp.Union, exp.Insert, exp.Create)  # CREATE: of a table from a query


def _prepared_otherwise(estate: Estate) -> Iterator[Resource]:
    """Yield statements whose name Athena does not take, of another kind, or with a value elsewhere than in WHERE."""
    for one in estate.of_type("AWS::Athena::PreparedStatement"):
        tree = sqlglot.parse_one(one.properties["QueryStatement"], dialect="athena")
        named = re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_@:]{1,255}", one.properties["StatementName"])
        elsewhere = [value for value in tree.find_all(exp.Placeholder) if value.find_ancestor(exp.Where) is None]
        if named is None or not isinstance(tree, _PREPARED) or elsewhere:
            yield one


_ZONES_OF_WAREHOUSE: Final = 3
_RPU_STEP: Final = 8


def _warehouse_in_too_few_zones(estate: Estate) -> Iterator[Resource]:
    for workgroup in estate.of_type("AWS::RedshiftServerless::Workgroup"):
        subnets = {str(name) for name in workgroup.properties["SubnetIds"]}
        if workgroup.properties.get("EnhancedVpcRouting") and len(subnets) < _ZONES_OF_WAREHOUSE:
            yield workgroup


def _capacities_that_do_not_exist(estate: Estate) -> Iterator[Resource]:
    for workgroup in estate.of_type("AWS::RedshiftServerless::Workgroup"):
        base, most = (workgroup.properties[name] for name in ("BaseCapacity", "MaxCapacity"))
        if base % _RPU_STEP or most % _RPU_STEP or most < base:
            yield workgroup


def _password_twice(estate: Estate) -> Iterator[Resource]:
    for namespace in estate.of_type("AWS::RedshiftServerless::Namespace"):
        if namespace.properties.get("ManageAdminPassword") and "AdminUserPassword" in namespace.properties:
            yield namespace


# By the vCPUs of a worker: the least and the most memory, in gigabytes, and the step between two sizes.
_EMR_WORKERS: Final = {1: (2, 8, 1), 2: (4, 16, 1), 4: (8, 30, 1), 8: (16, 60, 4), 16: (32, 120, 8)}


_GUARDED: Final = "spark.emr-serverless.lakeformation.enabled"


def _workers_of_no_size(estate: Estate) -> Iterator[Resource]:
    """Yield applications whose limits do not hold a whole number of workers of a size that exists."""
    for application in estate.of_type("AWS::EMRServerless::Application"):
        (spark,) = (one["Properties"] for one in application.properties["RuntimeConfiguration"])
        limit = {name: int(text.split()[0]) for name, text in application.properties["MaximumCapacity"].items()}
        needed_cpu, needed_memory = 0, 0
        # Under Lake Formation a session has two drivers, and as many executors as it is allowed.
        guarded = spark.get(_GUARDED) == "true"
        executors = spark["spark.dynamicAllocation.maxExecutors" if guarded else "spark.executor.instances"]
        for part, number in (("driver", 1 + guarded), ("executor", int(executors))):
            cores = int(spark[f"spark.{part}.cores"])
            heap = int(spark[f"spark.{part}.memory"].removesuffix("g"))
            least, most, step = _EMR_WORKERS[cores]
            memory = max(least, -(-(heap * 11) // (10 * step)) * step)
            needed_cpu += number * cores
            needed_memory += number * memory
            if memory > most:
                yield application
        if needed_cpu > limit["Cpu"] or needed_memory > limit["Memory"]:
            yield application


def _iceberg_without_jar(estate: Estate) -> Iterator[Resource]:
    for application in estate.of_type("AWS::EMRServerless::Application"):
        for one in application.properties["RuntimeConfiguration"]:
            spark = one["Properties"]
            uses = any(str(value).startswith("org.apache.iceberg") for value in spark.values())
            if uses and "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar" not in spark.get("spark.jars", ""):
                yield application


def _records_itself(estate: Estate) -> Iterator[Resource]:
    for trail in estate.of_type("AWS::CloudTrail::Trail"):
        delivered = f"arn:aws:s3:::{trail.properties['S3BucketName']}/AWSLogs/"
        fields = [field for one in trail.properties["AdvancedEventSelectors"] for field in one["FieldSelectors"]]
        prefixes = [prefix for field in fields for prefix in field.get("StartsWith", ())]
        if any(delivered.startswith(prefix) for prefix in prefixes):
            yield trail


def _tables_of_data_sets(estate: Estate) -> Iterator[tuple[Resource, Resource]]:
    tables = {
        (
            one.properties["DatabaseName"],
            one.properties.get("Name") or one.properties.get("TableInput", {}).get("Name"),
        ): one
        for one in estate.of_type("AWS::Glue::Table")
    }
    for data_set in estate.of_type("AWS::DataBrew::Dataset"):
        source = data_set.properties["Input"]["DataCatalogInputDefinition"]
        yield data_set, tables[source["DatabaseName"], source["TableName"]]


def _unreadable_data_sets(estate: Estate) -> Iterator[Resource]:
    for data_set, table in _tables_of_data_sets(estate):
        stated = table.properties.get("TableInput", {}).get("Parameters", {})
        readable = stated.get("classification") in {"csv", "json", "parquet"} and stated.get("typeOfData") == "file"
        if not readable or "OpenTableFormatInput" in table.properties:
            yield data_set


def _unprofiled_columns(estate: Estate) -> Iterator[Resource]:
    known = {"tinyint", "smallint", "int", "bigint", "float", "double", "string", "boolean"}
    for data_set, table in _tables_of_data_sets(estate):
        columns = table.properties["TableInput"]["StorageDescriptor"]["Columns"]
        if any(column["Type"] not in known for column in columns):
            yield data_set


def _unpublished_recipes(estate: Estate) -> Iterator[Resource]:
    for job in estate.of_type("AWS::DataBrew::Job"):
        if job.properties["Type"] == "RECIPE" and job.properties["Recipe"].get("Version") in (None, "LATEST_WORKING"):
            yield job


_DATABREW_SOURCES: Final = "AWS Glue DataBrew Developer Guide: Supported connections for data sources and outputs"


def _sessions_with_fixed_executors(estate: Estate) -> Iterator[Resource]:
    for application in estate.of_type("AWS::EMRServerless::Application"):
        for one in application.properties["RuntimeConfiguration"]:
            spark = one["Properties"]
            fixed = "spark.executor.instances" in spark or spark.get("spark.dynamicAllocation.enabled") == "false"
            if spark.get(_GUARDED) == "true" and fixed:
                yield application


def _sessions_that_read_files(estate: Estate) -> Iterator[Resource]:
    """An application for notebooks without Lake Formation would let a session read what its role may read of S3."""
    for application in estate.of_type("AWS::EMRServerless::Application"):
        (spark,) = (one["Properties"] for one in application.properties["RuntimeConfiguration"])
        guarded = spark.get(_GUARDED) == "true" and "spark.sql.catalog.spark_catalog" in spark
        if "InteractiveConfiguration" in application.properties and not guarded:
            yield application


def _studio_groups_beside_the_rules(estate: Estate) -> Iterator[Resource]:
    """Yield studios whose groups have other rules than AWS documents: port 18888 between them, and HTTPS outwards."""
    for studio in estate.of_type("AWS::EMR::Studio"):
        workspace, engine = (str(studio.properties[f"{one}SecurityGroupId"]) for one in ("Workspace", "Engine"))
        rules = {
            (group, "in" if kind == "Ingress" else "out"): set[tuple[int, str]]()
            for group in (workspace, engine)
            for kind in ("Ingress", "Egress")
        }
        for kind, way in (("Ingress", "in"), ("Egress", "out")):
            for rule in estate.of_type(f"AWS::EC2::SecurityGroup{kind}"):
                if (key := (str(rule.properties["GroupId"]), way)) in rules:
                    rules[key].add(_rule(rule.properties))
            for group in estate.of_type("AWS::EC2::SecurityGroup"):
                if (key := (f"{physical_name(group)}.GroupId", way)) in rules:
                    rules[key] |= {_rule(one) for one in group.properties.get(f"SecurityGroup{kind}", ())}
        # A group without rules has one that nothing matches.
        found = {key: {rule for rule in held if rule[1] != "255.255.255.255/32"} for key, held in rules.items()}
        if found != {
            (workspace, "in"): set(),
            (workspace, "out"): {(18888, engine), (443, "0.0.0.0/0")},
            (engine, "in"): {(18888, workspace)},
            (engine, "out"): set(),
        }:
            yield studio


def _rule(stated: Mapping[str, Any]) -> tuple[int, str]:
    other = ("SourceSecurityGroupId", "DestinationSecurityGroupId", "CidrIp")
    return int(stated.get("FromPort", -1)), str(next(stated[name] for name in other if name in stated))


_LEAST_IDLE, _MOST_IDLE = 60, 525_600


def _domains(estate: Estate) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for domain in estate.of_type("AWS::SageMaker::Domain"):
        yield domain, domain.properties["DefaultUserSettings"]


def _idle_times_that_do_not_exist(estate: Estate) -> Iterator[Resource]:
    for domain, settings in _domains(estate):
        idle = settings["JupyterLabAppSettings"]["AppLifecycleManagement"]["IdleSettings"]
        least, wanted, most = (idle[f"{name}IdleTimeoutInMinutes"] for name in ("Min", "", "Max"))
        if not _LEAST_IDLE <= least <= wanted <= most <= _MOST_IDLE or idle["LifecycleManagement"] != "ENABLED":
            yield domain


def _scripts_that_no_space_may_run(estate: Estate) -> Iterator[Resource]:
    attached = [
        script
        for _, settings in _domains(estate)
        for script in settings["JupyterLabAppSettings"].get("LifecycleConfigArns", ())
    ]
    for space in estate.of_type("AWS::SageMaker::Space"):
        stated = space.properties["SpaceSettings"]["JupyterLabAppSettings"]
        if stated["DefaultResourceSpec"]["LifecycleConfigArn"] not in attached:
            yield space


def _private_apps_without_groups(estate: Estate) -> Iterator[Resource]:
    for domain, settings in _domains(estate):
        stated = domain.properties
        if stated["AppNetworkAccessType"] == "VpcOnly" and not (settings.get("SecurityGroups") and stated["SubnetIds"]):
            yield domain


def _file_system_that_outlives_its_domain(estate: Estate) -> Iterator[Resource]:
    for domain, settings in _domains(estate):
        if (
            domain.properties.get("HomeEfsFileSystemCreation") != "Disabled"
            or settings["AutoMountHomeEFS"] != "Disabled"
        ):
            yield domain


def _profiles_that_go_before_their_apps(estate: Estate) -> Iterator[Resource]:
    """What is deleted first is what depends on the others."""
    emptied = [
        name for one in estate.of_type("Custom::StudioProfile") for name in listed(one.document.get("DependsOn", []))
    ]
    for kind in ("AWS::SageMaker::UserProfile", "AWS::SageMaker::Space"):
        for one in estate.of_type(kind):
            if one.logical_id not in emptied:
                yield one


# Names that the Feature Store adds to the rows of the offline store.
_KEPT_FOR_THE_STORE: Final = frozenset({"is_deleted", "write_time", "api_invocation_time", "TruncatedEventTime"})
_FEATURE_NAME: Final = re.compile(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}")


def _feature_groups_that_cannot_be(estate: Estate) -> Iterator[Resource]:
    """The record and its time are features, the time a text or a fraction, and no name is one of the store's own."""
    for group in estate.of_type("AWS::SageMaker::FeatureGroup"):
        stated = group.properties
        kinds = {one["FeatureName"]: one["FeatureType"] for one in stated["FeatureDefinitions"]}
        named = (stated["RecordIdentifierFeatureName"], stated["EventTimeFeatureName"])
        whole = len(kinds) == len(stated["FeatureDefinitions"]) and {*named} <= kinds.keys()
        free = all(_FEATURE_NAME.fullmatch(name) and name not in _KEPT_FOR_THE_STORE for name in kinds)
        if not whole or not free or kinds[named[1]] == "Integral":
            yield group


_WAREHOUSE_PLACE: Final = (
    "Amazon Redshift Management Guide: Considerations when using Amazon Redshift Serverless, three subnets with EVR"
)
_SQS_SOURCE: Final = "AWS Lambda Developer Guide: Creating and configuring an Amazon SQS event source mapping"
_SOURCE: Final = "AWS Lambda API Reference: CreateEventSourceMapping"

_GUARDED_PAGE: Final = (
    "Amazon EMR Serverless User Guide: Using EMR Serverless with AWS Lake Formation for fine-grained access control"
)
_DELETED_DOMAIN: Final = "Amazon SageMaker AI Developer Guide: Delete an Amazon SageMaker AI domain"

REFUSALS: Final = (
    Refusal(
        rule="a group of features has its identifier, its time, and names that the store does not keep for itself",
        page=_FEATURES,
        faults=_feature_groups_that_cannot_be,
    ),
    Refusal(
        rule="DataBrew knows a table of the catalog by its properties `classification` and `typeOfData`",
        page=_DATABREW_SOURCES,
        faults=_unreadable_data_sets,
    ),
    Refusal(
        rule="a profile job skips columns of other types than numbers, texts and truths",
        page="AWS Glue DataBrew Developer Guide: Building a profile job configuration programmatically",
        faults=_unprofiled_columns,
    ),
    Refusal(
        rule="a recipe job runs a published version",
        page="AWS Glue DataBrew Developer Guide: Creating and working with AWS Glue DataBrew recipe jobs",
        faults=_unpublished_recipes,
    ),
    Refusal(
        rule="a session under Lake Formation has no fixed number of executors",
        page=f"{_GUARDED_PAGE}, considerations and limitations",
        faults=_sessions_with_fixed_executors,
    ),
    Refusal(
        rule="a session of a notebook reads the lake through Lake Formation, in the catalog of the session",
        page=_GUARDED_PAGE,
        faults=_sessions_that_read_files,
    ),
    Refusal(
        rule="nobody reaches a workspace, and it reaches its engines on one port and the internet by HTTPS",
        page="Amazon EMR Management Guide: Define security groups to control EMR Studio network traffic",
        faults=_studio_groups_beside_the_rules,
    ),
    Refusal(
        rule="an app of JupyterLab ends after an hour without work at the earliest, and after a year at the latest",
        page="Amazon SageMaker API Reference: IdleSettings",
        faults=_idle_times_that_do_not_exist,
    ),
    Refusal(
        rule="a script that a space runs when it starts is attached to the domain",
        page="Amazon SageMaker AI Developer Guide: Attach lifecycle configurations to JupyterLab",
        faults=_scripts_that_no_space_may_run,
    ),
    Refusal(
        rule="apps without a way to the internet have security groups and subnets",
        page="Amazon SageMaker API Reference: CreateDomain and UserSettings, SecurityGroups",
        faults=_private_apps_without_groups,
    ),
    Refusal(
        rule="a domain has no file system, which CloudFormation would leave behind, with its interfaces in the network",
        page="Amazon SageMaker API Reference: DeleteDomain, RetentionPolicy; CreateDomain, HomeEfsFileSystemCreation",
        faults=_file_system_that_outlives_its_domain,
    ),
    Refusal(
        rule="a profile and a space are deleted after the apps that people have started in them",
        page=_DELETED_DOMAIN,
        faults=_profiles_that_go_before_their_apps,
    ),
    Refusal(
        rule="a workgroup with enhanced VPC routing is in three subnets of three zones or more",
        page=_WAREHOUSE_PLACE,
        faults=_warehouse_in_too_few_zones,
    ),
    Refusal(
        rule="the capacity of a workgroup is a multiple of eight units, and the most is not below the base",
        page="Amazon Redshift Management Guide: Billing for Amazon Redshift Serverless, base and maximum capacity",
        faults=_capacities_that_do_not_exist,
    ),
    Refusal(
        rule="Redshift keeps the administrator's password, or the template states one, not both",
        page="Amazon Redshift Serverless API Reference: CreateNamespace",
        faults=_password_twice,
    ),
    Refusal(
        rule="a queue hides a message for six timeouts of its function, and the window in which a batch is gathered",
        page=_SQS_SOURCE,
        faults=_short_visibility,
    ),
    Refusal(rule="a batch above ten messages needs a window", page=_SQS_SOURCE, faults=_large_batch_at_once),
    Refusal(rule="a FIFO queue has no batching window", page=_SQS_SOURCE, faults=_fifo_with_window),
    Refusal(rule="a reader of a stream says where it starts", page=_SOURCE, faults=_stream_without_start),
    Refusal(
        rule="a function answers which records of a batch failed, or good records are repeated with them",
        page="AWS Lambda Developer Guide: Configuring partial batch response",
        faults=_whole_batches,
    ),
    Refusal(
        rule="a filter on the new image needs a stream that carries it",
        page="AWS Lambda Developer Guide: Using event filtering with a DynamoDB event source",
        faults=_filters_unseen_images,
    ),
    Refusal(
        rule="what cannot be delivered goes to a standard queue",
        page="Amazon EventBridge User Guide: Using dead-letter queues to process undelivered events; " + _SOURCE,
        faults=_fifo_for_lost_events,
    ),
    Refusal(
        rule="a dead-letter queue is of the kind of its queue",
        page="Amazon SQS Developer Guide: Using dead-letter queues in Amazon SQS",
        faults=_dead_letters_of_another_kind,
    ),
    Refusal(
        rule="S3 delivers access logs to no bucket that a customer's key encrypts by default",
        page="Amazon S3 User Guide: Enabling Amazon S3 server access logging",
        faults=_logs_under_a_customer_key,
    ),
    Refusal(
        rule="SES reports to the default bus alone",
        page="Amazon SES API v2 Reference: EventBridgeDestination",
        faults=_reports_to_another_bus,
    ),
    Refusal(
        rule="a rule starts a state machine with a role",
        page="Amazon EventBridge User Guide: Identity-based policies, Step Functions permissions",
        faults=_targets_without_role,
    ),
    Refusal(
        rule="a state machine names its log group with `:*` at the end",
        page="AWS CloudFormation User Guide: AWS::StepFunctions::StateMachine CloudWatchLogsLogGroup",
        faults=_log_groups_by_half,
    ),
    Refusal(
        rule="a web ACL logs to a group whose name begins with `aws-waf-logs-`, named without `:*` at the end",
        page="AWS WAF Developer Guide: Sending web ACL traffic logs to an Amazon CloudWatch Logs log group",
        faults=_web_acl_logs_elsewhere,
    ),
    Refusal(
        rule="a trail does not record its own deliveries, which would never end",
        page="AWS CloudTrail User Guide: Logging data events",
        faults=_records_itself,
    ),
    Refusal(
        rule="a run fits into the limits of its application, with workers of a size that EMR Serverless has",
        page="Amazon EMR Serverless User Guide: Worker configurations; Maximum capacity",
        faults=_workers_of_no_size,
    ),
    Refusal(
        rule="Spark on EMR finds Iceberg's classes in the jar of the release",
        page="Amazon EMR Serverless User Guide: Using Apache Iceberg with EMR Serverless",
        faults=_iceberg_without_jar,
    ),
    Refusal(
        rule="a prepared statement has a name of Athena's form, is a query or writes one, with values in WHERE alone",
        page="Amazon Athena User Guide: Use parameterized queries, considerations and limitations; PREPARE",
        faults=_prepared_otherwise,
    ),
    Refusal(
        rule="Clean Rooms reads Iceberg tables that are compressed with Snappy or gzip",
        page="AWS Clean Rooms User Guide: Apache Iceberg tables in AWS Clean Rooms, limitations",
        faults=_closed_compression,
    ),
    Refusal(
        rule="a shared column is one of the table, and of a type that Clean Rooms knows",
        page="AWS Clean Rooms User Guide: Apache Iceberg tables in AWS Clean Rooms, supported data types",
        faults=_unshared_columns,
    ),
    Refusal(
        rule="a column by which tables are joined is never shown",
        page="AWS Clean Rooms API Reference: AnalysisRuleAggregation, joinColumns",
        faults=_columns_of_two_parts,
    ),
    Refusal(
        rule="differential privacy needs a privacy budget",
        page="AWS Clean Rooms User Guide: Setting a differential privacy policy",
        faults=_privacy_without_budget,
    ),
    Refusal(
        rule="a collaboration runs on Spark",
        page="AWS Clean Rooms SQL Reference: the end of the Clean Rooms SQL analytics engine on December 17th, 2025",
        faults=_engine_that_ended,
    ),
    Refusal(
        rule="one member pays for the queries",
        page="AWS Clean Rooms API Reference: CreateCollaboration, creatorPaymentConfiguration",
        faults=_who_pays,
    ),
    Refusal(
        rule="only Iceberg tables are optimized",
        page="AWS Glue Developer Guide: Optimizing Iceberg tables",
        faults=_optimized_without_iceberg,
    ),
)
