"""Streams, and what reads them."""

from typing import Final

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment

BROKERS: Final = "StreamBrokers"


@check("streams", fix="wait until it is ACTIVE; one that is away was deleted by hand: deploy again")
def streams(deployed: DeployedEnvironment) -> str:
    """All streams take records; topics do while their cluster is ACTIVE, which only its network reaches."""
    if BROKERS in deployed.outputs:
        return _clusters(deployed)
    kinesis, names = deployed.client("kinesis"), deployed.ids("AWS::Kinesis::Stream")
    status = {
        name: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]
        for name in names
    }
    return expect([f"{name} is {state}" for name, state in status.items() if state != "ACTIVE"], f"{len(names)} ACTIVE")


def _clusters(deployed: DeployedEnvironment) -> str:
    kafka, topics = deployed.client("kafka"), deployed.ids("Custom::StreamTopic")
    state = {
        arn: kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["State"]
        for arn in deployed.ids("AWS::MSK::ServerlessCluster")
    }
    wrong = [f"{arn} is {found}" for arn, found in state.items() if found != "ACTIVE"]
    return expect(wrong, f"{len(topics)} topics, cluster ACTIVE")


@check(
    "event source mappings", fix="StateTransitionReason says why; enable it with aws lambda update-event-source-mapping"
)
def mappings(deployed: DeployedEnvironment) -> str:
    """Functions are fed from their streams."""
    found = [
        deployed.client("lambda").get_event_source_mapping(UUID=uuid_)
        for uuid_ in deployed.ids("AWS::Lambda::EventSourceMapping")
    ]
    wrong = [
        f"{one['FunctionArn'].rpartition(':')[2]} is {one['State']} ({one.get('StateTransitionReason', 'no reason')})"
        for one in found
        if one["State"] != "Enabled"
    ]
    troubled = [
        f"{one['FunctionArn'].rpartition(':')[2]}: {one['LastProcessingResult']}"
        for one in found
        if one.get("LastProcessingResult", "").startswith("PROBLEM")
    ]
    return expect(wrong + troubled, f"{len(found)} Enabled")


@check("Flink applications", fix="the application's log group says why; step 9 of docs/deploying.md starts one")
def applications(deployed: DeployedEnvironment) -> str:
    """Each application runs, or waits to be started."""
    flink = deployed.client("kinesisanalyticsv2")
    status = {
        name: flink.describe_application(ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"]
        for name in deployed.ids("AWS::KinesisAnalyticsV2::Application")
    }
    fine = {"READY", "RUNNING", "STARTING", "AUTOSCALING", "UPDATING"}
    shown = ", ".join(f"{name} {state}" for name, state in status.items())
    return expect([f"{name} is {state}" for name, state in status.items() if state not in fine], shown)
