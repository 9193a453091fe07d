"""The decision engine: it decides on each changed profile."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.play import load_playbook
from config.activation import ActivationSettings
from stacks.activation.contact_rules import contact_rules
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow, lock_work, put_records, read_changes, read_secret, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.constructs.table_changes import TableChanges
from stacks.shared.platform import Platform

_PROFILES = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"SK": {"S": ["PROFILE"]}}}}


class DecisionEngine(Construct):
    """Reads profile changes of the single view and publishes its decisions on the event bus."""

    function: PythonFunction
    reader: StreamReader

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        single_view: dynamodb.ITableV2,
        idempotency: dynamodb.ITableV2,
        events_stream: DataStream,
        bus: events.IEventBus,
        hash_secret: secretsmanager.ISecret,
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="decision",
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "IDEMPOTENCY_TABLE": idempotency.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "EVENT_BUS_NAME": bus.event_bus_name,
                "HASH_SECRET_ARN": hash_secret.secret_arn,
                "DECISION_TTL_DAYS": settings.decision_ttl_days,
                **contact_rules(settings),
            },
            caller=Caller.STREAM,
            timeout_seconds=120,
            writes=events_stream,
            calls=(
                ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
                ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            ),
        )
        # What a budget has left is counted in an item, which only a play with a budget needs.
        counts = ("UpdateItem",) if any(play.budget for play in load_playbook().plays) else ()
        use_items(self.function.role, single_view, platform.key, ("GetItem", "Query", "PutItem", *counts))
        lock_work(self.function.role, idempotency, platform.key)
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, hash_secret)
        allow(self.function.role, ("events:PutEvents",), bus.event_bus_arn)
        changes = TableChanges(single_view)
        read_changes(self.function.role, changes, platform.key)
        self.reader = StreamReader(
            self,
            "Changes",
            function=self.function,
            source=changes,
            batching=Batching(size=100),
            platform=platform,
            pattern=_PROFILES,
        )
