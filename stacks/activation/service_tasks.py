"""Tasks for customer service: what a play asks our own people becomes a call of the service system."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from c360_core.decision import Action, Task
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.generated_secret import GeneratedSecret
from stacks.shared.platform import Platform

KEY_HEADER: Final = "x-api-key"
_CALLS_PER_SECOND: Final = 10
_KEY_LENGTH: Final = 48
_NOT_ROTATED: Final = "the service system holds the same key; whoever changes it there writes it here and deploys again"
_FIELDS: Final = ("person_id", "trigger", "reasons", "decided_at")


class ServiceTasks(Construct):
    """Hands each task to the service system: a rule, an API destination, and a key that AWS generates.

    A call names the person by the id of the profile API, and nothing else of the person. EventBridge repeats a call
    that fails for a day; then the task waits in a dead-letter queue. The service system knows a repetition by the id.
    """

    key: GeneratedSecret
    undelivered: DeadLetterQueue

    def __init__(self, scope: Construct, id_: str, *, url: str, bus: events.IEventBus, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.key = GeneratedSecret(
            self,
            "Key",
            description="Customer 360: key with which tasks are opened in the service system",
            length=_KEY_LENGTH,
            not_rotated_because=_NOT_ROTATED,
            key=platform.key,
            removal=platform.removal,
        )
        self.undelivered = DeadLetterQueue(self, "Undelivered", name="ServiceTasksUndelivered", platform=platform)
        # EventBridge keeps a copy of the key in a secret of its own, under a key of AWS's: it would use ours only if
        # that were open to EventBridge for every connection of the account.
        connection = events.Connection(
            self,
            "Connection",
            description="Customer 360: the service system",
            authorization=events.Authorization.api_key(KEY_HEADER, self.key.secret_value),
        )
        system = events.ApiDestination(
            self,
            "System",
            description="Customer 360: where the service system takes tasks",
            connection=connection,
            endpoint=url,
            http_method=events.HttpMethod.POST,
            rate_limit_per_second=_CALLS_PER_SECOND,
        )
        told = {name: events.EventField.from_path(f"$.detail.{name}") for name in _FIELDS}
        target = targets.ApiDestination(
            system,
            event=events.RuleTargetInput.from_object(
                {"task_id": events.EventField.from_path("$.detail.decision_id"), **told}
            ),
            dead_letter_queue=self.undelivered.queue,
            max_event_age=cdk.Duration.hours(24),
        )
        events.Rule(
            self,
            "Decided",
            event_bus=bus,
            description="A decision for a task opens it in the service system",
            event_pattern=events.EventPattern(
                source=["c360.decision"],
                detail_type=["DecisionMade"],
                detail={"action": [str(Action.TASK)], "task": [str(Task.SERVICE)]},
            ),
            targets=[target],
        )
