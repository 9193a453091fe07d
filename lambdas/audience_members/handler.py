"""Entry point of the function that keeps audiences: a state machine calls it until an audience is as it should be."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final
from urllib.parse import urlsplit

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.secrets import read_secret
from lambdas.audience_members.google import GoogleAudience
from lambdas.audience_members.logic import AudienceKeeper, Progress, Step
from lambdas.audience_members.members import Member, wanted_members
from lambdas.audience_members.meta import MetaAudience
from lambdas.audience_members.platform import HttpClient, Platform
from lambdas.audience_members.settings import Audience, Settings
from lambdas.audience_members.store import MembersTable
from lambdas.shared import aws

SERVICE: Final = "audience_members"
EVENT_SOURCE: Final = "c360.audiences"
DETAIL_TYPE: Final = "AudienceUpdated"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


class BusRefusedError(RuntimeError):
    """The event bus did not take an outcome; the state machine calls again."""


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, int | bool]:  # noqa: ARG001  # Lambda passes both
    """Bring an audience a step on; return how far it is."""
    audience = Audience.model_validate(event["audience"])
    progress = Progress(**{name: int(event["progress"][name]) for name in Progress.__dataclass_fields__})
    wanted = frozenset[Member]() if audience.ended else _wanted(str(event["wanted"]))
    step = _keeper().step(audience.key, _platform(audience), wanted, run=str(event["run"]), progress=progress)
    again = step.is_more or (step.open > 0 and step.progress.calls < int(event["most_calls"]))
    if not again:
        _publish(audience, step)
    _count(audience, progress, step, is_last=not again)
    return {
        **{name: getattr(step.progress, name) for name in Progress.__dataclass_fields__},
        "removals_left": step.removals_left,
        "again": again,
    }


def _wanted(place: str) -> frozenset[Member]:
    """Read whom an audience should have from the answer of the lake."""
    parts = urlsplit(place)
    body = aws.s3().get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"]
    return frozenset(wanted_members(line.decode() for line in body.iter_lines()))


def _platform(audience: Audience) -> Platform:
    # Not from a cache: whoever has stored a new token starts the run again at once.
    credentials = partial(read_secret, aws.secrets_manager(), audience.secret)
    if audience.platform == "meta":
        return MetaAudience(
            audience_id=audience.audience_id,
            url=audience.url,
            secret=audience.secret,
            credentials=credentials,
            http=HttpClient(),
        )
    return GoogleAudience(
        account=audience.account,
        audience_id=audience.audience_id,
        url=audience.url,
        secret=audience.secret,
        credentials=credentials,
        http=HttpClient(),
    )


def _publish(audience: Audience, step: Step) -> None:
    """Tell the event bus how a run has ended: numbers, and nothing about anybody."""
    detail = {
        "audience": audience.name,
        "segment": audience.segment,
        "platform": audience.platform,
        "members": step.members,
        "added": step.progress.added,
        "removed": step.progress.removed,
        "refused": step.progress.refused,
        "removals_left": step.removals_left,
        "open": step.open,
    }
    answer = aws.event_bridge().put_events(
        Entries=[
            {
                "EventBusName": _settings().event_bus_name,
                "Source": EVENT_SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(detail),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise BusRefusedError(f"audience {audience.name}: the event bus refused the outcome")
    logger.info("audience updated", extra=detail)


def _count(audience: Audience, before: Progress, step: Step, *, is_last: bool) -> None:
    metrics.add_dimension(name="Audience", value=audience.name)
    counts = {
        "AudienceMembersAdded": step.progress.added - before.added,
        "AudienceMembersRemoved": step.progress.removed - before.removed,
        "AudienceMembersRefused": step.progress.refused - before.refused,
    }
    if is_last:
        counts |= {"AudienceMembers": step.members, "AudienceRemovalsLeft": step.removals_left}
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _keeper() -> AudienceKeeper:
    return AudienceKeeper(
        store=MembersTable(aws.dynamodb(), _settings().audience_members_table), clock=lambda: datetime.now(UTC)
    )
