"""State machines do what their pillar promises, are logged and traced, and tell when they fail."""

import json
from itertools import pairwise

import botocore.session
import pytest
from ministack.services import eventbridge

from c360_core.decision import Template
from c360_core.journey import Happening, first_messages, load_journeys
from c360_core.landing import is_folder_mark, run_input
from stacks.constructs.retries import BUSY
from tests.infrastructure.assembly import definition, resolve, states


def machine(assembly, pillar, part=""):
    return assembly.one("AWS::StepFunctions::StateMachine", pillar, part)


def test_every_machine_is_logged_and_traced(assembly):
    machines = list(assembly.resources("AWS::StepFunctions::StateMachine"))
    assert len(machines) >= 5
    for each in machines:
        logging = each.properties["LoggingConfiguration"]
        assert logging["Level"] == "ALL", each
        assert logging["IncludeExecutionData"] is False, each  # it would write customer data into logs
        assert each.properties["TracingConfiguration"] == {"Enabled": True}, each


def test_every_state_machine_notifies_the_alarm_topic_when_it_fails(assembly):
    for each in assembly.resources("AWS::StepFunctions::StateMachine"):
        document = definition(each)
        steps = document["States"][document["StartAt"]]
        (catch,) = steps["Catch"]
        assert catch["ErrorEquals"] == ["States.ALL"], each
        tell = document["States"][catch["Next"]]
        assert resolve(tell["Resource"]) == "arn:aws:states:::sns:publish", each
        assert document["States"][tell["Next"]]["Type"] == "Fail", each


# Refusals that pass by themselves, by what asks for them; where the model has none for throttling, the name that stands
# for the whole service.
THROTTLED = {
    "appflow": {"Appflow.InternalServerException", "Appflow.AppflowException"},
    "athena": {"Athena.TooManyRequestsException", "Athena.InternalServerException"},
    "databrew": {"DataBrew.ServiceQuotaExceededException", "DataBrew.DataBrewException"},
    "glue": {"Glue.ThrottlingException", "Glue.GlueException", "Glue.AWSGlueException"},
    "cloudwatch": {"CloudWatch.CloudWatchException"},
    "codebuild": {"CodeBuild.CodeBuildException", "CodeBuild.AWSCodeBuildException"},
    "dataexchange": {"DataExchange.ThrottlingException", "DataExchange.ServiceLimitExceededException"},
    "emr-serverless": {"EMRServerless.EMRServerlessException", "EMRServerless.AWSEMRServerlessException"},
    "entityresolution": {"EntityResolution.ThrottlingException"},
    "kinesisanalyticsv2": {"KinesisAnalyticsV2.KinesisAnalyticsV2Exception"},
    "personalize": {"Personalize.PersonalizeException", "Personalize.LimitExceededException"},
    "redshiftdata": {"RedshiftData.InternalServerException", "RedshiftData.RedshiftDataException"},
    "redshiftserverless": {"RedshiftServerless.InternalServerException"},
    "lambda": {"Lambda.TooManyRequestsException"},
    "s3": {"S3.S3Exception"},
    "sagemaker": {"SageMaker.SageMakerException", "SageMaker.ResourceLimitExceededException"},
    "states": {"StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceededException"},
    "sns": {"SNS.ThrottledException", "SNS.SnsException", "SNS.AmazonSNSException"},
}
ONE_AT_A_TIME = {
    "glue": {"Glue.ConcurrentRunsExceededException"},
    "codebuild": {"CodeBuild.AccountLimitExceededException"},
    "databrew": {"DataBrew.ConflictException"},
}


def tasks(assembly):
    """Yield every task of every state machine, with the service that it calls."""
    for each in assembly.resources("AWS::StepFunctions::StateMachine"):
        for name, state in states(definition(each)).items():
            if state["Type"] == "Task":
                called = resolve(state["Resource"]).removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
                yield f"{each} {name}", state, called.partition(":")[0] if ":" in called else "lambda"


def retried(state):
    return {error for retry in state.get("Retry", ()) for error in retry["ErrorEquals"]}


IN_BOTOCORE = {
    "EMRServerless": "emr-serverless",
    "RedshiftData": "redshift-data",
    "RedshiftServerless": "redshift-serverless",
}
WAREHOUSE = ("redshiftdata", "redshiftserverless")
PREPARATION = ("athena", "databrew", "s3")
FORESIGHT = ("cloudwatch", "s3", "sagemaker")
SDK = {service.lower(): service for service in BUSY}


def unknown(given, shape):
    """Return the parameters that a shape of a service's model does not have, with those of its parts."""
    if shape.type_name != "structure":
        return []
    members = {name[0].upper() + name[1:]: part for name, part in shape.members.items()}
    names = {name.removesuffix(".$"): value for name, value in given.items()}
    missing = {name[0].upper() + name[1:] for name in shape.required_members} - names.keys()
    wrong = [name for name in names if name not in members] + [f"no {name}" for name in sorted(missing)]
    return wrong + [
        f"{name}.{part}"
        for name, value in names.items()
        if name in members and isinstance(value, dict)
        for part in unknown(value, members[name])
    ]


def machines_of_keepers(assembly):
    return [m for m in assembly.resources("AWS::StepFunctions::StateMachine", "operations") if "Run" in m.logical_id]


def test_every_task_is_tried_again_when_its_service_is_busy(assembly):
    found = list(tasks(assembly))
    optional = {
        "appflow",
        "dataexchange",
        "emr-serverless",
        "kinesisanalyticsv2",
        "personalize",
        *WAREHOUSE,
        *PREPARATION,
        *FORESIGHT,
    }
    assert {service for _, _, service in found} >= THROTTLED.keys() - optional
    for name, state, service in found:
        assert THROTTLED[service] | ONE_AT_A_TIME.get(service, set()) <= retried(state), name


def test_only_files_and_tables_are_read_again_after_a_job_that_failed(assembly):
    """A refused request starts nothing; a job that failed has done something, and somebody is to hear of it."""
    every = {"States.ALL", "States.TaskFailed", "States.Timeout"}
    again = [name for name, state, _ in tasks(assembly) if retried(state) & every]
    # Files that are read again, and a table, change nothing, what was removed is not there to be removed again, and a
    # backfill goes on where it stopped. Of the checks of a day, the last counts.
    assert {name.rpartition(" ")[2] for name in again} <= {"Ingest", "Extract", "Remove", "Fill", "Check", "Enforce"}


@pytest.mark.parametrize(("service", "errors"), BUSY.items())
def test_busy_services_are_known_by_the_names_that_they_have(service, errors):
    """Step Functions tells a service's error by its name; a wrong one would never be caught."""
    model = botocore.session.get_session().get_service_model(IN_BOTOCORE.get(service, service.lower()))
    known = {shape for shape in model.shape_names if model.shape_for(shape).metadata.get("exception")}
    # The SDKs for Java end each name so.
    known |= {f"{name}Exception" for name in known if not name.endswith("Exception")}
    whole = {f"{prefix}{service}Exception".lower() for prefix in ("", "AWS", "Amazon", "AWSGlue")}
    told = {error.removeprefix(f"{service}.") for error in errors}
    assert {name for name in told - known if name.lower() not in whole} == set()


def test_a_run_ingests_the_files_of_its_list(assembly):
    found = states(definition(machine(assembly, "collection", "FileIngestion")))
    ingest = found["Ingest"]
    assert ingest["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
    assert ingest["Parameters"]["Arguments"] == {"--manifest.$": "$.manifest"}
    assert json.loads(run_input("ingestion/files-1.json", [])).keys() == {"manifest", "files"}
    (busy,) = [retry for retry in ingest["Retry"] if "Glue.ConcurrentRunsExceededException" in retry["ErrorEquals"]]
    assert {"Glue.ThrottlingException", "Glue.AWSGlueException"} <= set(busy["ErrorEquals"])
    assert (busy["JitterStrategy"], busy["MaxDelaySeconds"]) == ("FULL", 300)
    assert busy["MaxAttempts"] * busy["MaxDelaySeconds"] >= 3 * 3600  # a hundred files take their time


def test_ingestion_begins_when_a_file_lands(assembly):
    rule = assembly.one("AWS::Events::Rule", "collection", "FileLanded").properties
    assert rule["EventPattern"]["source"] == ["aws.s3"]
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    (bucket,) = rule["EventPattern"]["detail"]["bucket"]["name"]
    assert "Landing" in resolve(bucket)
    # Consoles and Hadoop put objects there that only stand for a folder, and Spark one that says that it is done.
    marks = ["/", "_$folder$", "/_SUCCESS"]
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"anything-but": {"suffix": marks}}]}
    (target,) = rule["Targets"]
    assert "FileIngestionLanded" in resolve(target["Arn"])
    assert "RoleArn" not in target  # with one, AWS may fail to deliver to an encrypted queue


@pytest.mark.parametrize(
    ("key", "ingested"),
    [
        ("crm_contacts/", False),
        ("crm_contacts/2026/", False),
        ("crm_contacts_$folder$", False),
        ("crm_contacts/2026/_SUCCESS", False),
        ("crm_contacts/2026_SUCCESS", True),
        ("crm_contacts/2026_$folder$", False),
        ("crm_contacts/a.csv", True),
        ("crm_contacts/_$folder$.csv", True),
        ("a.csv", True),
    ],
)
def test_a_folder_marker_starts_nothing(prod, key, ingested):
    """The pattern as EventBridge reads it, by the emulator's matcher."""
    rule = prod.one("AWS::Events::Rule", "collection", "FileLanded").properties
    pattern = json.loads(json.dumps(rule["EventPattern"]))
    (bucket,) = map(resolve, pattern["detail"]["bucket"]["name"])
    pattern["detail"]["bucket"]["name"] = [bucket]
    event = {"source": "aws.s3", "detail-type": "Object Created"}
    event["detail"] = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    _, _, answer = eventbridge._test_event_pattern({"Event": json.dumps(event), "EventPattern": json.dumps(pattern)})
    assert json.loads(answer) == {"Result": ingested}
    assert is_folder_mark(key) != ingested, "the function of the batches looks again"


def test_landed_files_are_batched_and_start_few_runs(assembly):
    (mapping,) = [m.properties for m in assembly.resources("AWS::Lambda::EventSourceMapping", "collection")]
    queues = {q.logical_id: q.properties for q in assembly.resources("AWS::SQS::Queue", "collection")}
    landed = queues[resolve(mapping["EventSourceArn"]).removesuffix(".Arn")]
    window = assembly.settings.collection.files.batch_seconds
    assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert 10 < mapping["BatchSize"] <= 10_000  # what AWS allows with a window; ten without
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    (function,) = [
        f.properties
        for f in assembly.resources("AWS::Lambda::Function", "collection")
        if f.logical_id == resolve(mapping["FunctionName"])
    ]
    # What AWS documents for a queue that feeds a function.
    assert landed["VisibilityTimeout"] >= 6 * function["Timeout"] + window
    assert landed["RedrivePolicy"]["maxReceiveCount"] >= 5
    undelivered = queues[resolve(landed["RedrivePolicy"]["deadLetterTargetArn"]).removesuffix(".Arn")]
    # A message keeps the moment at which it was first sent, and is deleted by the dead-letter queue's clock.
    assert undelivered["MessageRetentionPeriod"] > landed["MessageRetentionPeriod"]


def test_only_the_rule_of_landed_files_writes_to_their_queue(assembly):
    rule = assembly.one("AWS::Events::Rule", "collection", "FileLanded")
    (policy,) = [
        each.properties
        for each in assembly.resources("AWS::SQS::QueuePolicy", "collection")
        if "FileIngestionLanded" in resolve(each.properties["Queues"][0])
    ]
    allowed = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert [(s["Principal"], s["Action"]) for s in allowed] == [
        ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    ]
    assert rule.logical_id in resolve(allowed[0]["Condition"]["ArnEquals"]["aws:SourceArn"])


def test_a_run_that_breaks_off_is_tried_once_more(assembly):
    (*_, last) = states(definition(machine(assembly, "collection", "FileIngestion")))["Ingest"]["Retry"]
    assert (last["ErrorEquals"], last["MaxAttempts"]) == (["States.TaskFailed"], 1)


def test_the_batching_window_is_a_setting(dev, prod):
    def window(assembly):
        (mapping,) = [m.properties for m in assembly.resources("AWS::Lambda::EventSourceMapping", "collection")]
        return mapping["MaximumBatchingWindowInSeconds"]

    assert (window(dev), window(prod)) == (1, 60)


def test_identities_are_prepared_matched_and_resolved(assembly):
    document = states(definition(machine(assembly, "unification")))
    order = ["PrepareRecords", "StartMatching", "AskMatching", "MatchingEnded?"]
    for state, following in pairwise(order):
        assert document[state]["Next"] == following
    assert document["WaitForMatching"]["Next"] == "AskMatching"
    assert document["StartMatching"]["Resource"] == "arn:aws:states:::aws-sdk:entityresolution:startMatchingJob"
    assert document["AskMatching"]["Resource"] == "arn:aws:states:::aws-sdk:entityresolution:getMatchingJob"
    choices = {c["StringEquals"]: c["Next"] for c in document["MatchingEnded?"]["Choices"]}
    assert choices == {"SUCCEEDED": "ResolveIdentities", "FAILED": "MatchingFailed"}
    assert document["MatchingEnded?"]["Default"] == "WaitForMatching"


def test_a_run_waits_for_the_one_matching_job_of_the_region(assembly):
    (retry,) = states(definition(machine(assembly, "unification")))["StartMatching"]["Retry"]
    # By the names of the service's own errors, with which Step Functions tells them: a wrong one would never be caught.
    model = botocore.session.get_session().get_service_model("entityresolution")
    stated = {f"{model.service_id}.{shape.name}" for shape in model.operation_model("StartMatchingJob").error_shapes}
    waited = {"EntityResolution.ConflictException", "EntityResolution.ExceedsLimitException"}
    assert waited < set(retry["ErrorEquals"]) <= stated
    delays = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
        for n in range(retry["MaxAttempts"])
    ]
    assert 2 * 3600 < sum(delays) < 2.5 * 3600


def test_the_longest_run_fits_into_the_history_of_an_execution(assembly):
    """Step Functions ends an execution at its 25,000th history entry, and with it the word of what happened."""
    document = definition(machine(assembly, "unification"))
    found = states(document)
    assert found["WaitForMatching"]["Seconds"] >= 15
    # A wait and a choice are entered and left; a task is also scheduled, started and answered.
    questions = document["TimeoutSeconds"] / 15
    entries = questions * (2 + 5 + 2)
    # Each further try schedules, starts and fails.
    tries = sum(3 * retry["MaxAttempts"] for state in found.values() for retry in state.get("Retry", ()))
    assert entries + tries + 100 < 25_000


def test_resolution_gets_its_run_and_the_output_of_the_matcher(assembly):
    resolve_step = states(definition(machine(assembly, "unification")))["ResolveIdentities"]
    arguments = resolve_step["Parameters"]["Arguments"]
    assert arguments["--run_id.$"] == "$$.Execution.Name"
    assert arguments["--started_at.$"] == "$$.Execution.StartTime"
    workflow = f"c360-{assembly.settings.environment}-people"
    assert f"/entity-resolution/{workflow}/{{}}/', $.matching.JobId)" in arguments["--match_output.$"]


def test_marts_are_built_by_codebuild(assembly):
    build = states(definition(machine(assembly, "analytics", "Models")))["Build"]
    assert build["Resource"] == "arn:aws:states:::codebuild:startBuild.sync"


@pytest.mark.parametrize(
    ("part", "templates"),
    [
        ("Welcome", [Template.WELCOME, Template.WELCOME_FOLLOW_UP]),
        ("ServiceRecovery", [Template.SERVICE_RECOVERY]),
        ("WinBack", [Template.WIN_BACK, Template.WIN_BACK_REMINDER]),
    ],
)
def test_journeys_send_their_messages_in_order(assembly, part, templates):
    document = states(definition(machine(assembly, "activation", part)))
    sends = [state for name, state in document.items() if name.startswith("Send")]
    assert [state["Parameters"]["template"] for state in sends] == templates
    decision = {"decision_id", "person_id", "channel", "purpose", "trace_id", "trigger"}
    for state in sends:
        assert "MessageSender" in state["Resource"]
        assert {key.removesuffix(".$") for key in state["Parameters"]} == {*decision, "journey", "template"}


def test_a_message_in_quiet_hours_waits_for_their_end(assembly):
    document = states(definition(machine(assembly, "activation", "Welcome")))
    deferred = next(c for c in document["WelcomeSent?"]["Choices"] if c["StringEquals"] == "deferred")
    wait = document[deferred["Next"]]
    assert wait["TimestampPath"] == "$.answer.not_before"
    assert wait["Next"] == "SendWelcome"


def test_a_suppressed_message_ends_the_journey(assembly):
    document = states(definition(machine(assembly, "activation", "Welcome")))
    unwanted = next(c for c in document["WelcomeSent?"]["Choices"] if c["StringEquals"] == "suppressed")
    assert document[unwanted["Next"]]["Type"] == "Succeed"


def test_the_follow_up_waits_as_long_as_the_settings_say(assembly):
    document = states(definition(machine(assembly, "activation", "Welcome")))
    assert document["BeforeWelcomeFollowUp"]["Seconds"] == 3 * assembly.settings.activation.journeys.day_seconds


def test_decisions_to_act_let_people_into_journeys(assembly):
    rules = [rule.properties for rule in assembly.resources("AWS::Events::Rule", "activation")]
    patterns = [rule["EventPattern"] for rule in rules if "EventPattern" in rule]
    (pattern,) = [pattern for pattern in patterns if "template" in pattern.get("detail", {})]
    assert pattern["source"] == ["c360.decision"]
    assert pattern["detail"]["action"] == ["send", "defer"]
    assert sorted(pattern["detail"]["template"]) == sorted(first_messages(load_journeys()))


def test_an_execution_has_the_name_of_the_decision_so_that_nobody_enters_twice(assembly):
    document = states(definition(machine(assembly, "activation", "JourneysEntry")))
    entered = {}
    for choice in document["Journey?"]["Choices"]:
        enter = document[choice["Next"]]
        assert enter["Parameters"]["Name.$"] == "$.decision_id"
        assert enter["Parameters"]["Input.$"] == "$"
        (already,) = enter["Catch"]
        assert already["ErrorEquals"] == ["StepFunctions.ExecutionAlreadyExistsException"]
        assert document[already["Next"]]["Type"] == "Succeed"
        entered[choice["StringEquals"]] = enter["Parameters"]["StateMachineArn"]
    begun = {journey.first.template: journey.name for journey in load_journeys()}
    assert entered.keys() == begun.keys()
    for template, name in begun.items():
        assert entered[template].startswith(name.title().replace("_", ""))


def test_what_a_person_does_ends_the_waiting_and_so_does_the_time(assembly):
    wait = states(definition(machine(assembly, "activation", "WinBack")))["Reaction"]
    assert wait["Resource"] == "arn:aws:states:::lambda:invoke.waitForTaskToken"
    payload = wait["Parameters"]["Payload"]
    assert payload["token.$"] == "$$.Task.Token"
    assert payload["happenings"] == [Happening.CLICKED, Happening.PURCHASE]
    assert payload["template"] == Template.WIN_BACK
    seconds = 7 * assembly.settings.activation.journeys.day_seconds
    assert wait["TimeoutSeconds"] == payload["seconds"] == seconds
    assert wait["Next"] == "Back"
    assert [(catch["ErrorEquals"], catch["Next"]) for catch in wait["Catch"]] == [(["States.Timeout"], "WorthACall")]


def test_what_is_waited_for_is_announced_and_comes_to_the_function_that_wakes(assembly):
    rules = [rule.properties for rule in assembly.resources("AWS::Events::Rule", "activation")]
    told = {
        rule["EventPattern"]["detail-type"][0]: rule["EventPattern"].get("detail")
        for rule in rules
        if "JourneysHappened" in resolve(rule["Targets"][0]["Arn"])
    }
    assert told == {"MessageOutcome": {"outcome": ["clicked"]}, "OrderPlaced": None}
    (announcer,) = [
        f.properties for f in assembly.resources("AWS::Lambda::Function", "activation") if "Announcer" in f.logical_id
    ]
    announced = json.loads(announcer["Environment"]["Variables"]["ANNOUNCED"])
    assert {"message.outcome", "order.placed"} <= set(announced)


def test_a_condition_goes_with_the_execution_and_not_with_the_function(assembly):
    """Whoever is in a journey goes on as it was at the entry, whatever is deployed meanwhile."""
    branch = states(definition(machine(assembly, "activation", "WinBack")))["WorthACall"]
    asked = branch["Parameters"]
    assert [arm["then"] for arm in asked["arms"]] == ["call", "call"]
    assert asked["arms"][0]["when"] == {"in_segments": ["high_spenders"]}
    assert asked["otherwise"] == "lots"
    split = states(definition(machine(assembly, "activation", "WinBack")))["Lots"]
    assert [share["percent"] for share in split["Parameters"]["shares"]] == [50, 50]


def test_a_machine_says_which_version_of_its_journey_it_is(assembly):
    for journey in load_journeys():
        part = journey.name.title().replace("_", "") + "Run"
        comment = definition(machine(assembly, "activation", part))["Comment"]
        assert comment.startswith(f"{journey.name}, version {journey.version}: ")


def test_no_way_through_a_journey_fills_the_history_of_its_execution(assembly):
    """Step Functions ends an execution at its 25,000th history entry, and after a year."""
    for journey in load_journeys():
        document = definition(machine(assembly, "activation", journey.name.title().replace("_", "") + "Run"))
        found = states(document)
        # A task is entered, scheduled, started, answered and left; each further try schedules, starts and fails.
        entries = sum(5 + sum(3 * one["MaxAttempts"] for one in state.get("Retry", ())) for state in found.values())
        # Something paused for thirty days asks every hour: task, choice, wait.
        paused = 30 * 24 * (5 + 2 + 2)
        assert entries + paused + 100 < 25_000


def test_nightly_runs_are_off_in_dev_and_on_in_prod(dev, prod):
    def schedules(assembly):
        return {
            resolve(rule.properties["ScheduleExpression"])
            for rule in assembly.resources("AWS::Events::Rule")
            if "ScheduleExpression" in rule.properties
        }

    assert schedules(dev) == set()
    saved = {f"cron(0 {hour} * * ? *)" for hour in (0, 6, 12, 18)}
    nightly = {f"cron(0 {hour} * * ? *)" for hour in (1, 2, 4)}  # what is too old goes; tables are checked; marts built
    assert schedules(prod) == {"cron(0 2 ? * SUN *)", "rate(15 minutes)", *nightly, *saved}


def test_the_keeper_starts_stopped_applications(prod):
    document = states(definition(machine(prod, "operations", "Keeper")))
    for name in ("Clean", "Unify"):
        (choice,) = document[f"{name}Stopped?"]["Choices"]
        assert choice["StringEquals"] == "READY"
        assert choice["Next"] == f"Snapshots{name}"
        assert document[f"Snapshots{name}"]["Next"] == f"{name}Saved?"


def test_a_start_restores_the_latest_snapshot_where_there_is_one(prod):
    """The service remembers how it was told to start an application the last time; the keeper does not rely on it."""
    document = states(definition(machine(prod, "operations", "Keeper")))
    for name in ("Clean", "Unify"):
        (saved,) = document[f"{name}Saved?"]["Choices"]
        assert (saved["Variable"], saved["IsPresent"]) == ("$.SnapshotSummaries[0]", True)
        for start, restored in (
            (saved["Next"], "RESTORE_FROM_LATEST_SNAPSHOT"),
            (document[f"{name}Saved?"]["Default"], "SKIP_RESTORE_FROM_SNAPSHOT"),
        ):
            assert document[start]["Resource"] == "arn:aws:states:::aws-sdk:kinesisanalyticsv2:startApplication"
            assert document[start]["Parameters"]["RunConfiguration"] == {
                "ApplicationRestoreConfiguration": {"ApplicationRestoreType": restored},
                "FlinkRunConfiguration": {"AllowNonRestoredState": False},
            }


def test_no_state_is_left_out_at_a_start(assembly):
    """An application that may leave out what it does not know begins its sums at zero, without a word."""
    for template in assembly.templates.values():
        text = json.dumps(template).replace("\\", "").lower().replace(" ", "")
        assert '"allownonrestoredstate":true' not in text
        assert '"allownonrestoredstate":"true"' not in text


def test_services_are_called_with_the_parameters_and_errors_that_they_know(assembly):
    """Step Functions reads both by the service's own names: a wrong parameter fails a run, a wrong error none."""
    session = botocore.session.get_session()
    called = []
    for name, state, service in tasks(assembly):
        if "aws-sdk:" not in resolve(state["Resource"]):
            continue
        model = session.get_service_model(IN_BOTOCORE.get(SDK[service], service))
        action = resolve(state["Resource"]).rpartition(":")[2]
        operation = model.operation_model(action[0].upper() + action[1:])
        assert unknown(state["Parameters"], operation.input_shape) == [], name
        stated = {shape.name for shape in operation.error_shapes}
        known = stated | {error.rpartition(".")[2] for error in BUSY[SDK[service]]}
        caught = retried(state) | {e for catch in state.get("Catch", ()) for e in catch["ErrorEquals"]}
        assert {error.partition(".")[0] for error in caught} == {SDK[service]}, name
        assert {error.rpartition(".")[2] for error in caught} <= known, name
        called.append(service)
    expected = {"entityresolution"} | ({"kinesisanalyticsv2"} if machines_of_keepers(assembly) else set())
    expected |= set(WAREHOUSE) if assembly.settings.analytics.warehouse.deployed else set()
    expected |= {"s3"} if assembly.settings.analytics.databrew.deployed else set()
    expected |= set(FORESIGHT) if assembly.settings.analytics.models.deployed else set()
    expected |= {"appflow"} if assembly.settings.collection.saas else set()
    expected |= {"dataexchange"} if assembly.settings.collection.data_exchange.products else set()
    expected |= {"personalize"} if assembly.settings.activation.recommendations.uses_personalize else set()
    assert set(called) == expected


def test_a_snapshot_replaces_that_of_the_day_before_and_only_a_running_application_has_one(prod):
    found = states(definition(machine(prod, "operations", "Snapshots")))
    for name in ("Clean", "Unify"):
        (running,) = found[f"{name}Runs?"]["Choices"]
        assert (running["StringEquals"], running["Next"]) == ("RUNNING", f"Earlier{name}")
        assert found[f"{name}Runs?"]["Default"] == f"{name}HasNoNewState"
        (missing,) = found[f"Earlier{name}"]["Catch"]
        assert missing["ErrorEquals"] == ["KinesisAnalyticsV2.ResourceNotFoundException"]
        assert missing["Next"] == found[f"Delete{name}"]["Next"] == f"Create{name}"
        deleted, created = (found[f"{step}{name}"]["Parameters"] for step in ("Delete", "Create"))
        assert deleted["SnapshotName.$"] == created["SnapshotName.$"] == "$.snapshot"
        assert deleted["SnapshotCreationTimestamp.$"] == "$.earlier.SnapshotDetails.SnapshotCreationTimestamp"
