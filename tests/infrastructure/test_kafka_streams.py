"""The streams on MSK: what stands instead of Kinesis, who reaches it, and with which rights."""

import json
from dataclasses import replace

import pytest

from c360_core.names import STACKS, ConsumerGroup, Stream, stream_name
from lambdas.stream_relay.logic import READ, WRITTEN
from tests.infrastructure import needs
from tests.infrastructure.assembly import listed, resolve, statements
from tests.infrastructure.estate import arn
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.integrations import Call, lacking, unclaimed
from tests.infrastructure.limits import ORDERS, QUOTAS, QUOTAS_OF_MSK, REFUSALS, too_early, too_much
from tests.infrastructure.policies import Policies
from tests.infrastructure.test_needs import missing as missing_needs


def test_every_pack_accepts_it(msk):
    assert open_findings(msk.report) == []
    assert unused_acknowledgements(msk.folder, msk.report) == set()


def test_every_use_of_an_integration_has_a_row_and_what_aws_documents(estate):
    assert unclaimed(estate) == []
    assert missing_needs(estate) == []


def test_aws_accepts_its_order_its_amounts_and_its_values(estate):
    assert [fault for order in ORDERS for fault in too_early(estate, order)] == []
    assert [fault for quota in (*QUOTAS, *QUOTAS_OF_MSK) for fault in too_much(estate, quota)] == []
    assert [f"{each.rule}: {fault}" for each in REFUSALS for fault in each.faults(estate)] == []


@pytest.mark.parametrize("quota", QUOTAS_OF_MSK, ids=lambda quota: quota.what)
def test_what_exceeds_a_quota_of_msk_is_named(estate, quota):
    most = max(amount for _, amount in quota.measured(estate))
    assert list(too_much(estate, replace(quota, at_most=most - 1)))


@pytest.fixture(scope="module")
def estate(estate_on_msk):
    return estate_on_msk


@pytest.fixture(scope="module")
def policies(estate):
    return Policies(estate)


def role(estate, part):
    """Return the ARN of the one role whose id has a part."""
    (found,) = (arn(one) for one in estate.of_type("AWS::IAM::Role") if part in one.logical_id)
    return found


def place(estate, kind="cluster", name=""):
    """Return the ARN of the cluster, or of a topic or a group on it."""
    (cluster,) = (arn(one) for one in estate.of_type("AWS::MSK::ServerlessCluster"))
    return cluster if kind == "cluster" else f"{cluster.replace(':cluster/', f':{kind}/')}/{name}"


def topic(estate, stream):
    return place(estate, "topic", stream_name("everything", stream))


def on_kafka(policies, party):
    """Return what a role may do on topics and groups."""
    return {
        (action, resource)
        for one in policies.of_roles[party]
        for action in one.actions
        for resource in one.resources
        if action.startswith("kafka-cluster:") and ":cluster/" not in resource
    }


def test_nothing_of_kinesis_is_left(msk):
    assert not list(msk.resources("AWS::Kinesis::Stream"))
    actions = {action for _, each in statements(msk) for action in listed(each["Action"])}
    assert not {action for action in actions if action.startswith("kinesis:")}
    assert "com.amazonaws.us-east-1.kinesis-streams" not in json.dumps(msk.templates["foundation"])


def test_the_cluster_has_iam_alone_and_two_zones(msk):
    cluster = msk.one("AWS::MSK::ServerlessCluster", "collection").properties
    assert cluster["ClusterName"] == "c360-everything"
    assert cluster["ClientAuthentication"] == {"Sasl": {"Iam": {"Enabled": True}}}
    ((place),) = cluster["VpcConfigs"]
    assert len(place["SubnetIds"]) >= 2  # AWS asks for two zones
    assert len(place["SecurityGroups"]) == 1


def test_every_stream_is_a_topic_of_its_name(msk):
    topics = [each.properties for each in msk.resources("Custom::StreamTopic")]
    assert {each["Topic"] for each in topics} == {stream_name("everything", stream) for stream in Stream}
    assert {(each["Partitions"], each["RetentionHours"], each["WhenDeleted"]) for each in topics} == {(1, 24, "delete")}


def test_the_brokers_take_clients_on_the_port_of_iam_and_nothing_else(msk):
    (brokers,) = (r for r in msk.resources("AWS::EC2::SecurityGroup", "collection") if "Brokers" in r.logical_id)
    assert "SecurityGroupIngress" not in brokers.properties
    rules = [
        each.properties
        for each in msk.resources("AWS::EC2::SecurityGroupIngress", "collection")
        if "Brokers" in resolve(each.properties["GroupId"])
    ]
    assert {(rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) for rule in rules} == {(9098, 9098, "tcp")}
    sources = {resolve(rule["SourceSecurityGroupId"]) for rule in rules}
    assert {"Brokers" in source or "Clients" in source for source in sources} == {True}
    assert len(sources) == 2


@pytest.mark.parametrize("name", ["collector", "decision", "message_sender", "profile_api", "stream_relay"])
def test_a_function_that_writes_is_in_the_network_and_knows_the_brokers(msk, name):
    (function,) = (
        each.properties
        for each in msk.resources("AWS::Lambda::Function")
        if each.properties["Handler"] == f"lambdas.{name}.handler.handle"
    )
    assert len(function["VpcConfig"]["SubnetIds"]) == msk.settings.foundation.network.availability_zones
    assert all("Clients" in resolve(each) for each in function["VpcConfig"]["SecurityGroupIds"])
    variables = function["Environment"]["Variables"]
    assert "Brokers" in resolve(variables["STREAM_BROKERS"])
    assert "Security" in resolve(variables["STREAM_SECURITY"])


WRITERS = {
    "CollectorFunctionRole": Stream.EVENTS,
    "DecisionFunctionRole": Stream.EVENTS,
    "MessageSenderFunctionRole": Stream.EVENTS,
    "ProfileApiFunctionRole": Stream.EVENTS,
    "FileIngestionJobRole": Stream.EVENTS,
    "BackfillJobRole": Stream.INTERACTIONS,
    "IdentityResolveRole": Stream.IDENTITY_CHANGES,
}
APPLICATIONS = {
    "CleanRole": ((Stream.EVENTS,), Stream.INTERACTIONS, ConsumerGroup.CLEAN),
    "UnifyRole": ((Stream.INTERACTIONS, Stream.IDENTITY_CHANGES), Stream.PROFILE_CHANGES, ConsumerGroup.UNIFY),
}


def missing(policies, party, *wanted):
    """Return what a role lacks of needs on resources."""
    return [
        f"{action} on {resource}; see {need.page}"
        for need, resource in wanted
        for action in lacking(policies, Call(party=party, need=need, resource=resource))
    ]


@pytest.mark.parametrize(("part", "stream"), WRITERS.items())
def test_a_writer_may_write_its_topic_and_no_other(estate, policies, part, stream):
    party, there = role(estate, part), topic(estate, stream)
    wanted = (needs.WRITES_TOPIC, there), (needs.WRITES_IDEMPOTENTLY, place(estate))
    assert missing(policies, party, *wanted) == []
    assert on_kafka(policies, party) == {(action, there) for action in needs.WRITES_TOPIC.actions}


@pytest.mark.parametrize(("part", "reads", "writes", "group"), [(p, *each) for p, each in APPLICATIONS.items()])
def test_an_application_may_read_and_write_its_topics(estate, policies, part, reads, writes, group):
    party, member = role(estate, part), place(estate, "group", group)
    wanted = {
        *((needs.READS_TOPIC, topic(estate, stream)) for stream in reads),
        (needs.READS_IN_GROUP, member),
        (needs.WRITES_TOPIC, topic(estate, writes)),
    }
    network = (needs.WRITES_IDEMPOTENTLY, place(estate)), (needs.FLINK_ENTERS_NETWORK, "*")
    assert missing(policies, party, *wanted, *network) == []
    assert on_kafka(policies, party) == {(action, there) for need, there in wanted for action in need.actions}


def test_lambda_may_read_for_the_profile_writer(estate, policies):
    party = role(estate, "ProfileWriterFunctionRole")
    wanted = {
        (needs.READS_TOPIC, topic(estate, Stream.PROFILE_CHANGES)),
        (needs.READS_IN_GROUP, place(estate, "group", ConsumerGroup.PROFILE_WRITER)),
    }
    network = (needs.LAMBDA_FINDS_KAFKA, place(estate)), (needs.LAMBDA_ENTERS_NETWORK, "*")
    assert missing(policies, party, *wanted, *network) == []
    assert on_kafka(policies, party) == {(action, there) for need, there in wanted for action in need.actions}


def test_the_relay_may_write_what_commands_write_and_nobody_is_given_the_right_to_call_it(msk, estate, policies):
    party = role(estate, "StreamRelayRole")
    topics = {topic(estate, stream) for stream in WRITTEN}
    wanted = {
        *((needs.WRITES_TOPIC, there) for there in topics),
        *((needs.READS_TOPIC, topic(estate, stream)) for stream in READ),
    }
    assert missing(policies, party, *wanted, (needs.WRITES_IDEMPOTENTLY, place(estate))) == []
    assert on_kafka(policies, party) == {(action, there) for need, there in wanted for action in need.actions}
    callers = [
        identity
        for identity, each in statements(msk)
        if "lambda:InvokeFunction" in listed(each["Action"])
        and any("StreamRelay" in resolve(there) for there in listed(each["Resource"]))
    ]
    assert callers == []
    assert not [
        each
        for each in msk.resources("AWS::Lambda::Permission")
        if "StreamRelay" in resolve(each.properties["FunctionName"])
    ]


def test_the_relay_is_found_by_an_output(msk):
    outputs = msk.templates["collection"]["Outputs"]
    assert "StreamRelay" in resolve(outputs["StreamRelayFunctionName"]["Value"])
    assert "Brokers" in resolve(outputs["StreamBrokers"]["Value"])


def test_only_the_maker_of_topics_changes_them(estate, policies):
    changes = {"kafka-cluster:CreateTopic", "kafka-cluster:DeleteTopic", "kafka-cluster:AlterTopic"}
    makers = {
        party: {resource for action, resource in on_kafka(policies, party) if action in changes}
        for party in policies.of_roles
        if {action for action, _ in on_kafka(policies, party)} & changes
    }
    assert makers == {role(estate, "TopicsMakerRole"): {topic(estate, stream) for stream in Stream}}


def test_lambda_reads_a_topic_as_it_reads_kinesis(msk):
    """AWS: retries, halving and partial answers of a reader of Kafka are for provisioned mode alone."""
    mapping = msk.one("AWS::Lambda::EventSourceMapping", "unification").properties
    assert mapping["Topics"] == [stream_name("everything", Stream.PROFILE_CHANGES)]
    assert mapping["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": str(ConsumerGroup.PROFILE_WRITER)}
    assert mapping["ProvisionedPollerConfig"] == {"MinimumPollers": 1, "MaximumPollers": 2}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] < 100
    assert "Failed" in resolve(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_what_lambda_gives_up_reaches_its_queue_from_the_network(msk):
    """AWS: the endpoint of the failure destination must be in the network of the cluster."""
    names = [resolve(each.properties["ServiceName"]) for each in msk.resources("AWS::EC2::VPCEndpoint")]
    assert {name.rpartition(".")[2] for name in names} >= {"sqs", "kafka", "secretsmanager", "events", "glue", "email"}


def test_flink_finds_the_topics_and_stands_in_the_network(msk):
    applications = list(msk.resources("AWS::KinesisAnalyticsV2::Application"))
    assert len(applications) == 2
    for application in applications:
        configuration = application.properties["ApplicationConfiguration"]
        (place,) = configuration["VpcConfigurations"]
        assert len(place["SubnetIds"]) == msk.settings.foundation.network.availability_zones
        groups = {
            group["PropertyGroupId"]: group["PropertyMap"]
            for group in configuration["EnvironmentProperties"]["PropertyGroups"]
        }
        streams = groups["streams"]
        assert streams["provider"] == "kafka"
        assert resolve(streams["bootstrap.servers"]).endswith("Brokers")
        assert resolve(streams["security.protocol"]).endswith("Security")
        assert not [key for key in streams if key.endswith("_arn")]


def test_jobs_that_write_are_in_the_network_and_are_told_where_the_brokers_are(msk):
    writers = [
        job.properties
        for job in msk.resources("AWS::Glue::Job")
        if "--stream_brokers" in job.properties["DefaultArguments"]
    ]
    assert len(writers) == 2  # the backfill is on EMR Serverless here
    for job in writers:
        assert job["Connections"] == {"Connections": ["c360-everything-streams"]}
        assert resolve(job["DefaultArguments"]["--streams_created_at"]).endswith("CreatedAt")


def test_groups_that_fall_behind_are_reported(msk):
    lags = [
        {each["Name"]: resolve(each["Value"]) for each in alarm.properties["Dimensions"]}
        for alarm in msk.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("MetricName") == "EstimatedMaxTimeLag"
    ]
    assert {each["Consumer Group"] for each in lags} == set(ConsumerGroup)
    assert {each["Topic"] for each in lags} == {stream_name("everything", stream) for stream in Stream}
    assert {each["Cluster Name"] for each in lags} == {"c360-everything"}


def test_the_idle_cluster_has_a_price(msk):
    costs = {label.partition(",")[0]: usd for label, usd in msk.costs.items()}
    assert any("MSK cluster" in label and usd >= 500 for label, usd in costs.items()), msk.costs
    assert not any("Kinesis" in label for label in costs)


# ---- from one to the other


def refusals_of(before, after, order):
    """Return what CloudFormation would refuse while stack after stack changes, in an order."""
    there = dict(before)
    for pillar in order:
        offered = {name for template in there.values() for name in exports(template)}
        yield from (f"{pillar} imports {name}, which is not there" for name in imports(after[pillar]) - offered)
        gone = exports(there[pillar]) - exports(after[pillar])
        used = {name for other, template in there.items() if other != pillar for name in imports(template)}
        yield from (f"{pillar} takes {name} away, which is imported" for name in gone & used)
        there[pillar] = after[pillar]


def exports(template):
    return {resolve(output["Export"]["Name"]) for output in template.get("Outputs", {}).values() if "Export" in output}


def imports(template):
    found = set()

    def look(value):
        match value:
            case {"Fn::ImportValue": name}:
                found.add(resolve(name))
            case dict():
                for each in value.values():
                    look(each)
            case list():
                for each in value:
                    look(each)

    look(template)
    return found


def of_the_streams(refusals):
    """Leave out the loyalty system: it goes off by itself before, and comes back after, as the settings demand."""
    return [one for one in refusals if "Loyalty" not in one]


def test_to_msk_the_usual_order_is_right(everything, msk):
    assert of_the_streams(refusals_of(everything.templates, msk.templates, STACKS)) == []


def test_back_to_kinesis_those_who_import_from_the_collection_go_first(everything, msk):
    """The order of the runbook; the usual one takes away what others still import."""
    first = ("operations", "activation", "analytics", "unification", "collection")
    assert of_the_streams(refusals_of(msk.templates, everything.templates, (*first, *STACKS))) == []
    assert of_the_streams(refusals_of(msk.templates, everything.templates, STACKS))
