"""What wakes somebody, what is shown, and what it costs."""

import json
from collections import Counter

import pytest

from config.settings import load
from stacks.unification.identity_resolution.resolution import matching_costs
from tests.infrastructure.assembly import listed, resolve


def alarms(assembly):
    return list(assembly.resources("AWS::CloudWatch::Alarm"))


def watched_names(assembly, metric):
    return {
        resolve(dimension["Value"])
        for alarm in alarms(assembly)
        if alarm.properties.get("MetricName") == metric
        for dimension in alarm.properties["Dimensions"]
    }


@pytest.mark.parametrize(
    ("metric", "type_name"),
    [
        ("GetRecords.IteratorAgeMilliseconds", "AWS::Kinesis::Stream"),
        ("Errors", "AWS::Lambda::Function"),
        ("ExecutionsFailed", "AWS::StepFunctions::StateMachine"),
        ("ExecutionsTimedOut", "AWS::StepFunctions::StateMachine"),
    ],
)
def test_every_part_is_watched(assembly, metric, type_name):
    # A stream is known by its agreed name, everything else by its resource. A failure of the CDK's own function fails
    # the deployment.
    parts = [part.properties.get("Name", part.logical_id) for part in assembly.ours(type_name)]
    watched = watched_names(assembly, metric)
    assert len(watched) == len(parts)
    assert all(any(part in name for name in watched) for part in parts)


def test_every_queue_is_watched_for_what_lies_in_it_or_for_how_long(assembly):
    """In one for what nobody could handle, a message is too many; in one that is read, a message that waits long is."""
    queues = list(assembly.resources("AWS::SQS::Queue"))
    read = {queue.logical_id for queue in queues if "RedrivePolicy" in queue.properties}
    # Events for a system that is down wait for it on purpose; there is an alarm on the system instead.
    patient = {name for name in read if name.startswith(("Webhooks", "Loyalty"))}
    activation = assembly.settings.activation
    assert len(patient) == len(activation.webhooks) + (activation.loyalty.url is not None)
    assert len([a for a in alarms(assembly) if a.properties.get("MetricName") == "ReceiverUnreachable"]) == len(patient)
    assert len(read - patient) == 2
    for metric, wanted in (
        ("ApproximateAgeOfOldestMessage", read - patient),
        ("ApproximateNumberOfMessagesVisible", {queue.logical_id for queue in queues} - read),
    ):
        watched = watched_names(assembly, metric)
        assert len(watched) == len(wanted)
        assert all(any(part in name for name in watched) for part in wanted)
    ages = [a.properties for a in alarms(assembly) if a.properties.get("MetricName") == "ApproximateAgeOfOldestMessage"]
    assert [age["Threshold"] for age in ages] == [15 * 60] * 2, "longer than the longest batching window"


def test_an_application_that_should_run_but_sends_no_metrics_raises_an_alarm(dev, prod):
    silent = [alarm.properties for alarm in alarms(prod) if alarm.properties.get("MetricName") == "runningTime"]
    assert len(watched_names(prod, "runningTime")) == len(silent) == 2
    for alarm in silent:
        assert (alarm["TreatMissingData"], alarm["ComparisonOperator"]) == ("breaching", "LessThanThreshold")
    assert watched_names(dev, "runningTime") == set()


def test_no_alarm_uses_a_metric_that_flink_2_removed(assembly):
    text = json.dumps([alarm.properties for alarm in alarms(assembly)])
    assert not any(f'"{gone}"' in text for gone in ("downtime", "uptime", "fullRestarts"))


def test_an_application_that_restarts_raises_an_alarm(prod):
    counters = {
        resolve(query["MetricStat"]["Metric"]["Dimensions"][0]["Value"])
        for alarm in alarms(prod)
        for query in alarm.properties.get("Metrics", [])
        if query.get("MetricStat", {}).get("Metric", {}).get("MetricName") == "numRestarts"
    }
    assert len(counters) == 2


def test_half_the_retention_raises_an_alarm(assembly):
    thresholds = {}
    for each in alarms(assembly):
        if each.properties.get("MetricName") == "GetRecords.IteratorAgeMilliseconds":
            ((name, threshold),) = [(d["Value"], each.properties["Threshold"]) for d in each.properties["Dimensions"]]
            thresholds.setdefault(name, []).append(threshold)
    streams = {s.properties["Name"]: s.properties for s in assembly.resources("AWS::Kinesis::Stream")}
    assert thresholds.keys() == streams.keys()
    late = assembly.settings.operations.iterator_age_minutes * 60_000
    for name, stream in streams.items():
        half = stream["RetentionPeriodHours"] * 3_600_000 / 2
        assert sorted(thresholds[name]) == [late, half], f"{name}: late is told before it is urgent"


def fed_from_streams(assembly):
    """Return the event source mappings of functions that read a stream; a queue has no position to begin at."""
    mappings = list(assembly.resources("AWS::Lambda::EventSourceMapping"))
    return [mapping for mapping in mappings if "StartingPosition" in mapping.properties]


def test_every_function_that_is_fed_from_a_stream_is_watched_for_its_lag(assembly):
    """Of a stream of a table's changes there is no age elsewhere."""
    fed = {resolve(mapping.properties["FunctionName"]) for mapping in fed_from_streams(assembly)}
    watched = watched_names(assembly, "IteratorAge")
    activation = assembly.settings.activation
    announces = bool(activation.webhooks or activation.loyalty.url)
    switched = activation.sentiment.deployed + activation.recommendations.uses_personalize + announces
    switched += assembly.settings.analytics.models.feature_store
    assert len(watched) == len(fed) == 2 + switched
    assert all(any(name in each for each in watched) for name in fed)


def missed_when_silent(assembly):
    """Return the dimensions of the alarms that take no news for bad news."""
    return [
        {dimension["Name"]: resolve(dimension["Value"]) for dimension in alarm.properties["Dimensions"]}
        for alarm in alarms(assembly)
        if alarm.properties["TreatMissingData"] == "breaching"
    ]


def test_every_reader_of_a_stream_has_an_alarm_for_silence_or_is_declared_stopped(assembly):
    """An age is told only while somebody reads: of a reader that is gone, no news is not good news."""
    missed = missed_when_silent(assembly)
    sources = [resolve(mapping.properties["EventSourceArn"]) for mapping in fed_from_streams(assembly)]
    for source, readers in Counter(sources).items():
        told = [d for d in missed if source.rpartition("/")[2] in {d.get("StreamName"), d.get("StreamLabel")}]
        assert len(told) == readers, source
    stopped = {
        "clean": not assembly.settings.collection.clean.started,
        "unify": not assembly.settings.unification.unify.started,
    }
    for application in assembly.resources("AWS::KinesisAnalyticsV2::Application"):
        name = application.properties["ApplicationDescription"].rpartition(" ")[2]
        assert stopped[name] != any(application.logical_id in d.get("Application", "") for d in missed), name


def test_a_poller_is_counted_by_what_it_asks_even_where_nothing_comes(assembly):
    counted = {
        each.properties["MetricName"]: each.properties["Statistic"]
        for each in alarms(assembly)
        if each.properties["TreatMissingData"] == "breaching" and each.properties["MetricName"] != "runningTime"
    }
    assert counted == {"GetRecords.Success": "SampleCount", "SuccessfulRequestLatency": "SampleCount"}


def test_the_state_of_running_applications_is_saved_four_times_a_day(dev, prod):
    def schedules(assembly):
        return {
            rule.properties["ScheduleExpression"]: json.loads(target["Input"])["snapshot"]
            for rule in assembly.resources("AWS::Events::Rule")
            for target in rule.properties["Targets"]
            if "snapshot" in target.get("Input", "")
        }

    assert schedules(prod) == {f"cron(0 {hour} * * ? *)": f"scheduled-{hour:02d}" for hour in (0, 6, 12, 18)}
    assert schedules(dev) == {}


def test_refused_events_raise_an_alarm(assembly):
    assert watched_names(assembly, "EventsRejected") == {"collector"}


def test_every_alarm_notifies_the_topic_and_describes_the_problem(assembly):
    for alarm in alarms(assembly):
        (action,) = alarm.properties["AlarmActions"]
        assert "Alarms" in resolve(action), alarm
        assert alarm.properties["AlarmDescription"].startswith("Customer 360: "), alarm


def services_that_tell_the_topic(assembly):
    topic = assembly.one("AWS::SNS::Topic", "foundation").logical_id
    told = {
        "cloudwatch.amazonaws.com": [
            action for alarm in alarms(assembly) for action in alarm.properties["AlarmActions"]
        ],
        "budgets.amazonaws.com": [
            subscriber["Address"]
            for budget in assembly.resources("AWS::Budgets::Budget")
            for alert in budget.properties["NotificationsWithSubscribers"]
            for subscriber in alert["Subscribers"]
        ],
        "events.amazonaws.com": [
            target["Arn"] for rule in assembly.resources("AWS::Events::Rule") for target in rule.properties["Targets"]
        ],
    }
    return {service for service, arns in told.items() if any(topic in resolve(arn) for arn in arns)}


def services_allowed(policy, actions):
    """Return the services that a resource's policy lets do these actions for our own account."""
    return {
        resolve(statement["Principal"]["Service"])
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        and "Service" in statement["Principal"]
        and actions <= set(listed(statement["Action"]))
        and (
            statement.get("Condition") == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            # EventBridge names no account to the key of a queue; the queue's own policy names the rule.
            or ("Condition" not in statement and statement["Principal"]["Service"] == "events.amazonaws.com")
        )
    }


def test_every_service_that_notifies_the_topic_may_publish_to_it(assembly):
    policy = assembly.one("AWS::SNS::TopicPolicy", "foundation").properties
    (topic,) = policy["Topics"]
    allowed = services_allowed(policy["PolicyDocument"], {"sns:Publish"})
    assert services_that_tell_the_topic(assembly) == allowed
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Resource"] == topic
        assert statement["Effect"] == "Deny" or statement["Principal"] != "*"


def test_alarms_and_budgets_publish_to_the_topic_and_rules_do_not(dev, prod):
    assert services_that_tell_the_topic(dev) == {"cloudwatch.amazonaws.com"}
    assert services_that_tell_the_topic(prod) == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}


def test_every_service_that_writes_to_topic_or_dead_letter_queue_may_use_the_key(assembly):
    policy = assembly.one("AWS::KMS::Key", "foundation").properties["KeyPolicy"]
    allowed = services_allowed(policy, {"kms:Decrypt", "kms:GenerateDataKey*"})
    assert services_that_tell_the_topic(assembly) | {"events.amazonaws.com"} <= allowed


def test_the_dashboard_shows_every_stage(assembly):
    body = json.loads(resolve(assembly.one("AWS::CloudWatch::Dashboard", "operations").properties["DashboardBody"]))
    titles = {widget["properties"]["title"] for widget in body["widgets"]}
    assert {"Records into each stream", "Function errors", "Waiting in dead-letter queues"} <= titles


def test_a_budget_exists_where_the_settings_ask_for_one(assembly):
    limits = [b.properties["Budget"]["BudgetLimit"]["Amount"] for b in assembly.resources("AWS::Budgets::Budget")]
    wanted = assembly.settings.operations.monthly_budget_usd
    assert limits == ([] if wanted is None else [wanted])


def test_the_budget_counts_what_carries_the_environment_s_tag(prod):
    (budget,) = prod.resources("AWS::Budgets::Budget")
    ((key, value),) = [one.split("$") for one in budget.properties["Budget"]["CostFilters"]["TagKeyValue"]]
    tagged = prod.one("AWS::SNS::Topic", "foundation").properties["Tags"]
    assert {"Key": key.removeprefix("user:"), "Value": value} in tagged


def test_synthesis_says_what_idling_costs(assembly):
    environment = assembly.settings.environment
    assert any(f"{environment} idles at about" in message for message in assembly.messages)


def test_costs_follow_the_switches(assemblies):
    total = {name: sum(assembly.costs.values()) for name, assembly in assemblies.items()}
    secrets = len(list(assemblies["dev"].resources("AWS::SecretsManager::Secret")))
    assert total["dev"] == pytest.approx(1 + secrets * 0.4 + 4 * 11)
    assert total["staging"] == pytest.approx(total["dev"] + 2 * 160 + 21.73)
    assert total["prod"] > total["staging"]


def test_the_costs_are_the_reviewed_ones(assemblies, snapshot_json):
    costs = {name: {part: round(usd, 2) for part, usd in each.costs.items()} for name, each in assemblies.items()}
    assert costs == snapshot_json


def test_streams_that_are_not_there_cost_nothing(asleep):
    secrets = len(list(asleep.resources("AWS::SecretsManager::Secret")))
    assert asleep.costs == {"KMS key and secrets": pytest.approx(1 + secrets * 0.4)}
    assert any("dev idles at about 3 USD a month" in message for message in asleep.messages)


def test_everything_is_tagged(assembly):
    environment = assembly.settings.environment
    for bucket in assembly.resources("AWS::S3::Bucket"):
        tags = {tag["Key"]: tag["Value"] for tag in bucket.properties["Tags"]}
        assert tags["environment"] == environment
        assert tags["project"] == "c360"


def test_repeated_matching_is_never_most_of_the_bill(assembly):
    """Entity Resolution is paid for each record of each run: a schedule is chosen by what it costs."""
    matching = sum(usd for part, usd in assembly.costs.items() if part.startswith("Entity Resolution"))
    assert matching < sum(assembly.costs.values()) / 2


def test_a_run_of_the_matcher_costs_a_quarter_for_a_thousand_records(tmp_path):
    def monthly(schedule):
        text = f"unification: {{resolution_schedule: {schedule}, expected_identity_records: 200000}}"
        (tmp_path / "prod.yaml").write_text(text, encoding="utf-8")
        return {cost.part: cost.usd for cost in matching_costs(load("prod", tmp_path).unification)}

    assert monthly("on_demand") == {}
    assert monthly("weekly") == {"Entity Resolution, weekly": 217.26}  # 50 USD each, 4.35 times
    assert monthly("nightly") == {"Entity Resolution, nightly": 1520.83}
