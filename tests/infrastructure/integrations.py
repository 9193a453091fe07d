"""Where the templates integrate services, and which needs of the table each use has.

`uses` walks the templates and names every use by its kind. `INTEGRATIONS` says for each kind what AWS calls then: who,
with which need, on what, and which condition keys the call states. A kind that is missing there fails the tests.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from c360_core.names import TableName, Zone, database_name
from tests.infrastructure import needs
from tests.infrastructure.assembly import CDKS_OWN, Resource, listed, states
from tests.infrastructure.estate import ACCOUNT, REGION, Estate, arn, physical_name
from tests.infrastructure.needs import Need
from tests.infrastructure.policies import Context, Policies, Statement

_EVENTS: Final = "events.amazonaws.com"
_LOG_GROUPS: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
_CATALOG: Final = f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"
_SAME_ACCOUNT: Final = {"aws:SourceAccount": ACCOUNT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of an integration in the templates.

    Attributes:
        kind: what integrates with what, such as `source sqs`.
        resource: the resource of the template that says so.
        part: what of the resource: a target, a state, a statement.
    """

    kind: str
    resource: Resource
    part: Any = None

    def __str__(self) -> str:
        return f"{self.kind} in {self.resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What AWS does in one use.

    Attributes:
        party: the ARN of the role that AWS acts as, or the service that acts by itself.
        resource: the ARN of what the call is on, or `*` where the action accepts no resource.
        context: the condition keys that the call states.
    """

    party: str
    need: Need
    resource: str
    context: Context = field(default_factory=dict)


Calls = Iterable[Call]
Integration = Callable[[Estate, Use], Calls]


# ---- finding the uses


def uses(estate: Estate) -> Iterator[Use]:
    """Yield every use of an integration in the templates of an environment."""
    for resource in estate.resources:
        if CDKS_OWN in resource.logical_id:
            continue
        kind = resource.document["Type"]
        if kind not in WITHOUT_NEEDS:
            yield Use(kind=f"resource {kind}", resource=resource)
        for walk in _WALKS.get(kind, ()):
            yield from walk(resource)
    yield from _grants(estate)


def _mapping(resource: Resource) -> Iterator[Use]:
    source = resource.properties["EventSourceArn"]
    yield Use(kind=f"source {_service(source)}", resource=resource, part=source)
    if "DestinationConfig" in resource.properties:
        lost = resource.properties["DestinationConfig"]["OnFailure"]["Destination"]
        yield Use(kind=f"discarded records to {_service(lost)}", resource=resource, part=lost)


def _rule(resource: Resource) -> Iterator[Use]:
    for target in resource.properties["Targets"]:
        yield Use(kind=f"target {_service(target['Arn'])}", resource=resource, part=target)
        if "DeadLetterConfig" in target:
            lost = target["DeadLetterConfig"]["Arn"]
            yield Use(kind=f"undelivered events to {_service(lost)}", resource=resource, part=lost)


def _machine(resource: Resource) -> Iterator[Use]:
    for one in ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"):
        if one in resource.properties:
            yield Use(kind=f"machine's {one}", resource=resource, part=resource.properties[one])
    for state in states(json.loads(resource.properties["DefinitionString"])).values():
        if state["Type"] == "Task":
            yield Use(kind=f"task {_task(state['Resource'])}", resource=resource, part=state)


def _task(called: str) -> str:
    """Return what a task calls: an integration by name, or `lambda` for a function by its ARN."""
    return called.partition(":states:::")[2] or _service(called)


def _function(resource: Resource) -> Iterator[Use]:
    for one in ("KmsKeyArn", "TracingConfig", "VpcConfig", "DeadLetterConfig", "FileSystemConfigs"):
        if one in resource.properties:
            yield Use(kind=f"function's {one}", resource=resource, part=resource.properties[one])


def _role(resource: Resource) -> Iterator[Use]:
    for statement in resource.properties["AssumeRolePolicyDocument"]["Statement"]:
        for kind, principal in statement["Principal"].items():
            for service in listed(principal) if kind == "Service" else ():
                yield Use(kind=f"trust {service}", resource=resource, part=service)


def _bucket(resource: Resource) -> Iterator[Use]:
    if "LoggingConfiguration" in resource.properties:
        yield Use(kind="bucket's access logs", resource=resource, part=resource.properties["LoggingConfiguration"])
    for notified in resource.properties.get("NotificationConfiguration", {}):
        yield Use(kind=f"bucket's {notified}", resource=resource)


_WALKS: Final[Mapping[str, tuple[Callable[[Resource], Iterator[Use]], ...]]] = {
    "AWS::Events::Rule": (_rule,),
    "AWS::IAM::Role": (_role,),
    "AWS::Lambda::EventSourceMapping": (_mapping,),
    "AWS::Lambda::Function": (_function,),
    "AWS::S3::Bucket": (_bucket,),
    "AWS::StepFunctions::StateMachine": (_machine,),
}


def _grants(estate: Estate) -> Iterator[Use]:
    """Yield each right of a role that is of no use without others."""
    policies = Policies(estate)
    for role in estate.of_type("AWS::IAM::Role"):
        for statement in policies.of_roles[arn(role)]:
            for action in statement.actions:
                if statement.effect == "Allow" and (kind := f"right {action}") in INTEGRATIONS:
                    yield Use(kind=kind, resource=role, part=statement)


def _service(name: str) -> str:
    return name.split(":")[2]


def calls(estate: Estate) -> Iterator[tuple[Use, Call]]:
    """Yield what AWS calls in every use that has a row."""
    for use in uses(estate):
        for call in INTEGRATIONS.get(use.kind, _nothing)(estate, use):
            yield use, call


def unclaimed(estate: Estate) -> list[str]:
    """Return the uses that no row is for."""
    return [str(use) for use in uses(estate) if use.kind not in INTEGRATIONS]


def lacking(policies: Policies, call: Call) -> list[str]:
    """Return the actions of a call that nothing allows."""
    return [action for action in call.need.actions if not all(allowing(policies, call, action))]


def allowing(policies: Policies, call: Call, action: str) -> list[list[Statement]]:
    """Return the groups of statements that allow an action of a call: it needs one of each group."""
    # AWS's services call each other over TLS.
    context = {"aws:SecureTransport": "true", **call.context}
    return policies.deciding(call.party, action, call.resource, context)


# ---- what the calls state


def _via(service: str) -> Context:
    """Return what a call on a key states that a service makes in the name of the service's caller."""
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}


def _by(source: str) -> Context:
    """Return what a call of a service states that acts for one resource."""
    return {**_SAME_ACCOUNT, "aws:SourceArn": source}


def _with_key(estate: Estate, party: str, need: Need, encrypted: str, context: Context) -> Calls:
    """Yield the call on the key of a resource, if a customer's key encrypts it."""
    if (key := estate.key_of(encrypted)) is not None:
        yield Call(party=party, need=need, resource=key, context=context)


# ---- Lambda


def _function_role(estate: Estate, mapping: Resource) -> str:
    return str(estate.one("AWS::Lambda::Function", mapping.properties["FunctionName"]).properties["Role"])


def _reads_kinesis(estate: Estate, use: Use) -> Calls:
    role = _function_role(estate, use.resource)
    yield Call(party=role, need=needs.LAMBDA_READS_KINESIS, resource=use.part)


def _reads_topic(estate: Estate, use: Use) -> Calls:
    role, mapping = _function_role(estate, use.resource), use.resource.properties
    group = mapping["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"]
    yield Call(party=role, need=needs.LAMBDA_FINDS_KAFKA, resource=use.part)
    yield Call(party=role, need=needs.LAMBDA_ENTERS_NETWORK, resource="*")
    yield Call(party=role, need=needs.READS_IN_GROUP, resource=_on_cluster(use.part, "group", group))
    for topic in mapping["Topics"]:
        yield Call(party=role, need=needs.READS_TOPIC, resource=_on_cluster(use.part, "topic", topic))


def _stands_in_network(_estate: Estate, use: Use) -> Calls:
    yield Call(party=use.resource.properties["Role"], need=needs.LAMBDA_ENTERS_NETWORK, resource="*")


def _reads_dynamodb(estate: Estate, use: Use) -> Calls:
    role = _function_role(estate, use.resource)
    yield Call(party=role, need=needs.LAMBDA_READS_DYNAMODB, resource=use.part)
    yield Call(party=role, need=needs.LAMBDA_LISTS_DYNAMODB_STREAMS, resource="*")
    table = use.part.partition("/stream/")[0]
    yield from _with_key(estate, role, needs.USE_ENCRYPTED_TABLE, table, _via("dynamodb"))


def _reads_queue(estate: Estate, use: Use) -> Calls:
    role = _function_role(estate, use.resource)
    yield Call(party=role, need=needs.LAMBDA_READS_QUEUE, resource=use.part)


def _discards_to_queue(estate: Estate, use: Use) -> Calls:
    role = _function_role(estate, use.resource)
    yield Call(party=role, need=needs.LAMBDA_TELLS_A_QUEUE, resource=use.part)


def _writes_function_logs(estate: Estate, use: Use) -> Calls:
    group = estate.one("AWS::Logs::LogGroup", use.resource.properties["LoggingConfig"]["LogGroup"])
    stream = f"{arn(group).removesuffix('*')}log-stream:latest"
    yield Call(party=use.resource.properties["Role"], need=needs.WRITE_FUNCTION_LOGS, resource=stream)


def _logs_flows(estate: Estate, use: Use) -> Calls:
    group = estate.one("AWS::Logs::LogGroup", use.resource.properties["LogGroupName"])
    role = use.resource.properties["DeliverLogsPermissionArn"]
    yield Call(party=role, need=needs.DELIVER_FLOW_LOGS, resource=arn(group))


def _traces(_estate: Estate, use: Use) -> Calls:
    yield Call(party=use.resource.properties["Role"], need=needs.TRACE, resource="*")


def _reads_variables(_estate: Estate, use: Use) -> Calls:
    context = {**_via("lambda"), "kms:EncryptionContext:aws:lambda:FunctionArn": arn(use.resource)}
    yield Call(
        party=use.resource.properties["Role"], need=needs.READ_ENCRYPTED_VARIABLES, resource=use.part, context=context
    )


def _rotates(estate: Estate, use: Use) -> Calls:
    secret = use.resource.properties["SecretId"]
    function = estate.one("AWS::Lambda::Function", use.resource.properties["RotationLambdaARN"])
    role = function.properties["Role"]
    party = "secretsmanager.amazonaws.com"
    yield Call(party=party, need=needs.ROTATION_IS_CALLED, resource=arn(function), context=_by(secret))
    yield Call(party=role, need=needs.ROTATION_CHANGES_SECRET, resource=secret)
    context = {**_via("secretsmanager"), "kms:EncryptionContext:SecretARN": secret}
    yield from _with_key(estate, role, needs.ROTATION_USES_KEY, secret, context)


def _is_invoked_by_gateway(estate: Estate, use: Use) -> Calls:
    route = use.resource.properties
    integration_name = route["Target"].partition("integrations/")[2]
    (integration,) = (
        one for one in estate.of_type("AWS::ApiGatewayV2::Integration") if physical_name(one) == integration_name
    )
    path = route["RouteKey"].partition(" ")[2]
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{route['ApiId']}/$default/{route['RouteKey'].split()[0]}{path}"
    yield Call(
        party="apigateway.amazonaws.com",
        need=needs.GATEWAY_INVOKES,
        resource=integration.properties["IntegrationUri"],
        context=_by(source),
    )


# ---- Step Functions


def _machine_logs(_estate: Estate, use: Use) -> Calls:
    yield Call(party=use.resource.properties["RoleArn"], need=needs.STEP_FUNCTIONS_LOGS, resource="*")


def _machine_traces(_estate: Estate, use: Use) -> Calls:
    yield Call(party=use.resource.properties["RoleArn"], need=needs.STEP_FUNCTIONS_TRACES, resource="*")


def _task_on(need: Need, resource: Callable[[Estate, Mapping[str, Any]], Iterable[str]]) -> Integration:
    """Return the needs of a task on the resources that its state names."""

    def called(estate: Estate, use: Use) -> Calls:
        for named in resource(estate, use.part):
            yield Call(party=use.resource.properties["RoleArn"], need=need, resource=named)

    return called


def _all_of(*integrations: Integration) -> Integration:
    def called(estate: Estate, use: Use) -> Calls:
        for one in integrations:
            yield from one(estate, use)

    return called


def _called(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield state["Resource"]


def _given_function(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield state["Parameters"]["FunctionName"]


def _started(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield state["Parameters"]["StateMachineArn"]


def _wakes_its_callers(estate: Estate, use: Use) -> Calls:
    """The function that gets a task's token finds, now and then, that what is waited for has happened."""
    function = estate.by_arn[use.part["Parameters"]["FunctionName"]]
    yield Call(party=function.properties["Role"], need=needs.WAKE_EXECUTION, resource=arn(use.resource))


def _topic(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield state["Parameters"]["TopicArn"]


def _job(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{state['Parameters']['JobName']}"


_EMR: Final = f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/"


def _runs_on_emr(estate: Estate, use: Use) -> Calls:
    """A task starts a run, passes it the job's role, and follows it; the run reads its code with that role."""
    state, starter = use.part["Parameters"], use.resource.properties["RoleArn"]
    role, application = state["ExecutionRoleArn"], f"{_EMR}{state['ApplicationId']}"
    yield Call(party=starter, need=needs.STEP_FUNCTIONS_RUN_EMR, resource=application)
    yield Call(party=starter, need=needs.STEP_FUNCTIONS_WATCH_EMR, resource=f"{application}/jobruns/00f1")
    passed = {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    yield Call(party=starter, need=needs.STEP_FUNCTIONS_PASS_TO_EMR, resource=role, context=passed)
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForEMRServerlessJobRule"
    yield Call(party=starter, need=needs.STEP_FUNCTIONS_AWAIT_EMR, resource=rule)
    submitted = state["JobDriver"]["SparkSubmit"]
    library = submitted["SparkSubmitParameters"].partition("spark.submit.pyFiles=")[2]
    for code in (submitted["EntryPoint"], library):
        yield Call(party=role, need=needs.EMR_READS_CODE, resource=_object(code))
    (one,) = (
        one
        for one in estate.of_type("AWS::EMRServerless::Application")
        if f"{physical_name(one)}.ApplicationId" == state["ApplicationId"]
    )
    logs = one.properties["MonitoringConfiguration"]["CloudWatchLoggingConfiguration"]
    yield Call(party=role, need=needs.EMR_FINDS_LOGS, resource=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*")
    group = f"{_LOG_GROUPS}{logs['LogGroupName']}"
    yield Call(party=role, need=needs.EMR_WRITES_LOGS, resource=f"{group}:log-stream:run")


def _project(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{state['Parameters']['ProjectName']}"


def _rule_of_builds(_estate: Estate, _state: Mapping[str, Any]) -> Iterable[str]:
    yield f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventForCodeBuildStartBuildRule"


def _workflow(estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    name = state["Parameters"]["WorkflowName"]
    workflows = list(estate.of_type("AWS::EntityResolution::MatchingWorkflow"))
    yield from (arn(one) for one in workflows if name in {one.properties["WorkflowName"], physical_name(one)})


def _application(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield f"arn:aws:kinesisanalytics:{REGION}:{ACCOUNT}:application/{state['Parameters']['ApplicationName']}"


# ---- Data Exchange

_DATA_EXCHANGE: Final = "dataexchange.amazonaws.com"


def _data_set(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    """A data set that is subscribed to belongs to its provider, and its ARN names no account."""
    yield f"arn:aws:dataexchange:{REGION}::data-sets/{state['Parameters']['DataSetId']}"


def _jobs(_estate: Estate, _state: Mapping[str, Any]) -> Iterable[str]:
    yield f"arn:aws:dataexchange:{REGION}:{ACCOUNT}:jobs/any"


def _any_job(_estate: Estate, _state: Mapping[str, Any]) -> Iterable[str]:
    yield "*"


def _landed(estate: Estate, bucket: str, pattern: str) -> str:
    return f"{arn(estate.one('AWS::S3::Bucket', bucket))}/{pattern.partition('$')[0]}2026-01-01/asset.csv"


def _auto_exports(estate: Estate, use: Use) -> Calls:
    """The service writes by the bucket's policy, first an object by which it sees that it may."""
    destination = use.resource.properties["Action"]["ExportRevisionToS3"]["RevisionDestination"]
    bucket = destination["Bucket"]
    probe = f"{arn(estate.one('AWS::S3::Bucket', bucket))}/_ADX-TEST-{ACCOUNT}#"
    for place in (probe, _landed(estate, bucket, destination["KeyPattern"])):
        yield Call(party=_DATA_EXCHANGE, need=needs.AUTO_EXPORT_WRITES, resource=place, context=_SAME_ACCOUNT)


def _exports(estate: Estate, use: Use) -> Calls:
    """A job reads the provider's objects and writes ours with the rights of whoever starts it."""
    details = use.part["Parameters"]["Details"]["ExportRevisionsToS3"]
    [destination] = details["RevisionDestinations"]
    role, called = use.resource.properties["RoleArn"], {"aws:CalledVia": _DATA_EXCHANGE}
    read = "arn:aws:s3:::prod-aws-data-exchange-assets/asset"
    yield Call(party=role, need=needs.EXPORT_READS_ASSETS, resource=read, context=called)
    written = _landed(estate, destination["Bucket"], destination["KeyPattern"])
    yield Call(party=role, need=needs.EXPORT_WRITES, resource=written, context=called)
    key, granted = details["Encryption"]["KmsKeyArn"], {"kms:GrantIsForAWSResource": "true"}
    yield Call(party=role, need=needs.EXPORT_USES_KEY, resource=key, context=granted)


# ---- EventBridge


def _starts_executions(_estate: Estate, use: Use) -> Calls:
    target = use.part
    yield Call(party=target["RoleArn"], need=needs.EVENTBRIDGE_STARTS_EXECUTIONS, resource=target["Arn"])


def _calls_destination(_estate: Estate, use: Use) -> Calls:
    target = use.part
    yield Call(party=target["RoleArn"], need=needs.EVENTBRIDGE_CALLS_DESTINATION, resource=target["Arn"])


def _delivers_to_queue(estate: Estate, use: Use) -> Calls:
    yield from _sends_to_queue(estate, use.resource, use.part["Arn"])


def _keeps_undelivered(estate: Estate, use: Use) -> Calls:
    yield from _sends_to_queue(estate, use.resource, use.part)


def _sends_to_queue(estate: Estate, rule: Resource, queue: str) -> Calls:
    """A queue lets EventBridge in by its own policy, and so does the queue's key."""
    yield Call(party=_EVENTS, need=needs.EVENTBRIDGE_SENDS_TO_QUEUE, resource=queue, context=_by(arn(rule)))
    # To the key of a queue, EventBridge states neither account nor rule: a condition on them is never met.
    yield from _with_key(estate, _EVENTS, needs.EVENTBRIDGE_USES_KEY_OF_QUEUE, queue, {})


def _bus_uses_key(estate: Estate, use: Use) -> Calls:
    bus = arn(use.resource)
    context = {**_by(bus), "kms:EncryptionContext:aws:events:event-bus:arn": bus}
    yield from _with_key(estate, _EVENTS, needs.EVENTBRIDGE_USES_KEY_OF_BUS, bus, context)


# ---- alarms, budgets, logs


def _publishes(estate: Estate, service: str, source: str, topic: str) -> Calls:
    yield Call(party=service, need=needs.SERVICE_PUBLISHES, resource=topic, context=_by(source))
    yield from _with_key(estate, service, needs.SERVICE_USES_KEY_OF_TOPIC, topic, _by(source))


def _alarm_notifies(estate: Estate, use: Use) -> Calls:
    source = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{physical_name(use.resource)}"
    for list_ in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        for topic in use.resource.properties.get(list_, ()):
            yield from _publishes(estate, "cloudwatch.amazonaws.com", source, topic)


def _budget_notifies(estate: Estate, use: Use) -> Calls:
    source = f"arn:aws:budgets::{ACCOUNT}:*"
    for notification in use.resource.properties["NotificationsWithSubscribers"]:
        for subscriber in notification["Subscribers"]:
            if subscriber["SubscriptionType"] == "SNS":
                yield from _publishes(estate, "budgets.amazonaws.com", source, subscriber["Address"])


def _logs_use_key(estate: Estate, use: Use) -> Calls:
    group = arn(use.resource)
    context = {"kms:EncryptionContext:aws:logs:arn": group.removesuffix(":*")}
    yield from _with_key(estate, f"logs.{REGION}.amazonaws.com", needs.LOGS_USE_KEY, group, context)


def _keeps_access_logs(estate: Estate, use: Use) -> Calls:
    kept = arn(estate.one("AWS::S3::Bucket", use.part["DestinationBucketName"]))
    written = f"{kept}/{use.part['LogFilePrefix']}2026-01-01-00-00-00-0"
    context = _by(arn(use.resource))
    yield Call(party="logging.s3.amazonaws.com", need=needs.S3_WRITES_ACCESS_LOGS, resource=written, context=context)


def _trail_delivers(estate: Estate, use: Use) -> Calls:
    """CloudTrail tries the policies of the bucket and of the key when the trail is made."""
    trail, party = use.resource.properties, "cloudtrail.amazonaws.com"
    context = _by(f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{trail['TrailName']}")
    bucket = arn(estate.one("AWS::S3::Bucket", trail["S3BucketName"]))
    yield Call(party=party, need=needs.CLOUDTRAIL_LOOKS_AT_BUCKET, resource=bucket, context=context)
    written = {**context, "s3:x-amz-acl": "bucket-owner-full-control"}
    for folder in ("CloudTrail", "CloudTrail-Digest"):
        place = f"{bucket}/AWSLogs/{ACCOUNT}/{folder}/{REGION}/2026/01/01/file.json.gz"
        yield Call(party=party, need=needs.CLOUDTRAIL_WRITES, resource=place, context=written)
    key = trail["KMSKeyId"]
    encrypted = {**context, "kms:EncryptionContext:aws:cloudtrail:arn": context["aws:SourceArn"]}
    yield Call(party=party, need=needs.CLOUDTRAIL_ENCRYPTS, resource=key, context=encrypted)
    yield Call(party=party, need=needs.CLOUDTRAIL_DESCRIBES_KEY, resource=key, context=context)
    if _has_bucket_key(estate, bucket):
        yield Call(party=party, need=needs.CLOUDTRAIL_USES_BUCKET_KEY, resource=key, context=context)


# ---- Glue and Lake Formation


def _object(location: str) -> str:
    """Return the ARN of an object, or of all objects below a prefix, that is named `s3://bucket/key`."""
    return f"arn:aws:s3:::{location.removeprefix('s3://')}"


def _job_runs(_estate: Estate, use: Use) -> Calls:
    job = use.resource.properties
    role, arguments = job["Role"], job["DefaultArguments"]
    yield Call(party=role, need=needs.GLUE_READS_CODE, resource=_object(job["Command"]["ScriptLocation"]))
    for library in arguments.get("--extra-py-files", "").split(","):
        yield Call(party=role, need=needs.GLUE_READS_CODE, resource=_object(library))
    for folder in arguments.values():
        if folder.startswith("s3://") and folder.endswith("/"):
            yield Call(party=role, need=needs.SPARK_LOOKS_FOR_FOLDER, resource=_object(folder).rstrip("/"))
    group = f"{_LOG_GROUPS}/aws-glue/jobs/logs-v2"
    yield Call(party=role, need=needs.GLUE_WRITES_LOGS, resource=f"{group}:log-stream:run")
    if "SecurityConfiguration" in job:
        yield Call(party=role, need=needs.GLUE_ENCRYPTS_LOGS, resource=group)
    if arguments.get("--enable-metrics") == "true":
        context = {"cloudwatch:namespace": "Glue"}
        yield Call(party=role, need=needs.GLUE_WRITES_METRICS, resource="*", context=context)


def _connects(estate: Estate, use: Use) -> Calls:
    """A job that names a connection reads it and its secret, and gets network interfaces in its subnet."""
    connection = use.resource.properties["ConnectionInput"]
    prefix = _CATALOG.removesuffix("catalog")
    name = connection.get("ConnectionProperties", {}).get("SECRET_ID")  # a place in a network has none
    for job in estate.of_type("AWS::Glue::Job"):
        if connection["Name"] not in job.properties.get("Connections", {}).get("Connections", []):
            continue
        role = job.properties["Role"]
        for resource in (_CATALOG, f"{prefix}connection/{connection['Name']}"):
            yield Call(party=role, need=needs.GLUE_USES_CONNECTION, resource=resource)
        if name:
            secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-a1B2c3"
            yield Call(party=role, need=needs.GLUE_READS_SECRET, resource=secret)
        yield Call(party=role, need=needs.GLUE_MAKES_INTERFACES, resource="*")
        yield Call(
            party=role,
            need=needs.GLUE_TAGS_INTERFACES,
            resource=f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-1",
            context={"aws:TagKeys": "aws-glue-service-resource"},
        )


def _optimizes(estate: Estate, use: Use) -> Calls:
    optimizer = use.resource.properties
    role = optimizer["TableOptimizerConfiguration"]["RoleArn"]
    database, table = optimizer["DatabaseName"], optimizer["TableName"]
    prefix = _CATALOG.removesuffix("catalog")
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/{table}"):
        yield Call(party=role, need=needs.OPTIMIZERS_USE_TABLE, resource=resource)
    location = _object(_location(estate, database, table)).rstrip("/")
    bucket = location.partition("/")[0]
    yield Call(party=role, need=needs.OPTIMIZERS_CHANGE_FILES, resource=f"{location}/data/part-0")
    yield Call(party=role, need=needs.OPTIMIZERS_LIST_FILES, resource=bucket, context={"s3:prefix": f"{table}/"})
    kind = optimizer["Type"].replace("_", "-")
    group = f"{_LOG_GROUPS}/aws-glue/iceberg-{kind}/logs"
    yield Call(party=role, need=needs.OPTIMIZERS_WRITE_LOGS, resource=f"{group}:log-stream:run")
    if _registered(estate, bucket):
        yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")


def _location(estate: Estate, database: str, table: str) -> str:
    """Return where a table of the catalog keeps its files."""
    for one in estate.of_type("AWS::Glue::Table"):
        text = json.dumps(one.properties)
        name = one.properties.get("Name") or one.properties.get("TableInput", {}).get("Name")
        if one.properties["DatabaseName"] == database and name == table:
            return text.partition('"Location": "')[2].partition('"')[0]
    raise LookupError(f"no table {database}.{table} in the templates")


def _registered(estate: Estate, bucket: str) -> bool:
    """Say whether Lake Formation gives out the credentials for a bucket."""
    return any(one.properties["ResourceArn"] == bucket for one in estate.of_type("AWS::LakeFormation::Resource"))


def _publishes_quality(estate: Estate, use: Use) -> Calls:
    """The job that loads a table evaluates the rules of the table, and publishes what it found.

    Another job deletes rows of the table, and loads none.
    """
    target, policies = use.resource.properties["TargetTable"], Policies(estate)
    table = f"{_CATALOG.removesuffix('catalog')}table/{target['DatabaseName']}/{target['TableName']}"
    ruleset = f"{_CATALOG.removesuffix('catalog')}dataQualityRuleset/{use.resource.properties['Name']}"
    jobs = [job.properties for job in estate.of_type("AWS::Glue::Job")]
    for role in {job["Role"] for job in jobs if not job["Description"].endswith("enforce_retention")}:
        if all(policies.deciding(role, "glue:UpdateTable", table, {})):
            yield Call(party=role, need=needs.PUBLISH_DATA_QUALITY, resource=ruleset)
            context = {"cloudwatch:namespace": "Glue Data Quality"}
            yield Call(party=role, need=needs.MEASURE_DATA_QUALITY, resource="*", context=context)


def _serves_location(_estate: Estate, use: Use) -> Calls:
    role, bucket = use.resource.properties["RoleArn"], use.resource.properties["ResourceArn"]
    yield Call(party=role, need=needs.LOCATION_LISTS, resource=bucket)
    for need in (needs.LOCATION_CHANGES, needs.COMMIT_TO_TABLE):
        yield Call(party=role, need=need, resource=f"{bucket}/table/data/part-0")


def _closes_database(estate: Estate, use: Use) -> Calls:
    function = estate.one("AWS::Lambda::Function", use.resource.properties["ServiceToken"])
    role, database = function.properties["Role"], use.resource.properties["Database"]
    prefix = _CATALOG.removesuffix("catalog")
    yield Call(party=role, need=needs.REVOKES_IN_LAKE, resource="*")
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/any"):
        yield Call(party=role, need=needs.REVOKES_ON_TABLES, resource=resource)


# ---- Managed Flink


def _flink_runs(estate: Estate, use: Use) -> Calls:
    application = use.resource.properties
    role = application["ServiceExecutionRole"]
    configuration = application["ApplicationConfiguration"]
    code = configuration["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]
    yield Call(party=role, need=needs.FLINK_READS_CODE, resource=f"{code['BucketARN']}/{code['FileKey']}")
    groups = configuration["EnvironmentProperties"]["PropertyGroups"]
    (streams,) = (one["PropertyMap"] for one in groups if one["PropertyGroupId"] == "streams")
    if streams["provider"] == "kafka":
        yield from _flink_uses_topics(estate, role, streams)
        return
    for need, names in ((needs.FLINK_READS_KINESIS, streams["reads"]), (needs.FLINK_WRITES_KINESIS, streams["writes"])):
        for name in names.split(","):
            yield Call(party=role, need=need, resource=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}")


def _flink_uses_topics(estate: Estate, role: str, streams: Mapping[str, str]) -> Calls:
    """It finds brokers from inside the network; in which group it reads is in its code."""
    (cluster,) = (arn(one) for one in estate.of_type("AWS::MSK::ServerlessCluster"))
    yield Call(party=role, need=needs.FLINK_ENTERS_NETWORK, resource="*")
    yield Call(party=role, need=needs.WRITES_IDEMPOTENTLY, resource=cluster)
    for need, names in ((needs.READS_TOPIC, streams["reads"]), (needs.WRITES_TOPIC, streams["writes"])):
        for name in names.split(","):
            yield Call(party=role, need=need, resource=_on_cluster(cluster, "topic", name))


def _on_cluster(cluster: str, kind: str, name: str) -> str:
    """Return the ARN of a topic or a group on a cluster."""
    return f"{cluster.replace(':cluster/', f':{kind}/')}/{name}"


def _flink_logs(estate: Estate, use: Use) -> Calls:
    (application,) = (
        one
        for one in estate.of_type("AWS::KinesisAnalyticsV2::Application")
        if physical_name(one) == use.resource.properties["ApplicationName"]
    )
    role = application.properties["ServiceExecutionRole"]
    stream = use.resource.properties["CloudWatchLoggingOption"]["LogStreamARN"]
    group = stream.partition(":log-stream:")[0]
    yield Call(party=role, need=needs.FLINK_FINDS_LOGS, resource=f"{_LOG_GROUPS}*")
    # As AWS names it in its refusals: the group's streams, with no name.
    yield Call(party=role, need=needs.FLINK_FINDS_LOG_STREAM, resource=f"{group}:log-stream:")
    yield Call(party=role, need=needs.FLINK_WRITES_LOGS, resource=stream)


# ---- Entity Resolution


def _matches(estate: Estate, use: Use) -> Calls:
    workflow = use.resource.properties
    role = workflow["RoleArn"]
    for source in workflow["InputSourceConfig"]:
        table = source["InputSourceARN"]
        prefix, _, path = table.partition(":table/")
        database, _, name = path.partition("/")
        for resource in (f"{prefix}:catalog", f"{prefix}:database/{database}", table):
            yield Call(party=role, need=needs.MATCHING_READS_CATALOG, resource=resource)
        location = _object(_location(estate, database, name)).rstrip("/")
        yield Call(party=role, need=needs.MATCHING_READS_OBJECTS, resource=f"{location}/part-0")
        bucket = location.partition("/")[0]
        yield Call(party=role, need=needs.MATCHING_LISTS_BUCKETS, resource=bucket, context={"s3:prefix": f"{name}/"})
        if _registered(estate, bucket):
            yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    for output in workflow["OutputSourceConfig"]:
        location = _object(output["OutputS3Path"]).rstrip("/")
        yield Call(party=role, need=needs.MATCHING_WRITES_OBJECTS, resource=f"{location}/part-0")
        if "KMSArn" in output:
            yield Call(party=role, need=needs.MATCHING_USES_KEY, resource=output["KMSArn"])
        bucket, _, prefix = location.partition("/")
        yield Call(party=role, need=needs.MATCHING_LISTS_BUCKETS, resource=bucket, context={"s3:prefix": f"{prefix}/"})


def _names_identities(estate: Estate, use: Use) -> Calls:
    """A namespace's table is read with its role, when it is created and when a workflow runs."""
    role = use.resource.properties["RoleArn"]
    for source in use.resource.properties["InputSourceConfig"]:
        table = source["InputSourceARN"]
        prefix, _, path = table.partition(":table/")
        database, _, name = path.partition("/")
        for resource in (f"{prefix}:catalog", f"{prefix}:database/{database}", table):
            yield Call(party=role, need=needs.MATCHING_READS_CATALOG, resource=resource)
        location = _object(_location(estate, database, name)).rstrip("/")
        yield Call(party=role, need=needs.MATCHING_READS_OBJECTS, resource=f"{location}/build=all/part-0")
        bucket = location.partition("/")[0]
        yield Call(party=role, need=needs.MATCHING_LISTS_BUCKETS, resource=bucket, context={"s3:prefix": f"{name}/"})
        yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
        yield from _with_key(estate, role, needs.NAMESPACE_READS_KEY, bucket, {})


def _maps_identities(_estate: Estate, use: Use) -> Calls:
    """The workflow's role looks up the namespaces of both."""
    for source in use.resource.properties["InputSourceConfig"]:
        role = use.resource.properties["RoleArn"]
        yield Call(party=role, need=needs.MAPPING_READS_NAMESPACE, resource=source["InputSourceARN"])


# ---- Redshift Serverless


def _reads_lake(estate: Estate, use: Use) -> Calls:
    """External schemas look up the catalog and get the data from Lake Formation, with the namespace's role."""
    prefix = _CATALOG.removesuffix("catalog")
    environment = estate.assembly.settings.environment
    role = use.resource.properties["DefaultIamRoleArn"]
    yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    for zone, table in ((Zone.PRODUCTS, "customer_360"), (Zone.CURATED, TableName.IDENTIFIER_MAP)):
        database = database_name(environment, zone)
        for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/{table}"):
            yield Call(party=role, need=needs.READ_EXTERNAL_SCHEMA, resource=resource)


def _lists_streams(estate: Estate, use: Use) -> Calls:
    """A view over a stream of Kinesis: the role lists all streams and reads the one that the statement names."""
    role = arn(use.resource)
    yield Call(party=role, need=needs.LIST_STREAMS, resource="*")
    named = set(re.findall(r'FROM live\.\\*"([\w-]+)\\*"', json.dumps(estate.assembly.templates["analytics"])))
    assert named or not estate.assembly.settings.analytics.warehouse.streaming.deployed
    for stream in sorted(named):
        resource = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"
        yield Call(party=role, need=needs.READ_STREAM_INTO_VIEW, resource=resource)


def _trains(_estate: Estate, use: Use) -> Calls:
    """What `CREATE MODEL` does with its role: export, train, compile, install; in the bucket and under the key."""
    statement: Statement = use.part
    role = arn(use.resource)
    if "redshift.amazonaws.com" not in json.dumps(use.resource.properties["AssumeRolePolicyDocument"]):
        return  # the role of pipelines, of which the row of pipelines says what they need
    own = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    yield Call(party=role, need=needs.TRAIN_MODEL, resource=f"{own}:training-job/redshiftml-any")
    yield Call(party=role, need=needs.COMPILE_MODEL, resource=f"{own}:compilation-job/redshiftml-any")
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    yield Call(party=role, need=needs.HAND_ROLE_TO_TRAINING, resource=role, context=passed)
    yield Call(party=role, need=needs.FETCH_TRAINING_TOKEN, resource="*")
    image = f"arn:aws:ecr:{REGION}:683313688378:repository/sagemaker-xgboost"
    yield Call(party=role, need=needs.FETCH_TRAINING_IMAGE, resource=image)
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:any"
    yield Call(party=role, need=needs.LOG_TRAINING, resource=group)
    measured = {"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"}
    yield Call(party=role, need=needs.MEASURE_TRAINING, resource="*", context=measured)
    place = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
    yield Call(party=role, need=needs.REACH_FROM_NETWORK, resource=f"{place}:network-interface/eni-1")
    for kind in ("subnet/subnet-1", "security-group/sg-1"):
        yield Call(party=role, need=needs.PLACE_IN_NETWORK, resource=f"{place}:{kind}")
    yield Call(party=role, need=needs.LOOK_AROUND_NETWORK, resource="*")
    assert statement.resources


def _keeps_training(estate: Estate, use: Use) -> Calls:
    """The bucket and the key that the statement names are the role's."""
    named = re.search(r"S3_BUCKET '([^']+)', KMS_KEY_ID '([^']+)'", str(use.part["Parameters"]["Sql"]))
    if named is None:
        return
    bucket, key = named.groups()
    role = re.search(r"IAM_ROLE '([^']+)'", use.part["Parameters"]["Sql"])
    assert role is not None
    yield Call(party=role[1], need=needs.SEE_TRAINING_BUCKET, resource=f"arn:aws:s3:::{bucket}")
    yield Call(party=role[1], need=needs.KEEP_TRAINING_DATA, resource=f"arn:aws:s3:::{bucket}/any/part")
    yield Call(party=role[1], need=needs.ENCRYPT_TRAINING, resource=key)


def _limits_usage(estate: Estate, use: Use) -> Calls:
    function = estate.one("AWS::Lambda::Function", use.resource.properties["ServiceToken"])
    yield Call(party=function.properties["Role"], need=needs.LIMIT_USAGE, resource="*")


def _namespace(estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield arn(estate.one("AWS::RedshiftServerless::Namespace", state["Parameters"]["NamespaceName"]))


def _workgroup_of(estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield arn(estate.one("AWS::RedshiftServerless::Workgroup", state["Parameters"]["WorkgroupName"]))


def _no_resource(_estate: Estate, _state: Mapping[str, Any]) -> Iterable[str]:
    yield "*"


def _signs_in_by_secret(estate: Estate, use: Use) -> Calls:
    """The Data API reads the secret of the namespace's administrator with its caller's rights."""
    [workgroup] = _workgroup_of(estate, use.part)
    name = estate.by_arn[workgroup].properties["NamespaceName"]
    namespace = estate.one("AWS::RedshiftServerless::Namespace", name).properties
    role = use.resource.properties["RoleArn"]
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redshift!{name}-{namespace['AdminUsername']}-AbCdEf"
    yield Call(party=role, need=needs.SIGN_IN_BY_SECRET, resource=secret)
    key, context = namespace["AdminPasswordSecretKmsKeyId"], _via("secretsmanager")
    yield Call(party=role, need=needs.READ_SECRET_OF_REDSHIFT, resource=key, context=context)


def _asks_warehouse(_estate: Estate, use: Use) -> Calls:
    """A person's statement runs under the database user of the role, for which Redshift gives out credentials."""
    statement: Statement = use.part
    role = arn(use.resource)
    for workgroup in statement.resources:
        yield Call(party=role, need=needs.RUN_STATEMENTS, resource=workgroup)
        yield Call(party=role, need=needs.RUN_STATEMENT, resource=workgroup)
        yield Call(party=role, need=needs.SIGN_IN_AS_IDENTITY, resource=workgroup)
    yield Call(party=role, need=needs.LOOK_AT_STATEMENT, resource="*")
    yield Call(party=role, need=needs.READ_RESULT_OF_STATEMENT, resource="*")


# ---- SageMaker Studio

_SAGEMAKER: Final = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"


def _works_in_studio(estate: Estate, use: Use) -> Calls:
    """The page of the studio, and the apps that it starts, act as the role of the user's profile."""
    stated = use.resource.properties
    domain, user, role = stated["DomainId"], stated["UserProfileName"], stated["UserSettings"]["ExecutionRole"]
    own = f"{_SAGEMAKER}user-profile/{domain}/{user}"
    me = {"sagemaker:DomainId": domain, "sagemaker:UserProfileName": user}
    mine = {**me, "sagemaker:OwnerUserProfileArn": own, "sagemaker:SpaceSharingType": "Private"}
    space, app = f"{_SAGEMAKER}space/{domain}/any", f"{_SAGEMAKER}app/{domain}/any/jupyterlab/default"
    canvas = f"{_SAGEMAKER}app/{domain}/{user}/canvas/default"
    service = "sagemaker.amazonaws.com"
    yield Call(party=service, need=needs.STUDIO_NAMES_USERS, resource=role, context=_by(_ANY_SOURCE[service]))
    yield Call(party=role, need=needs.STUDIO_LISTS, resource="*")
    yield Call(party=role, need=needs.STUDIO_SHOWS_DOMAIN, resource=f"{_SAGEMAKER}domain/{domain}")
    yield Call(party=role, need=needs.STUDIO_SHOWS_PROFILE, resource=own, context=me)
    yield Call(party=role, need=needs.STUDIO_SHOWS_SPACE, resource=space)
    yield Call(party=role, need=needs.STUDIO_MAKES_SPACES, resource=space, context=mine)
    for one, context in ((app, mine), (canvas, me)):
        yield Call(party=role, need=needs.STUDIO_SHOWS_APP, resource=one)
        yield Call(party=role, need=needs.STUDIO_RUNS_APPS, resource=one, context=context)
    for made in (space, app, canvas):
        tagging = {"sagemaker:TaggingAction": "CreateSpace"}
        yield Call(party=role, need=needs.STUDIO_TAGS, resource=made, context=tagging)
    [found] = estate.of_type("AWS::SageMaker::Domain")
    key = str(found.properties["KmsKeyId"])
    yield Call(party=role, need=needs.STUDIO_ENCRYPTS_DISKS, resource=key, context=_via("sagemaker"))
    yield Call(party=role, need=needs.STUDIO_LOGS, resource=f"{_LOG_GROUPS}/aws/sagemaker/studio:log-stream:any")
    yield from _prepares_in_canvas(estate, role, user)
    for script in estate.of_type("AWS::SageMaker::StudioLifecycleConfig"):
        text = script.properties["StudioLifecycleConfigContent"]["Fn::Base64"]
        for fetched in re.findall(r"s3://\S+?(?=\")", text):
            yield Call(party=role, need=needs.STUDIO_FETCHES_NOTEBOOKS, resource=_object(fetched))


def _names_users(_estate: Estate, use: Use) -> Calls:
    """An app of a profile that somebody makes by hand acts as the role of the domain, until it has another."""
    service, role = "sagemaker.amazonaws.com", use.resource.properties["DefaultUserSettings"]["ExecutionRole"]
    yield Call(party=service, need=needs.STUDIO_NAMES_USERS, resource=role, context=_by(_ANY_SOURCE[service]))


def _prepares_in_canvas(estate: Estate, role: str, user: str) -> Calls:
    for one in estate.of_type("Custom::StudioProfile"):
        home = one.properties["Home"]
        if one.properties["Profile"] == user and home:
            bucket, _, prefix = _object(home).partition("/")
            yield Call(party=role, need=needs.CANVAS_KEEPS, resource=f"{bucket}/{prefix}/Canvas/{user}/any")
            yield Call(party=role, need=needs.CANVAS_FINDS, resource=bucket, context={"s3:prefix": f"{prefix}/"})
            yield Call(party=role, need=needs.CANVAS_LISTS, resource="*")
            catalog = f"arn:aws:athena:{REGION}:{ACCOUNT}:datacatalog/AwsDataCatalog"
            yield Call(party=role, need=needs.CANVAS_BROWSES, resource=catalog)


def _sets_up_profile(estate: Estate, use: Use) -> Calls:
    function = estate.one("AWS::Lambda::Function", use.resource.properties["ServiceToken"])
    domain, user = (use.resource.properties[name] for name in ("Domain", "Profile"))
    role = function.properties["Role"]
    yield Call(party=role, need=needs.PROFILE_IS_SET_UP, resource=f"{_SAGEMAKER}user-profile/{domain}/{user}")
    yield Call(party=role, need=needs.PROFILE_IS_SEARCHED, resource="*")
    yield Call(party=role, need=needs.PROFILE_LOSES_SPACES, resource=f"{_SAGEMAKER}space/{domain}/any")
    for app in ("any/jupyterlab/default", f"{user}/canvas/default"):
        yield Call(party=role, need=needs.PROFILE_LOSES_APPS, resource=f"{_SAGEMAKER}app/{domain}/{app}")


# ---- EMR Studio

_EC2: Final = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
_EMR_TAG: Final = "for-use-with-amazon-emr-managed-policies"


def _keeps_workspaces(estate: Estate, use: Use) -> Calls:
    """A studio keeps workspaces in S3, and brings them into the network, with its service role."""
    stated = use.resource.properties
    role, interface = stated["ServiceRole"], f"{_EC2}network-interface/eni-1"
    groups = [f"{_EC2}security-group/{stated[f'{one}SecurityGroupId']}" for one in ("Workspace", "Engine")]
    subnets = [f"{_EC2}subnet/{one}" for one in stated["SubnetIds"]]
    yield Call(party=role, need=needs.WORKSPACE_LOOKS_AT_NETWORK, resource="*")
    for one in (*groups, *subnets):
        yield Call(party=role, need=needs.WORKSPACE_MAKES_INTERFACE, resource=one)
    requested, kept = {f"aws:RequestTag/{_EMR_TAG}": "true"}, {f"aws:ResourceTag/{_EMR_TAG}": "true"}
    yield Call(party=role, need=needs.WORKSPACE_MAKES_INTERFACE, resource=interface, context=requested)
    made = {"ec2:CreateAction": "CreateNetworkInterface"}
    yield Call(party=role, need=needs.WORKSPACE_TAGS_INTERFACE, resource=interface, context=made)
    yield Call(party=role, need=needs.WORKSPACE_USES_INTERFACE, resource=interface, context=kept)
    for one in (interface, f"{_EC2}instance/i-1", *groups):
        yield Call(party=role, need=needs.WORKSPACE_CHANGES_INTERFACE, resource=one)
    for one in groups:
        yield Call(party=role, need=needs.WORKSPACE_OPENS_GROUPS, resource=one)
    bucket, _, prefix = _object(stated["DefaultS3Location"]).partition("/")
    yield Call(party=role, need=needs.WORKSPACE_KEEPS_FILES, resource=f"{bucket}/{prefix}/e-1/notebook.ipynb")
    yield Call(party=role, need=needs.WORKSPACE_FINDS_FILES, resource=bucket, context={"s3:prefix": f"{prefix}/"})
    yield Call(party=role, need=needs.WORKSPACE_KNOWS_ENCRYPTION, resource=bucket)
    yield Call(party=role, need=needs.WORKSPACE_USES_KEY, resource=stated["EncryptionKeyArn"], context=_via("s3"))


def _works_on_spark(estate: Estate, use: Use) -> Calls:
    """Whoever may begin a session opens the studio, and passes the role of the session, which reads the lake."""
    role = arn(use.resource)
    for application in use.part.resources:
        yield Call(party=role, need=needs.EMR_SESSION_IS_BEGUN, resource=application)
    yield Call(party=role, need=needs.EMR_SESSION_IS_FOUND, resource="*")
    yield Call(party=role, need=needs.EMR_STUDIO_HAS_WORKSPACES, resource="*")
    for studio in estate.of_type("AWS::EMR::Studio"):
        yield Call(party=role, need=needs.EMR_STUDIO_IS_OPENED, resource=arn(studio))
        passed = {"iam:PassedToService": "elasticmapreduce.amazonaws.com"}
        service_role = studio.properties["ServiceRole"]
        yield Call(party=role, need=needs.EMR_ROLE_IS_PASSED, resource=service_role, context=passed)
    for one in estate.of_type("AWS::IAM::Role"):
        if re.match(r"EmrStudio\w+AnalystRole", one.logical_id):
            passed = {"iam:PassedToService": "emr-serverless.amazonaws.com"}
            yield Call(party=role, need=needs.EMR_ROLE_IS_PASSED, resource=arn(one), context=passed)
            yield from _reads_in_session(estate, arn(one))


def _reads_in_session(estate: Estate, role: str) -> Calls:
    yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    yield Call(party=role, need=needs.EMR_FINDS_LOGS, resource=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*")
    for application in estate.of_type("AWS::EMRServerless::Application"):
        if "InteractiveConfiguration" in application.properties:
            logs = application.properties["MonitoringConfiguration"]["CloudWatchLoggingConfiguration"]
            group = f"{_LOG_GROUPS}{logs['LogGroupName']}"
            yield Call(party=role, need=needs.EMR_WRITES_LOGS, resource=f"{group}:log-stream:run")
    prefix = _CATALOG.removesuffix("catalog")
    for zone in (Zone.CURATED, Zone.PRODUCTS):
        database = database_name(estate.assembly.settings.environment, zone)
        for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/any"):
            yield Call(party=role, need=needs.SESSION_READS_CATALOG, resource=resource)
    yield Call(party=role, need=needs.SESSION_FINDS_DEFAULT, resource=f"{prefix}database/default")


# ---- CodeBuild


def _builds(estate: Estate, use: Use) -> Calls:
    project = use.resource.properties
    role = project["ServiceRole"]
    source = f"arn:aws:s3:::{project['Source']['Location']}"
    yield Call(party=role, need=needs.BUILD_READS_SOURCE, resource=source)
    group = estate.one("AWS::Logs::LogGroup", project["LogsConfig"]["CloudWatchLogs"]["GroupName"])
    stream = f"{arn(group).removesuffix('*')}log-stream:build"
    yield Call(party=role, need=needs.BUILD_WRITES_LOGS, resource=stream)
    yield from _builds_models(estate, role, project["Environment"]["EnvironmentVariables"])


def _builds_models(estate: Estate, role: str, variables: Iterable[Mapping[str, str]]) -> Calls:
    """Dbt makes tables and views anew, with Athena and by itself."""
    settings = {one["Name"]: one["Value"] for one in variables}
    results = estate.one("AWS::Athena::WorkGroup", settings["C360_WORKGROUP"]).properties
    temporary = _object(results["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"])
    tables = _object(settings["C360_MARTS_LOCATION"])
    bucket, _, prefix = tables.partition("/")
    yield Call(party=role, need=needs.REPLACES_TABLES, resource=f"{tables}rfm/part-0")
    yield Call(party=role, need=needs.FINDS_TABLES, resource=bucket, context={"s3:prefix": prefix})
    yield Call(party=role, need=needs.DROPS_TEMPORARY_TABLES, resource=f"{temporary}tables/part-0")
    prefix = _CATALOG.removesuffix("catalog")
    database = database_name(estate.assembly.settings.environment, Zone.CURATED)
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/stg_any"):
        yield Call(party=role, need=needs.REPLACES_VIEWS, resource=resource)


# ---- rights that are of no use without others


def _right_with_key(need: Need, service: str) -> Integration:
    """Return the need of whoever may use an encrypted resource through a service."""

    def called(estate: Estate, use: Use) -> Calls:
        statement: Statement = use.part
        for named in {resource.partition("/stream/")[0] for resource in statement.resources}:
            yield from _with_key(estate, arn(use.resource), need, named, _via(service))

    return called


def _right_on_objects(need: Need) -> Integration:
    """Return the need of whoever may read or write objects of an encrypted bucket."""

    def called(estate: Estate, use: Use) -> Calls:
        statement: Statement = use.part
        for named in statement.resources:
            bucket = named.partition("/")[0]
            # With a bucket key, S3 states the bucket and not the object.
            stated = bucket if _has_bucket_key(estate, bucket) else named.replace("*", "part-0")
            context = {**_via("s3"), "kms:EncryptionContext:aws:s3:arn": stated}
            yield from _with_key(estate, arn(use.resource), need, bucket, context)

    return called


def _sees_what_is_missing(estate: Estate, use: Use) -> Calls:
    """Whoever reads objects of one of our buckets learns from S3 that one is missing."""
    statement: Statement = use.part
    for bucket, _, key in (named.partition("/") for named in statement.resources):
        if bucket in estate.by_arn:
            context = {"s3:prefix": key.removesuffix("*")}
            need = needs.SEE_THAT_AN_OBJECT_IS_MISSING
            yield Call(party=arn(use.resource), need=need, resource=bucket, context=context)


def _commits(estate: Estate, use: Use) -> Calls:
    """Whoever updates the entry of an Iceberg table has written files at its location."""
    statement: Statement = use.part
    for named in statement.resources:
        database, _, table = named.partition(":table/")[2].partition("/")
        if table and "*" not in table:
            location = _object(_location(estate, database, table)).rstrip("/")
            yield Call(party=arn(use.resource), need=needs.COMMIT_TO_TABLE, resource=f"{location}/data/part-0")


def _locks(estate: Estate, use: Use) -> Calls:
    """Powertools keeps its locks in a table of their own."""
    statement: Statement = use.part
    for named in statement.resources:
        if "Idempotency" in estate.by_arn[named].logical_id:
            yield Call(party=arn(use.resource), need=needs.LOCK_WORK, resource=named)


def _sends_email(_estate: Estate, use: Use) -> Calls:
    statement: Statement = use.part
    for named in statement.resources:
        yield Call(party=arn(use.resource), need=needs.SEND_FROM_TEMPLATE, resource=named)


def _works_in_workgroup(estate: Estate, use: Use) -> Calls:
    """A person works in a workgroup, and browses the databases that Lake Formation shows."""
    role, prefix = arn(use.resource), _CATALOG.removesuffix("catalog")
    statement: Statement = use.part
    for workgroup in statement.resources:
        yield Call(party=role, need=needs.WORK_IN_WORKGROUP, resource=workgroup)
        yield Call(party=role, need=needs.EXECUTE_PREPARED, resource=workgroup)
    for grant in estate.of_type("AWS::LakeFormation::PrincipalPermissions"):
        seen = grant.properties["Resource"].get("Database", {}).get("Name")
        if grant.properties["Principal"]["DataLakePrincipalIdentifier"] == role and seen:
            for resource in (_CATALOG, f"{prefix}database/{seen}", f"{prefix}table/{seen}/any"):
                yield Call(party=role, need=needs.BROWSE_TABLES, resource=resource)


def _has_bucket_key(estate: Estate, bucket: str) -> bool:
    resource = estate.by_arn.get(bucket)
    if resource is None:
        return False
    (rule,) = resource.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return bool(rule.get("BucketKeyEnabled"))


def _queries(estate: Estate, use: Use) -> Calls:
    """Athena reads the catalog and writes the results in the name of whoever asks."""
    role = arn(use.resource)
    for resource in (_CATALOG, _CATALOG.removesuffix("catalog") + "database/default"):
        yield Call(party=role, need=needs.QUERY_DEFAULT_DATABASE, resource=resource)
    statement: Statement = use.part
    for workgroup in statement.resources:
        yield Call(party=role, need=needs.RUN_QUERIES, resource=workgroup)
        properties = estate.one("AWS::Athena::WorkGroup", workgroup.rpartition("/")[2]).properties
        output = properties["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"]
        bucket, _, prefix = _object(output).partition("/")
        context = {"s3:prefix": prefix}
        yield Call(party=role, need=needs.QUERY_FINDS_RESULTS, resource=bucket, context=context)
        yield Call(party=role, need=needs.QUERY_WRITES_RESULTS, resource=f"{bucket}/{prefix}result.csv")


def _trusted(*stated: str) -> Integration:
    """Return the need of a service that acts as a role.

    Args:
        stated: the condition keys that the service's documentation promises.
    """

    def called(_estate: Estate, use: Use) -> Calls:
        role = arn(use.resource)
        context = {key: value for key, value in _by(_ANY_SOURCE[use.part]).items() if key in stated}
        yield Call(party=use.part, need=needs.ASSUME, resource=role, context=context)

    return called


_ANY_SOURCE: Final = {
    "personalize.amazonaws.com": f"arn:aws:personalize:{REGION}:{ACCOUNT}:dataset-group/any",
    "databrew.amazonaws.com": f"arn:aws:databrew:{REGION}:{ACCOUNT}:job/any",
    "codebuild.amazonaws.com": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/any",
    "elasticmapreduce.amazonaws.com": f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:studio/any",
    "emr-serverless.amazonaws.com": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/any",
    "entityresolution.amazonaws.com": f"arn:aws:entityresolution:{REGION}:{ACCOUNT}:matchingworkflow/any",
    _EVENTS: f"arn:aws:events:{REGION}:{ACCOUNT}:rule/any",
    "glue.amazonaws.com": f"arn:aws:glue:{REGION}:{ACCOUNT}:job/any",
    "kinesisanalytics.amazonaws.com": f"arn:aws:kinesisanalytics:{REGION}:{ACCOUNT}:application/any",
    "lakeformation.amazonaws.com": f"arn:aws:lakeformation:{REGION}:{ACCOUNT}:catalog:{ACCOUNT}",
    "quicksight.amazonaws.com": f"arn:aws:quicksight:{REGION}:{ACCOUNT}:datasource/any",
    "lambda.amazonaws.com": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:any",
    "vpc-flow-logs.amazonaws.com": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/any",
    "redshift-serverless.amazonaws.com": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:namespace/any",
    "redshift.amazonaws.com": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:namespace/any",
    "sagemaker.amazonaws.com": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:domain/any",
    "states.amazonaws.com": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:any",
}


def _nothing(_estate: Estate, _use: Use) -> Calls:
    """Need no permission: the service does it without asking anybody."""
    return ()


def _account_and_source() -> Integration:
    return _trusted("aws:SourceAccount", "aws:SourceArn")


def _lands(estate: Estate, use: Use) -> Calls:
    """A flow writes to its folder of the bucket and uses the key, by the policies of both; it states its account."""
    [destination] = use.resource.properties["DestinationFlowConfigList"]
    target = destination["DestinationConnectorProperties"]["S3"]
    bucket, party = f"arn:aws:s3:::{target['BucketName']}", "appflow.amazonaws.com"
    place = f"{bucket}/{target['BucketPrefix']}/{use.resource.properties['FlowName']}/1/part"
    yield Call(party=party, need=needs.FLOW_LANDS_FILES, resource=place, context=_SAME_ACCOUNT)
    yield Call(party=party, need=needs.FLOW_SEES_BUCKET, resource=bucket, context=_SAME_ACCOUNT)
    yield from _with_key(estate, party, needs.FLOW_USES_KEY, bucket, _SAME_ACCOUNT)


def _fills_data_sets(estate: Estate, use: Use) -> Calls:
    """QuickSight asks Athena under the role of the data source, in the workgroup that it names."""
    stated = use.resource.properties["DataSourceParameters"]["AthenaParameters"]
    workgroup = arn(estate.one("AWS::Athena::WorkGroup", stated["WorkGroup"]))
    yield Call(party=stated["RoleArn"], need=needs.DATA_SOURCE_QUERIES, resource=workgroup)
    yield Call(party=stated["RoleArn"], need=needs.ASK_LAKE_FORMATION, resource="*")
    database = database_name(estate.assembly.settings.environment, Zone.PRODUCTS)
    prefix = _CATALOG.removesuffix("catalog")
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/any"):
        yield Call(party=stated["RoleArn"], need=needs.DATA_SOURCE_READS_CATALOG, resource=resource)


def _shares_table(estate: Estate, use: Use) -> Calls:
    """Clean Rooms reads the table that is associated, with the role of the association."""
    role, wanted = use.resource.properties["RoleArn"], use.resource.properties["ConfiguredTableIdentifier"]
    [table] = [
        one.properties["TableReference"]["Glue"]
        for one in estate.of_type("AWS::CleanRooms::ConfiguredTable")
        if wanted == f"{physical_name(one)}.ConfiguredTableIdentifier"
    ]
    [placed] = [
        one.properties["OpenTableFormatInput"]["IcebergInput"]["IcebergTableInput"]["Location"]
        for one in estate.of_type("AWS::Glue::Table")
        if one.properties.get("Name") == table["TableName"]
    ]
    prefix = _CATALOG.removesuffix("catalog")
    database, name = table["DatabaseName"], table["TableName"]
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/{name}"):
        yield Call(party=role, need=needs.CLEAN_ROOM_READS_CATALOG, resource=resource)
    yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    bucket, _, folder = _object(placed).partition("/")
    yield Call(party=role, need=needs.CLEAN_ROOM_FINDS_OBJECTS, resource=bucket)
    data = f"{bucket}/{folder}/data/part.parquet"
    yield Call(party=role, need=needs.CLEAN_ROOM_READS_OBJECTS, resource=data)
    context = {"kms:ViaService": f"s3.{REGION}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": data}
    yield from _with_key(estate, role, needs.READ_ENCRYPTED_OBJECT, bucket, context)


def _acts_for_members(estate: Estate, use: Use) -> Calls:
    """Clean Rooms acts as a role for the membership of the table's owner, and for that of whoever asks."""
    [room] = estate.of_type("AWS::CleanRooms::Collaboration")
    [ours] = estate.of_type("AWS::CleanRooms::Membership")
    [partner] = room.properties["Members"]
    theirs = f"arn:aws:cleanrooms:{REGION}:{partner['AccountId']}:membership/any"
    for source in (arn(ours), theirs):
        context = {"aws:SourceArn": source}
        yield Call(party=use.part, need=needs.ASSUME, resource=arn(use.resource), context=context)


def _flows(estate: Estate, _state: Mapping[str, Any]) -> Iterable[str]:
    """Return the flows that a state may ask for: its input says which."""
    yield from (arn(one) for one in estate.of_type("AWS::AppFlow::Flow"))


# ---- DataBrew


def _prepares(estate: Estate, use: Use) -> Calls:
    """A run reads the table of its data set and replaces what lies at its output, with the role of the job."""
    job = use.resource.properties
    role = job["RoleArn"]
    source = estate.one("AWS::DataBrew::Dataset", job["DatasetName"]).properties["Input"]["DataCatalogInputDefinition"]
    prefix = _CATALOG.removesuffix("catalog")
    database, name = source["DatabaseName"], source["TableName"]
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/{name}"):
        yield Call(party=role, need=needs.DATABREW_FINDS_TABLE, resource=resource)
    yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    (table,) = (
        one
        for one in estate.of_type("AWS::Glue::Table")
        if one.properties["DatabaseName"] == database and one.properties.get("TableInput", {}).get("Name") == name
    )
    copy = _object(table.properties["TableInput"]["StorageDescriptor"]["Location"])
    yield Call(party=role, need=needs.DATABREW_LISTS, resource=copy.partition("/")[0])
    yield Call(party=role, need=needs.DATABREW_READS, resource=f"{copy}file")
    for place in [*(one["Location"] for one in job.get("Outputs", ())), *filter(None, [job.get("OutputLocation")])]:
        bucket = f"arn:aws:s3:::{place['Bucket']}"
        yield Call(party=role, need=needs.DATABREW_LISTS, resource=bucket)
        yield Call(party=role, need=needs.DATABREW_REPLACES, resource=f"{bucket}/{place['Key']}file")
    group = f"{_LOG_GROUPS}/aws-glue-databrew/jobs"
    yield Call(party=role, need=needs.DATABREW_LOGS, resource=f"{group}:log-stream:run")


def _databrew_job(estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield arn(estate.one("AWS::DataBrew::Job", state["Parameters"]["Name"]))


def _publishes_recipe(estate: Estate, use: Use) -> Calls:
    function = estate.one("AWS::Lambda::Function", use.resource.properties["ServiceToken"])
    recipe = arn(estate.one("AWS::DataBrew::Recipe", use.resource.properties["Recipe"]))
    yield Call(party=function.properties["Role"], need=needs.PUBLISH_RECIPE, resource=recipe)


def _unloads(estate: Estate, use: Use) -> Calls:
    """A statement runs with the rights of the machine, which Athena also writes with."""
    role, stated = use.resource.properties["RoleArn"], use.part["Parameters"]
    workgroup = estate.one("AWS::Athena::WorkGroup", stated["WorkGroup"])
    yield Call(party=role, need=needs.STEP_FUNCTIONS_QUERY, resource=arn(workgroup))
    catalog = f"arn:aws:athena:{REGION}:{ACCOUNT}:datacatalog/AwsDataCatalog"
    yield Call(party=role, need=needs.STEP_FUNCTIONS_FIND_CATALOG, resource=catalog)
    yield Call(party=role, need=needs.ASK_LAKE_FORMATION, resource="*")
    query, unloads, place = _statement(stated).partition(") TO '")
    if not unloads:  # the answer is written where those of the workgroup are
        results = workgroup.properties["WorkGroupConfiguration"]["ResultConfiguration"]
        place = str(results["OutputLocation"])
    yield Call(party=role, need=needs.UNLOAD_WRITES, resource=f"{_object(place.partition(chr(39))[0])}part-0")
    source = query.rpartition("FROM ")[2].partition(" WHERE ")[0]
    database, _, table = source.replace('"', "").partition(".")
    prefix = _CATALOG.removesuffix("catalog")
    for resource in (_CATALOG, f"{prefix}database/{database}", f"{prefix}table/{database}/{table}"):
        yield Call(party=role, need=needs.UNLOAD_READS_TABLE, resource=resource)


def _statement(stated: Mapping[str, Any]) -> str:
    """Return a statement; one that a run fills in keeps its `{}`."""
    filled = str(stated.get("QueryString.$", "")).removeprefix("States.Format('").replace("\\'", "'")
    return str(stated.get("QueryString", filled))


def _lists_copy(_estate: Estate, use: Use) -> Calls:
    stated = use.part["Parameters"]
    yield Call(
        party=use.resource.properties["RoleArn"],
        need=needs.STEP_FUNCTIONS_LIST_OBJECTS,
        resource=f"arn:aws:s3:::{stated['Bucket']}",
        context={"s3:prefix": stated["Prefix"]},
    )


# ---- models on SageMaker


def _model_of(estate: Estate, use: Use) -> Resource:
    """Return the pipeline of the model whose state machine it is."""
    text = str(use.resource.properties["DefinitionString"])
    named = {one.properties["PipelineName"]: one for one in estate.of_type("AWS::SageMaker::Pipeline")}
    [found] = [one for name, one in named.items() if f'"PipelineName":"{name}"' in text]
    return found


def _sagemaker(need: Need, path: str) -> Integration:
    """Return the need of a task on something of its model."""

    def called(estate: Estate, use: Use) -> Calls:
        name = _model_of(estate, use).properties["PipelineName"]
        named = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{path.format(name)}" if path != "*" else path
        yield Call(party=use.resource.properties["RoleArn"], need=need, resource=named)

    return called


def _starts_job(estate: Estate, use: Use) -> Calls:
    """Whoever starts a job hands it the role, and lets SageMaker encrypt its disk."""
    stated, party = use.part["Parameters"], use.resource.properties["RoleArn"]
    yield from _starts(estate, party, stated, "c360")


def _starts(estate: Estate, party: str, request: Mapping[str, Any], name: str) -> Calls:
    cluster = request.get("TransformResources") or request.get("ResourceConfig")
    cluster = cluster or request["ProcessingResources"]["ClusterConfig"]
    through = {"kms:ViaService": f"sagemaker.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
    yield Call(party=party, need=needs.ENCRYPT_DISKS, resource=cluster["VolumeKmsKeyId"], context=through)
    if role := request.get("RoleArn"):
        passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        yield Call(party=party, need=needs.PASS_TO_JOB, resource=role, context=passed)
        yield Call(party=role, need=needs.ENCRYPT_DISKS, resource=cluster["VolumeKmsKeyId"], context=through)
        yield from _works(role, request, name)


def _works(role: str, request: Mapping[str, Any], name: str) -> Calls:
    """A job fetches its image and its inputs, and writes its log and its outputs, with its role."""
    image = request.get("AppSpecification", {}).get("ImageUri") or request["AlgorithmSpecification"]["TrainingImage"]
    account, repository = image.partition(".")[0], image.partition("/")[2].partition(":")[0]
    yield Call(party=role, need=needs.JOB_FETCHES_TOKEN, resource="*")
    registry = f"arn:aws:ecr:{REGION}:{account}:repository/{repository}"
    yield Call(party=role, need=needs.JOB_FETCHES_IMAGE, resource=registry)
    group = "ProcessingJobs" if "AppSpecification" in request else "TrainingJobs"
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/{group}:log-stream:{name}"
    yield Call(party=role, need=needs.JOB_LOGS, resource=stream)
    measured = {"cloudwatch:namespace": f"/aws/sagemaker/{group}"}
    yield Call(party=role, need=needs.JOB_MEASURES, resource="*", context=measured)
    for place in _places(request, "S3Uri", "S3OutputPath"):
        bucket, _, key = place.removeprefix("s3://").partition("/")
        yield Call(party=role, need=needs.JOB_LISTS, resource=f"arn:aws:s3:::{bucket}", context={"s3:prefix": key})
        exact = key.endswith(".gz")
        yield Call(party=role, need=needs.JOB_READS, resource=_object(place if exact else f"{place}/file"))
        if not exact:
            yield Call(party=role, need=needs.JOB_WRITES, resource=_object(f"{place}/file"))


def _places(request: Any, *names: str) -> Iterable[str]:
    """Yield the places of a request that are written out; the others are made of them when a job runs."""
    if isinstance(request, dict):
        for name, part in request.items():
            if name in names and isinstance(part, str) and part.startswith("s3://"):
                yield part
            else:
                yield from _places(part, *names)
    elif isinstance(request, list):
        for part in request:
            yield from _places(part, *names)


def _runs_steps(estate: Estate, use: Use) -> Calls:
    """A pipeline starts its jobs, which have a role of their own, and registers what they have made."""
    pipeline = use.resource.properties
    role, name = pipeline["RoleArn"], "pipelines-0c1d-Step-7"
    here = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    steps = json.loads(pipeline["PipelineDefinition"]["PipelineDefinitionBody"])["Steps"]
    steps += [inner for step in steps for inner in step["Arguments"].get("IfSteps", ())]
    kinds = {
        "Processing": ("processing-job", needs.PIPELINE_PROCESSES),
        "Training": ("training-job", needs.PIPELINE_TRAINS),
    }
    for step in steps:
        if step["Type"] in kinds:
            kind, need = kinds[step["Type"]]
            for one in (need, needs.PIPELINE_TAGS):
                yield Call(party=role, need=one, resource=f"{here}:{kind}/{name}")
            yield from _starts(estate, role, step["Arguments"], name)
        elif step["Type"] == "RegisterModel":
            group = step["Arguments"]["ModelPackageGroupName"]
            yield Call(party=role, need=needs.PIPELINE_REGISTERS, resource=f"{here}:model-package/{group}/1")
            registered = f"{here}:model-package-group/{group}"
            yield Call(party=role, need=needs.PIPELINE_REGISTERS_IN_GROUP, resource=registered)
            [place] = set(_places(steps, "S3OutputPath"))
            report = _object(f"{place.rpartition('/')[0]}/any/0c1d/evaluation/evaluation.json")
            yield Call(party=role, need=needs.JOB_READS, resource=report)


def _reads_report(_estate: Estate, use: Use) -> Calls:
    stated = use.part["Parameters"]
    key = str(stated["Key.$"]).removeprefix("States.Format('").partition("'")[0]
    object_arn = f"arn:aws:s3:::{stated['Bucket']}/{key}"
    party = use.resource.properties["RoleArn"]
    yield Call(party=party, need=needs.STEP_FUNCTIONS_READ_OBJECT, resource=object_arn)


def _measures(_estate: Estate, use: Use) -> Calls:
    namespace = {"cloudwatch:namespace": use.part["Parameters"]["Namespace"]}
    party = use.resource.properties["RoleArn"]
    yield Call(party=party, need=needs.STEP_FUNCTIONS_MEASURE, resource="*", context=namespace)


def _object_of(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    """Its input says which object; those that it may be are below the place of the copy."""
    yield f"arn:aws:s3:::{state['Parameters']['Bucket']}/preparation/customers/part-0"


# ---- Personalize

_PERSONALIZE: Final = f"arn:aws:personalize:{REGION}:{ACCOUNT}:"


def _keeps_data_sets(estate: Estate, use: Use) -> Calls:
    """Personalize tries the key with the role of the group, and by itself, when the group is made."""
    stated = use.resource.properties
    yield Call(party=stated["RoleArn"], need=needs.PERSONALIZE_USES_KEY, resource=stated["KmsKeyArn"])
    yield Call(
        party="personalize.amazonaws.com",
        need=needs.PERSONALIZE_GRANTS_KEY,
        resource=stated["KmsKeyArn"],
        context=_SAME_ACCOUNT,
    )


def _counts_outcomes(_estate: Estate, use: Use) -> Calls:
    yield Call(
        party=use.resource.properties["MetricsOutputConfig"]["RoleArn"],
        need=needs.PERSONALIZE_PUTS_METRICS,
        resource="*",
        context={"cloudwatch:namespace": "/aws/personalize/"},
    )


def _imports(estate: Estate, use: Use) -> Calls:
    """Personalize reads the files with the role that is passed, and by itself by the bucket's policy."""
    role, stated = use.resource.properties["RoleArn"], use.part["Parameters"]
    context = {"iam:PassedToService": "personalize.amazonaws.com"}
    yield Call(party=role, need=needs.PASS_TO_PERSONALIZE, resource=stated["RoleArn"], context=context)
    place = _object(stated["DataSource"]["DataLocation"])
    read, (bucket, _, prefix) = f"{place}any.csv", place.partition("/")
    for party in (stated["RoleArn"], "personalize.amazonaws.com"):
        yield Call(
            party=party,
            need=needs.PERSONALIZE_LISTS_OBJECTS,
            resource=bucket,
            context={**_SAME_ACCOUNT, "s3:prefix": prefix},
        )
    yield Call(party=stated["RoleArn"], need=needs.PERSONALIZE_READS_OBJECTS, resource=read)
    yield Call(
        party="personalize.amazonaws.com",
        need=needs.PERSONALIZE_READS_OBJECTS,
        resource=read,
        context=_SAME_ACCOUNT,
    )


def _solutions(_estate: Estate, state: Mapping[str, Any]) -> Iterable[str]:
    yield state["Parameters"]["SolutionArn"]


def _personalize(action: str, *paths: str) -> Integration:
    """Return what a task asks of its role: one action on what it makes or looks at."""
    need = Need(
        actions=(f"personalize:{action}",),
        page="Service Authorization Reference: Actions, resources, and condition keys for Amazon Personalize",
    )
    return _task_on(need, lambda _estate, _state: (f"{_PERSONALIZE}{path}" for path in paths))


INTEGRATIONS: Final[Mapping[str, Integration]] = {
    "bucket's EventBridgeConfiguration": _nothing,
    "bucket's access logs": _keeps_access_logs,
    "discarded records to sqs": _discards_to_queue,
    "function's KmsKeyArn": _reads_variables,
    "function's TracingConfig": _traces,
    "function's VpcConfig": _stands_in_network,
    "machine's LoggingConfiguration": _machine_logs,
    "machine's TracingConfiguration": _machine_traces,
    "resource AWS::AppFlow::Flow": _lands,
    "resource AWS::ApiGatewayV2::Route": _is_invoked_by_gateway,
    "resource AWS::CleanRooms::ConfiguredTableAssociation": _shares_table,
    "resource AWS::Budgets::Budget": _budget_notifies,
    "resource AWS::CloudTrail::Trail": _trail_delivers,
    "resource AWS::CloudWatch::Alarm": _alarm_notifies,
    "resource AWS::CodeBuild::Project": _builds,
    "resource AWS::DataExchange::EventAction": _auto_exports,
    "resource AWS::DataBrew::Job": _prepares,
    "resource AWS::EntityResolution::IdMappingWorkflow": _maps_identities,
    "resource AWS::EntityResolution::IdNamespace": _names_identities,
    "resource AWS::EntityResolution::MatchingWorkflow": _matches,
    "resource AWS::EMR::Studio": _keeps_workspaces,
    "resource AWS::Events::EventBus": _bus_uses_key,
    "resource AWS::Glue::Connection": _connects,
    "resource AWS::Glue::DataQualityRuleset": _publishes_quality,
    "resource AWS::Glue::Job": _job_runs,
    "resource AWS::Glue::TableOptimizer": _optimizes,
    "resource AWS::EC2::FlowLog": _logs_flows,
    "resource AWS::KinesisAnalyticsV2::Application": _flink_runs,
    "resource AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption": _flink_logs,
    "resource AWS::Personalize::DatasetGroup": _keeps_data_sets,
    "resource AWS::Personalize::MetricAttribution": _counts_outcomes,
    "resource AWS::LakeFormation::Resource": _serves_location,
    "resource AWS::Lambda::Function": _writes_function_logs,
    # CloudWatch Logs gives `delivery.logs.amazonaws.com` the right to the log group when the delivery is made.
    "resource AWS::Logs::Delivery": _nothing,
    "resource AWS::Logs::LogGroup": _logs_use_key,
    "resource AWS::RedshiftServerless::Namespace": _reads_lake,
    # WAF gives its deliveries the right to a log group whose name begins as it asks.
    "resource AWS::WAFv2::LoggingConfiguration": _nothing,
    # Whoever deploys makes its network interfaces and its grant on the key.
    "resource AWS::SageMaker::Domain": _names_users,
    "resource AWS::SageMaker::Pipeline": _runs_steps,
    "resource AWS::SageMaker::UserProfile": _works_in_studio,
    "resource Custom::ClosedDatabase": _closes_database,
    # What the function behind it needs is said of its rights, in test_kafka_streams.py.
    "resource Custom::StreamTopic": _nothing,
    "resource Custom::RecipeVersion": _publishes_recipe,
    "resource Custom::StudioProfile": _sets_up_profile,
    "resource Custom::WarehouseLimit": _limits_usage,
    # The function that does it comes with the CDK, and so does its role.
    "resource Custom::VpcRestrictDefaultSG": _nothing,
    # Events of SES go to the default bus of the account, which needs no permission.
    "resource AWS::SES::ConfigurationSetEventDestination": _nothing,
    "resource AWS::QuickSight::DataSource": _fills_data_sets,
    "resource AWS::SecretsManager::RotationSchedule": _rotates,
    "right athena:ListQueryExecutions": _works_in_workgroup,
    "right athena:StartQueryExecution": _queries,
    "right redshift-serverless:GetCredentials": _asks_warehouse,
    "right kinesis:ListStreams": _lists_streams,
    "right sagemaker:CreateTrainingJob": _trains,
    "right dynamodb:BatchGetItem": _right_with_key(needs.USE_ENCRYPTED_TABLE, "dynamodb"),
    "right dynamodb:GetItem": _right_with_key(needs.USE_ENCRYPTED_TABLE, "dynamodb"),
    "right dynamodb:PutItem": _all_of(_right_with_key(needs.USE_ENCRYPTED_TABLE, "dynamodb"), _locks),
    "right dynamodb:Query": _right_with_key(needs.USE_ENCRYPTED_TABLE, "dynamodb"),
    "right dynamodb:UpdateItem": _right_with_key(needs.USE_ENCRYPTED_TABLE, "dynamodb"),
    "right emr-serverless:AccessInteractiveEndpoints": _works_on_spark,
    "right glue:UpdateTable": _commits,
    "right kinesis:GetRecords": _right_with_key(needs.READ_ENCRYPTED_STREAM, "kinesis"),
    "right kinesis:PutRecords": _right_with_key(needs.WRITE_ENCRYPTED_STREAM, "kinesis"),
    "right s3:AbortMultipartUpload": _right_on_objects(needs.UPLOAD_ENCRYPTED_PARTS),
    "right s3:GetObject": _all_of(_right_on_objects(needs.READ_ENCRYPTED_OBJECT), _sees_what_is_missing),
    "right s3:PutObject": _right_on_objects(needs.WRITE_ENCRYPTED_OBJECT),
    "right secretsmanager:GetSecretValue": _right_with_key(needs.READ_ENCRYPTED_SECRET, "secretsmanager"),
    "right ses:SendEmail": _sends_email,
    "right sns:Publish": _right_with_key(needs.PUBLISH_ON_ENCRYPTED_TOPIC, "sns"),
    "right sqs:ReceiveMessage": _right_with_key(needs.READ_ENCRYPTED_QUEUE, "sqs"),
    "right sqs:SendMessage": _right_with_key(needs.SEND_TO_ENCRYPTED_QUEUE, "sqs"),
    "source dynamodb": _reads_dynamodb,
    "source kafka": _reads_topic,
    "source kinesis": _reads_kinesis,
    "source sqs": _reads_queue,
    "target events": _calls_destination,
    "target sqs": _delivers_to_queue,
    "target states": _starts_executions,
    "task aws-sdk:appflow:describeFlowExecutionRecords": _task_on(needs.STEP_FUNCTIONS_ASK_FLOW, _flows),
    "task aws-sdk:dataexchange:createJob": _all_of(_task_on(needs.STEP_FUNCTIONS_MAKE_EXPORT, _any_job), _exports),
    "task aws-sdk:dataexchange:getJob": _task_on(needs.STEP_FUNCTIONS_LOOK_AT_EXPORT, _jobs),
    "task aws-sdk:dataexchange:listDataSetRevisions": _task_on(needs.STEP_FUNCTIONS_LIST_REVISIONS, _data_set),
    "task aws-sdk:dataexchange:startJob": _task_on(needs.STEP_FUNCTIONS_START_EXPORT, _jobs),
    "task aws-sdk:entityresolution:getMatchingJob": _task_on(needs.STEP_FUNCTIONS_AWAIT_MATCHING, _workflow),
    "task aws-sdk:entityresolution:startMatchingJob": _task_on(needs.STEP_FUNCTIONS_START_MATCHING, _workflow),
    "task aws-sdk:kinesisanalyticsv2:createApplicationSnapshot": _task_on(
        needs.STEP_FUNCTIONS_TAKE_SNAPSHOT, _application
    ),
    "task aws-sdk:kinesisanalyticsv2:deleteApplicationSnapshot": _task_on(
        needs.STEP_FUNCTIONS_DROP_SNAPSHOT, _application
    ),
    "task aws-sdk:kinesisanalyticsv2:describeApplication": _task_on(needs.STEP_FUNCTIONS_LOOK_AT_FLINK, _application),
    "task aws-sdk:kinesisanalyticsv2:describeApplicationSnapshot": _task_on(
        needs.STEP_FUNCTIONS_LOOK_AT_SNAPSHOT, _application
    ),
    "task aws-sdk:kinesisanalyticsv2:listApplicationSnapshots": _task_on(
        needs.STEP_FUNCTIONS_LIST_SNAPSHOTS, _application
    ),
    "task aws-sdk:kinesisanalyticsv2:startApplication": _task_on(needs.STEP_FUNCTIONS_START_FLINK, _application),
    "task aws-sdk:personalize:createBatchInferenceJob": _personalize(
        "CreateBatchInferenceJob", "batch-inference-job/any"
    ),
    "task aws-sdk:personalize:createCampaign": _personalize("CreateCampaign", "campaign/c360-everything-articles"),
    "task aws-sdk:personalize:createDatasetImportJob": _all_of(
        _personalize("CreateDatasetImportJob", "dataset-import-job/any"), _imports
    ),
    "task aws-sdk:personalize:createSolutionVersion": _personalize(
        "CreateSolutionVersion", "solution/c360-everything-articles/any"
    ),
    "task aws-sdk:personalize:deleteCampaign": _personalize("DeleteCampaign", "campaign/c360-everything-articles"),
    "task aws-sdk:personalize:describeBatchInferenceJob": _personalize(
        "DescribeBatchInferenceJob", "batch-inference-job/any"
    ),
    "task aws-sdk:personalize:describeCampaign": _personalize("DescribeCampaign", "campaign/c360-everything-articles"),
    "task aws-sdk:personalize:describeDatasetImportJob": _personalize(
        "DescribeDatasetImportJob", "dataset-import-job/any"
    ),
    "task aws-sdk:personalize:describeSolution": _task_on(needs.LOOK_AT_SOLUTION, _solutions),
    "task aws-sdk:personalize:describeSolutionVersion": _personalize(
        "DescribeSolutionVersion", "solution/c360-everything-articles/any"
    ),
    "task aws-sdk:personalize:updateCampaign": _personalize("UpdateCampaign", "campaign/c360-everything-articles"),
    "task aws-sdk:personalize:updateSolution": _task_on(needs.CHANGE_SOLUTION, _solutions),
    "task aws-sdk:redshiftdata:batchExecuteStatement": _all_of(
        _task_on(needs.RUN_STATEMENTS, _workgroup_of), _signs_in_by_secret
    ),
    "task aws-sdk:redshiftdata:describeStatement": _task_on(needs.LOOK_AT_STATEMENT, _no_resource),
    "task aws-sdk:redshiftdata:executeStatement": _all_of(
        _task_on(needs.RUN_STATEMENT, _workgroup_of), _signs_in_by_secret, _keeps_training
    ),
    "task aws-sdk:redshiftdata:getStatementResult": _task_on(needs.READ_RESULT_OF_STATEMENT, _no_resource),
    "task aws-sdk:redshiftserverless:getNamespace": _task_on(needs.FIND_NAMESPACE, _namespace),
    "task athena:startQueryExecution.sync": _unloads,
    "task aws-sdk:cloudwatch:putMetricData": _measures,
    "task aws-sdk:s3:getObject": _reads_report,
    "task aws-sdk:sagemaker:createProcessingJob": _all_of(
        _sagemaker(needs.START_PROCESSING, "processing-job/{}-0c1d"), _starts_job
    ),
    "task aws-sdk:sagemaker:createTransformJob": _all_of(
        _sagemaker(needs.START_BATCH, "transform-job/{}-0c1d"), _starts_job
    ),
    "task aws-sdk:sagemaker:describeModelPackage": _sagemaker(needs.LOOK_AT_PACKAGE, "model-package/{}/1"),
    "task aws-sdk:sagemaker:describePipelineExecution": _sagemaker(
        needs.LOOK_AT_PIPELINE, "pipeline/{}/execution/0c1d"
    ),
    "task aws-sdk:sagemaker:describeProcessingJob": _sagemaker(needs.LOOK_AT_PROCESSING, "processing-job/{}-0c1d"),
    "task aws-sdk:sagemaker:describeTransformJob": _sagemaker(needs.LOOK_AT_BATCH, "transform-job/{}-0c1d"),
    "task aws-sdk:sagemaker:listModelPackages": _sagemaker(needs.LIST_PACKAGES, "*"),
    "task aws-sdk:sagemaker:listPipelineExecutionSteps": _sagemaker(needs.LOOK_AT_STEPS, "pipeline/{}/execution/0c1d"),
    "task aws-sdk:sagemaker:startPipelineExecution": _sagemaker(needs.START_PIPELINE, "pipeline/{}"),
    "task aws-sdk:s3:deleteObject": _task_on(needs.STEP_FUNCTIONS_DELETE_OBJECT, _object_of),
    "task aws-sdk:s3:listObjectsV2": _lists_copy,
    "task databrew:startJobRun.sync": _task_on(needs.STEP_FUNCTIONS_RUN_DATABREW, _databrew_job),
    "task codebuild:startBuild.sync": _all_of(
        _task_on(needs.STEP_FUNCTIONS_BUILD, _project), _task_on(needs.STEP_FUNCTIONS_AWAIT_BUILD, _rule_of_builds)
    ),
    "task emr-serverless:startJobRun.sync": _runs_on_emr,
    "task glue:startJobRun.sync": _task_on(needs.STEP_FUNCTIONS_RUN_GLUE, _job),
    "task lambda": _task_on(needs.STEP_FUNCTIONS_INVOKE, _called),
    "task lambda:invoke.waitForTaskToken": _all_of(
        _task_on(needs.STEP_FUNCTIONS_INVOKE, _given_function), _wakes_its_callers
    ),
    "task states:startExecution": _task_on(needs.STEP_FUNCTIONS_START_EXECUTION, _started),
    "task sns:publish": _task_on(needs.STEP_FUNCTIONS_PUBLISH, _topic),
    "trust cleanrooms.amazonaws.com": _acts_for_members,
    "trust codebuild.amazonaws.com": _account_and_source(),
    # AWS documents no condition key that it states.
    "trust databrew.amazonaws.com": _trusted(),
    "trust elasticmapreduce.amazonaws.com": _account_and_source(),
    # AWS documents the account for it, and no source.
    "trust emr-serverless.amazonaws.com": _trusted("aws:SourceAccount"),
    "trust entityresolution.amazonaws.com": _account_and_source(),
    f"trust {_EVENTS}": _account_and_source(),
    "trust glue.amazonaws.com": _account_and_source(),
    "trust kinesisanalytics.amazonaws.com": _account_and_source(),
    "trust lakeformation.amazonaws.com": _trusted(),
    "trust personalize.amazonaws.com": _account_and_source(),
    "trust lambda.amazonaws.com": _account_and_source(),
    # AWS documents no condition key that it states for the roles of a namespace.
    "trust redshift-serverless.amazonaws.com": _trusted(),
    "trust redshift.amazonaws.com": _trusted(),
    # QuickSight's pages name the account alone for a role of a data source.
    "trust quicksight.amazonaws.com": _trusted("aws:SourceAccount"),
    "trust sagemaker.amazonaws.com": _account_and_source(),
    "trust states.amazonaws.com": _account_and_source(),
    "trust vpc-flow-logs.amazonaws.com": _account_and_source(),
    "undelivered events to sqs": _keeps_undelivered,
}

# Resource types that call no other service and that no service calls for: what there is to say about them is said by
# policies, or by the resources that use them.
WITHOUT_NEEDS: Final = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Stage",
    # AppFlow makes a secret of its own for it, with the rights of whoever deploys.
    "AWS::AppFlow::ConnectorProfile",
    "AWS::Athena::NamedQuery",
    "AWS::Athena::PreparedStatement",
    "AWS::Athena::WorkGroup",
    # Of Clean Rooms, only the association of a table has a role.
    "AWS::CleanRooms::AnalysisTemplate",
    "AWS::CleanRooms::Collaboration",
    "AWS::CleanRooms::ConfiguredTable",
    "AWS::CleanRooms::IdMappingTable",
    "AWS::CleanRooms::IdNamespaceAssociation",
    "AWS::CleanRooms::Membership",
    "AWS::CleanRooms::PrivacyBudgetTemplate",
    # It calls the API as anybody may, with a header.
    "AWS::CloudFront::Distribution",
    "AWS::CloudWatch::Dashboard",
    # What a run needs is said of the jobs.
    "AWS::DataBrew::Dataset",
    "AWS::DataBrew::Project",
    "AWS::DataBrew::Recipe",
    "AWS::DynamoDB::GlobalTable",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    # What its runs need is said of the tasks that start them, and what its sessions need of those who begin one.
    "AWS::EMRServerless::Application",
    "AWS::EntityResolution::SchemaMapping",
    # Its secret is EventBridge's own, which makes it with a role linked to the service.
    "AWS::Events::ApiDestination",
    "AWS::Events::Connection",
    "AWS::Events::Rule",
    "AWS::Glue::Database",
    "AWS::Glue::SecurityConfiguration",
    "AWS::Glue::Table",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::LakeFormation::DataLakeSettings",
    "AWS::LakeFormation::PrincipalPermissions",
    "AWS::LakeFormation::Tag",
    "AWS::LakeFormation::TagAssociation",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Logs::DeliveryDestination",
    "AWS::Logs::DeliverySource",
    "AWS::Logs::LogStream",
    # It takes clients by their own rights, and encrypts with a key of the service.
    "AWS::MSK::ServerlessCluster",
    # What an import and a training need is said of the tasks that start them, and of the group.
    "AWS::Personalize::Dataset",
    "AWS::Personalize::EventTracker",
    "AWS::Personalize::Filter",
    "AWS::Personalize::Schema",
    "AWS::Personalize::Solution",
    # What its statements need is said of the tasks that send them, and of the namespace.
    "AWS::RedshiftServerless::Workgroup",
    # Who may use them are users of QuickSight; what they read, the data source does.
    "AWS::QuickSight::Dashboard",
    # CloudFormation reads the credentials of the channels with the rights of the deployment.
    "AWS::Pinpoint::APNSChannel",
    "AWS::Pinpoint::App",
    "AWS::Pinpoint::GCMChannel",
    "AWS::QuickSight::DataSet",
    "AWS::QuickSight::Folder",
    "AWS::QuickSight::RefreshSchedule",
    "AWS::QuickSight::Theme",
    "AWS::QuickSight::Topic",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::EmailIdentity",
    "AWS::SES::Template",
    # What their apps need is said of the profiles.
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::Space",
    "AWS::SageMaker::StudioLifecycleConfig",
    "AWS::SMSVOICE::ConfigurationSet",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
    "AWS::WAFv2::WebACL",
}
