"""Every integration has the permissions that AWS documents for it: see `needs.py`."""

import json
import re

from c360_core.names import Stream, TableName, Zone, database_name, stream_name
from tests.infrastructure import needs
from tests.infrastructure.assembly import definition, resolve, states
from tools.environments import locks


def readers(assembly):
    """Yield each event source mapping with its function's role."""
    for mapping in assembly.resources("AWS::Lambda::EventSourceMapping"):
        function_id = resolve(mapping.properties["FunctionName"])
        functions = assembly.resources("AWS::Lambda::Function", mapping.pillar)
        function = next(f for f in functions if f.logical_id == function_id)
        yield mapping, needs.role_of(function.properties["Role"])


def stream_readers(assembly):
    """Yield the mappings on streams."""
    return (found for found in readers(assembly) if found[0].pillar != "collection")


def test_the_function_that_batches_files_may_read_its_queue_and_start_runs(assembly):
    ((mapping, role),) = [found for found in readers(assembly) if found[0].pillar == "collection"]
    queue = resolve(mapping.properties["EventSourceArn"])
    key = key_in(assembly, "collection")
    machine = assembly.one("AWS::StepFunctions::StateMachine", "collection").logical_id
    wanted = {
        queue: needs.LAMBDA_READS_QUEUE,
        key: needs.READ_ENCRYPTED_QUEUE,
        machine: needs.START_EXECUTIONS,
    }
    for resource, need in wanted.items():
        assert needs.missing(assembly, "collection", role, need, resource) == [], f"{mapping}: {need.page}"
    (put,) = [some for actions, some in needs.grants(assembly, "collection", role) if "s3:PutObject" in actions]
    assert [resource.rpartition("/ingestion")[2] for resource in put] == ["/*"]


def machines(assembly):
    """Yield each state machine with its role and its states."""
    for machine in assembly.resources("AWS::StepFunctions::StateMachine"):
        yield machine, needs.role_of(machine.properties["RoleArn"]), states(definition(machine))


def key_in(assembly, pillar):
    """Return the environment's key as the templates of a pillar that imports it spell it."""
    (name,) = {
        resolve(queue.properties["KmsMasterKeyId"])
        for queue in assembly.resources("AWS::SQS::Queue", pillar)
        if "KmsMasterKeyId" in queue.properties
    }
    return name


def test_functions_may_read_the_streams_that_feed_them(assembly):
    kinds = {"kinesis": needs.LAMBDA_READS_KINESIS, "dynamodb": needs.LAMBDA_READS_DYNAMODB}
    found = list(stream_readers(assembly))
    assert len(found) == len(kinds)
    for mapping, role in found:
        source = resolve(mapping.properties["EventSourceArn"])
        need = kinds["kinesis" if ":kinesis:" in source else "dynamodb"]
        assert needs.missing(assembly, mapping.pillar, role, need, source) == [], f"{mapping}: {need.page}"


def test_functions_may_read_encrypted_streams_and_send_to_encrypted_queues(assembly):
    for mapping, role in stream_readers(assembly):
        queue = resolve(mapping.properties["DestinationConfig"]["OnFailure"]["Destination"])
        key = key_in(assembly, mapping.pillar)
        wanted = {
            queue: [needs.LAMBDA_TELLS_A_QUEUE],
            key: [needs.READ_ENCRYPTED_STREAM, needs.SEND_TO_ENCRYPTED_QUEUE],
        }
        for resource, wants in wanted.items():
            for need in wants:
                assert needs.missing(assembly, mapping.pillar, role, need, resource) == [], f"{mapping}: {need.page}"


def test_flink_may_read_and_write_its_streams(assembly):
    used = {
        "collection": ([Stream.EVENTS], [Stream.INTERACTIONS]),
        "unification": ([Stream.INTERACTIONS, Stream.IDENTITY_CHANGES], [Stream.PROFILE_CHANGES]),
    }
    for pillar, (read, written) in used.items():
        application = assembly.one("AWS::KinesisAnalyticsV2::Application", pillar)
        role = needs.role_of(application.properties["ServiceExecutionRole"])
        wanted = [(needs.FLINK_READS_KINESIS, stream) for stream in read]
        wanted += [(needs.FLINK_WRITES_KINESIS, stream) for stream in written]
        for need, stream in wanted:
            name = stream_name(assembly.settings.environment, stream)
            arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
            assert needs.missing(assembly, pillar, role, need, arn) == [], f"{application}, {stream}: {need.page}"
        key = key_in(assembly, pillar)
        for need in (needs.READ_ENCRYPTED_STREAM, needs.WRITE_ENCRYPTED_STREAM):
            assert needs.missing(assembly, pillar, role, need, key) == [], f"{application}: {need.page}"


def test_unify_may_read_the_past_from_the_lake_and_change_nothing_of_it(assembly):
    application = assembly.one("AWS::KinesisAnalyticsV2::Application", "unification")
    role = needs.role_of(application.properties["ServiceExecutionRole"])
    past = {Zone.RAW: TableName.INTERACTIONS, Zone.CURATED: TableName.LATEST_IDENTITY_CHANGES}
    granted = list(needs.grants(assembly, "unification", role))
    for zone, table in past.items():
        database = database_name(assembly.settings.environment, zone)
        prefix = "arn:aws:glue:us-east-1:123456789012"
        for resource in (f"{prefix}:catalog", f"{prefix}:database/{database}", f"{prefix}:table/{database}/{table}"):
            need = needs.FLINK_READS_TABLE
            assert needs.missing(assembly, "unification", role, need, resource) == [], f"{resource}: {need.page}"
        objects = [one for _, some in granted for one in some if one.endswith(f"/{table}/*")]
        (place,) = {one for one in objects if zone.title() in one}
        need = needs.FLINK_READS_OBJECTS
        assert needs.missing(assembly, "unification", role, need, place) == [], f"{table}: {need.page}"
        writes = [action for actions, some in granted if place in some for action in actions if "Put" in action]
        assert writes == [], f"unify may write what {table} says of the past"
    need = needs.FLINK_READS_ENCRYPTED_OBJECTS
    key = key_in(assembly, "unification")
    assert needs.missing(assembly, "unification", role, need, key) == [], need.page


def test_unify_has_grants_in_the_lake_for_what_it_reads_there(assembly):
    role = needs.role_of(
        assembly.one("AWS::KinesisAnalyticsV2::Application", "unification").properties["ServiceExecutionRole"]
    )
    found = {}
    for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions"):
        table = grant.properties["Resource"].get("Table")
        principal = resolve(grant.properties["Principal"]["DataLakePrincipalIdentifier"])
        if table is not None and role.partition(".")[0] in principal:
            found[table["DatabaseName"]] = grant.properties["Permissions"]
    environment = assembly.settings.environment
    assert found[database_name(environment, Zone.RAW)] == ["SELECT", "DESCRIBE"]
    assert "SELECT" in found[database_name(environment, Zone.CURATED)]


def test_state_machines_may_run_and_stop_their_jobs(assembly):
    found = 0
    for machine, role, steps in machines(assembly):
        for name, step in steps.items():
            if step.get("Resource") == "arn:aws:states:::glue:startJobRun.sync":
                job = f"arn:aws:glue:us-east-1:123456789012:job/{resolve(step['Parameters']['JobName'])}"
                need, found = needs.STEP_FUNCTIONS_RUN_GLUE, found + 1
                assert needs.missing(assembly, machine.pillar, role, need, job) == [], f"{machine}, {name}: {need.page}"
    assert found == 3


def test_state_machines_may_run_matching_jobs(assembly):
    workflow = assembly.one("AWS::EntityResolution::MatchingWorkflow", "unification")
    for machine, role, steps in machines(assembly):
        if any("entityresolution" in step.get("Resource", "") for step in steps.values()):
            need, arn = needs.STEP_FUNCTIONS_RUN_MATCHING, f"{workflow.logical_id}.WorkflowArn"
            assert needs.missing(assembly, machine.pillar, role, need, arn) == [], f"{machine}: {need.page}"
            break
    else:
        raise AssertionError("no state machine runs the matching workflow")


def test_the_matcher_may_read_its_input_and_write_its_output(assembly):
    workflow = assembly.one("AWS::EntityResolution::MatchingWorkflow", "unification").properties
    role = needs.role_of(workflow["RoleArn"])
    (source,), (output,) = workflow["InputSourceConfig"], workflow["OutputSourceConfig"]
    table = resolve(source["InputSourceARN"])
    database = database_name(assembly.settings.environment, Zone.CURATED)
    assert table.endswith(f":table/{database}/{TableName.ER_INPUT}")
    (entry,) = [t.properties for t in assembly.resources("AWS::Glue::Table") if "TableInput" in t.properties]
    read = resolve(entry["TableInput"]["StorageDescriptor"]["Location"]).removeprefix("s3://")
    written = resolve(output["OutputS3Path"]).removeprefix("s3://")
    granted = {
        resource
        for _, some in needs.grants(assembly, "unification", role)
        for resource in some
        if resource.startswith("Lake")
    }
    prefix = table.partition(":table/")[0]
    wanted = [
        *((needs.MATCHING_READS_CATALOG, f"{prefix}:{one}") for one in ("catalog", f"database/{database}")),
        (needs.MATCHING_READS_CATALOG, table),
        (needs.ASKS_LAKE_FORMATION, "*"),
        (needs.MATCHING_USES_KEY, resolve(output["KMSArn"])),
        (needs.MATCHING_READS_OBJECTS, object_in(read, granted)),
        (needs.MATCHING_WRITES_OBJECTS, object_in(f"{written}/", granted)),
        *((needs.MATCHING_LISTS_BUCKETS, bucket_of(place, granted)) for place in (read, written)),
    ]
    for need, resource in wanted:
        assert needs.missing(assembly, "unification", role, need, resource) == [], f"{resource}: {need.page}"


def bucket_of(location, granted):
    """Return a bucket's ARN as policies spell it: they import the ARN, where a location has the imported name."""
    part = re.match(r"Lake[A-Z][a-z]+", location)[0]
    (arn,) = {one.partition("/")[0] for one in granted if one.startswith(part)}
    return arn


def object_in(location, granted):
    """Return the ARN of an object under a location."""
    return f"{bucket_of(location, granted)}/{location.partition('/')[2]}part-0"


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


def test_rules_may_start_executions_and_keep_what_they_cannot_deliver(assembly):
    key = assembly.one("AWS::KMS::Key", "foundation").properties["KeyPolicy"]
    service = "events.amazonaws.com"
    # To the key of a queue, EventBridge states neither account nor rule: a condition on them is never met.
    unconditional = {"Statement": [one for one in key["Statement"] if "Condition" not in one]}
    assert needs.lacking(unconditional, service, needs.EVENTBRIDGE_USES_KEY, "*") == [], needs.EVENTBRIDGE_USES_KEY.page
    found = 0
    for rule in assembly.resources("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            arn, lost = resolve(target["Arn"]), resolve(target["DeadLetterConfig"]["Arn"])
            written = {lost}
            if "RoleArn" in target:
                need = needs.EVENTBRIDGE_STARTS_EXECUTIONS
                role = needs.role_of(target["RoleArn"])
                assert needs.missing(assembly, rule.pillar, role, need, arn) == [], f"{rule}: {need.page}"
            else:  # a queue lets EventBridge in by its own policy
                written.add(arn)
            for queue in written:
                policies = [
                    policy.properties["PolicyDocument"]
                    for policy in assembly.resources("AWS::SQS::QueuePolicy", rule.pillar)
                    if queue.removesuffix(".Arn") in [resolve(one) for one in policy.properties["Queues"]]
                ]
                need, found = needs.EVENTBRIDGE_SENDS_TO_QUEUE, found + 1
                assert any(needs.lacking(one, service, need, queue) == [] for one in policies), f"{rule}: {need.page}"
    assert found >= 3


def test_codebuild_gets_the_python_that_the_requirements_were_tried_with(assembly):
    project = assembly.one("AWS::CodeBuild::Project", "analytics").properties
    buildspec = json.loads(resolve(project["Source"]["BuildSpec"]))
    assert buildspec["phases"]["install"]["runtime-versions"] == {"python": locks.CODEBUILD.python}
    assert (project["Environment"]["Type"], locks.CODEBUILD.platform) == ("ARM_CONTAINER", "aarch64-unknown-linux-gnu")
