"""Entry point of the function that deletes features: a batch of removals in, the records to deliver again out."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_core.change_fields import InvalidChangeError
from c360_core.moments import moment_text
from lambdas.feature_removals.logic import removed_person
from lambdas.feature_removals.settings import Settings
from lambdas.shared import aws
from lambdas.shared.stream_batches import StreamBatch

SERVICE: Final = "feature_removals"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Delete the features of removed people; return the records that must be delivered again."""
    group, store = _settings().feature_group_name, aws.feature_store()
    failures: dict[str, Exception] = {}
    deleted = 0
    batch = StreamBatch(event)
    for record in batch.records():
        try:
            person_id = removed_person(record.data())
            if person_id is not None:
                # Soft, the store would keep the person's id, and the time. By now no record of the person is newer.
                store.delete_record(
                    FeatureGroupName=group,
                    RecordIdentifierValueAsString=person_id,
                    EventTime=moment_text(datetime.now(UTC)),
                    DeletionMode="HardDelete",
                )
                deleted += 1
        except (InvalidChangeError, BotoCoreError, ClientError) as error:
            logger.exception("features not deleted", extra={"position": record.position})
            failures[record.position] = error
    metrics.add_metric(name="FeatureRecordsDeleted", unit=MetricUnit.Count, value=deleted)
    return batch.answer(failures, context)
