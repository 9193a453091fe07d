"""What the role of a state machine needs for each kind of task, as AWS documents it."""

import pytest

from twin.emulator.resource_names import arn, resource_of
from twin.emulator.task_rights import error_of, rights_of

INTEGRATION = "arn:aws:states:::"
MACHINE = arn("states", "stateMachine:inner")
BUILDS = arn("events", "rule/StepFunctionsGetEventForCodeBuildStartBuildRule")
APPLICATION = arn("emr-serverless", "/applications/a1")
SPARK_RUNS = arn("events", "rule/StepFunctionsGetEventsForEMRServerlessJobRule")
ROLE = "arn:aws:iam::123456789012:role/Job"
WORKGROUP = arn("athena", "workgroup/preparation")
EXECUTIONS = arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")


@pytest.mark.parametrize(
    ("resource", "request_", "needed"),
    [
        (arn("lambda", "function:send"), {}, {("lambda:InvokeFunction", arn("lambda", "function:send"))}),
        (
            f"{INTEGRATION}lambda:invoke",
            {"FunctionName": arn("lambda", "function:send"), "Payload": {}},
            {("lambda:InvokeFunction", arn("lambda", "function:send"))},
        ),
        (
            f"{INTEGRATION}glue:startJobRun",
            {"JobName": "ingest"},
            {("glue:StartJobRun", arn("glue", "job/ingest"))},
        ),
        (
            f"{INTEGRATION}glue:startJobRun.sync",
            {"JobName": "ingest"},
            {(f"glue:{action}", arn("glue", "job/ingest")) for action in ("StartJobRun", "GetJobRun", "GetJobRuns")},
        ),
        (
            f"{INTEGRATION}emr-serverless:startJobRun.sync",
            {"ApplicationId": "a1", "ExecutionRoleArn": ROLE},
            {
                ("emr-serverless:StartJobRun", APPLICATION),
                ("emr-serverless:GetJobRun", f"{APPLICATION}/jobruns/any"),
                ("iam:PassRole", ROLE),
                *((f"events:{action}", SPARK_RUNS) for action in ("PutTargets", "PutRule", "DescribeRule")),
            },
        ),
        (
            f"{INTEGRATION}emr-serverless:startJobRun",
            {"ApplicationId": "a1", "ExecutionRoleArn": ROLE},
            {("emr-serverless:StartJobRun", APPLICATION), ("iam:PassRole", ROLE)},
        ),
        (
            f"{INTEGRATION}codebuild:startBuild.sync",
            {"ProjectName": "models"},
            {(f"codebuild:{action}", arn("codebuild", "project/models")) for action in ("StartBuild", "BatchGetBuilds")}
            | {(f"events:{action}", BUILDS) for action in ("PutTargets", "PutRule", "DescribeRule")},
        ),
        (
            f"{INTEGRATION}athena:startQueryExecution.sync",
            {"QueryString": "SELECT 1", "WorkGroup": "preparation"},
            {
                ("athena:StartQueryExecution", WORKGROUP),
                ("athena:GetQueryExecution", WORKGROUP),
                ("athena:GetDataCatalog", arn("athena", "datacatalog/AwsDataCatalog")),
            },
        ),
        (
            f"{INTEGRATION}databrew:startJobRun.sync",
            {"Name": "prepare"},
            {(f"databrew:{action}", arn("databrew", "job/prepare")) for action in ("StartJobRun", "ListJobRuns")},
        ),
        (
            f"{INTEGRATION}states:startExecution.sync:2",
            {"StateMachineArn": MACHINE},
            {
                ("states:StartExecution", MACHINE),
                ("states:DescribeExecution", arn("states", "execution:inner:*")),
                *((f"events:{action}", EXECUTIONS) for action in ("PutTargets", "PutRule", "DescribeRule")),
            },
        ),
        (
            f"{INTEGRATION}sns:publish",
            {"TopicArn": arn("sns", "alarms"), "Message": "m"},
            {("sns:Publish", arn("sns", "alarms"))},
        ),
        (
            f"{INTEGRATION}sqs:sendMessage.waitForTaskToken",
            {"QueueUrl": "http://localhost:1/123456789012/letters"},
            {("sqs:SendMessage", arn("sqs", "letters"))},
        ),
        (
            f"{INTEGRATION}events:putEvents",
            {"Entries": [{"EventBusName": "own"}, {}]},
            {
                ("events:PutEvents", arn("events", "event-bus/own")),
                ("events:PutEvents", arn("events", "event-bus/default")),
            },
        ),
        (
            f"{INTEGRATION}aws-sdk:appflow:describeFlowExecutionRecords",
            {"FlowName": "c360-dev-contacts", "MaxResults": 4},
            {("appflow:DescribeFlowExecutionRecords", arn("appflow", "flow/c360-dev-contacts"))},
        ),
        (
            f"{INTEGRATION}aws-sdk:entityresolution:startMatchingJob",
            {"WorkflowName": "people"},
            {("entityresolution:StartMatchingJob", arn("entityresolution", "matchingworkflow/people"))},
        ),
        (
            f"{INTEGRATION}aws-sdk:kinesisanalyticsv2:describeApplication",
            {"ApplicationName": "clean"},
            {("kinesisanalytics:DescribeApplication", arn("kinesisanalytics", "application/clean"))},
        ),
        (
            f"{INTEGRATION}aws-sdk:s3:listObjectsV2",
            {"Bucket": "lake"},
            {("s3:ListBucket", "arn:aws:s3:::lake")},
        ),
    ],
)
def test_a_task_needs_what_aws_documents(
    resource: str, request_: dict[str, object], needed: set[tuple[str, str]]
) -> None:
    assert {(right.action, right.resource) for right in rights_of(resource, request_)} == needed


def test_a_list_of_objects_says_of_which_prefix_it_is() -> None:
    [listed] = rights_of(f"{INTEGRATION}aws-sdk:s3:listObjectsV2", {"Bucket": "lake", "Prefix": "copies/"})
    [everything] = rights_of(f"{INTEGRATION}aws-sdk:s3:listObjectsV2", {"Bucket": "lake"})
    assert (listed.context, everything.context) == ({"s3:prefix": "copies/"}, None)


def test_a_metric_says_of_which_namespace_it_is() -> None:
    request = {"Namespace": "Customer360", "MetricData": []}
    [put] = rights_of(f"{INTEGRATION}aws-sdk:cloudwatch:putMetricData", request)
    assert (put.action, put.context) == ("cloudwatch:PutMetricData", {"cloudwatch:namespace": "Customer360"})


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (arn("lambda", "function:send"), "Lambda.AWSLambdaException"),
        (f"{INTEGRATION}glue:startJobRun", "Glue.AccessDeniedException"),
        (f"{INTEGRATION}databrew:startJobRun.sync", "DataBrew.AccessDeniedException"),
        (f"{INTEGRATION}aws-sdk:entityresolution:getMatchingJob", "EntityResolution.AccessDeniedException"),
    ],
)
def test_a_refusal_has_the_name_that_step_functions_gives_it(resource: str, name: str) -> None:
    assert error_of(rights_of(resource, {})[0]) == name


def test_a_request_that_names_nothing_is_about_everything() -> None:
    assert resource_of("kinesis", {}) == "*"


def test_a_run_of_an_application_has_an_arn_of_its_own() -> None:
    assert resource_of("emr-serverless", {"applicationId": "a1"}) == APPLICATION
    assert resource_of("emr-serverless", {"applicationId": "a1", "jobRunId": "r1"}) == f"{APPLICATION}/jobruns/r1"
    assert resource_of("emr-serverless", {}) == "*"


def test_what_is_passed_is_passed_to_the_service_alone() -> None:
    needed = rights_of(f"{INTEGRATION}emr-serverless:startJobRun", {"ApplicationId": "a1", "ExecutionRoleArn": ROLE})
    (passed,) = (one for one in needed if one.action == "iam:PassRole")
    assert passed.context == {"iam:PassedToService": "emr-serverless.amazonaws.com"}
