"""Entry point of the function that keeps features: a state machine calls it until all rows are kept."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_core.features import FeatureValue
from c360_core.moments import moment
from lambdas.feature_records.logic import FeatureKeeper
from lambdas.feature_records.settings import Settings
from lambdas.shared import aws
from lambdas.shared.lines import unbroken

SERVICE: Final = "feature_records"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, int | bool]:  # noqa: ARG001  # Lambda passes both
    """Keep the next rows of a run; return how far it is."""
    rows = aws.s3().get_object(Bucket=event["bucket"], Key=event["key"])["Body"]
    at = moment(str(event["recorded_at"]))
    progress = _keeper().keep(unbroken(rows.iter_chunks()), at=at, after=int(event["lines"]))
    metrics.add_metric(name="FeatureRecordsKept", unit=MetricUnit.Count, value=progress.records)
    logger.info(
        "features kept", extra={"records": progress.records, "unknown": progress.unknown, "done": progress.done}
    )
    return {"lines": progress.lines, "done": progress.done}


@cache
def _keeper() -> FeatureKeeper:
    settings = Settings.from_environment(os.environ)
    store = aws.feature_store()

    def put(record: Sequence[FeatureValue]) -> object:
        return store.put_record(FeatureGroupName=settings.feature_group_name, Record=list(record))

    return FeatureKeeper(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        put=put,
        kinds=settings.feature_kinds,
    )
