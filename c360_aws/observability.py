"""Logger, tracer and metrics, set up alike for every function."""

import json
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from c360_aws.redaction import redact
from c360_core.names import METRIC_NAMESPACE


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Writes JSON lines without personal data and secrets."""

    def serialize(self, log: Any) -> str:
        """Return the record as one line of JSON. Redaction comes last, so that it covers what other steps added."""
        return json.dumps(redact(log), default=lambda value: redact(str(value)), ensure_ascii=False)


def logger_for(service: str) -> Logger:
    """Return the function's logger."""
    return Logger(service=service, logger_formatter=RedactingFormatter())


def tracer_for(service: str) -> Tracer:
    """Return the function's tracer. Handlers pass capture_response=False, because responses hold personal data."""
    return Tracer(service=service)


def metrics_for(service: str) -> Metrics:
    """Return the function's metrics, in the namespace that the dashboards read."""
    return Metrics(namespace=METRIC_NAMESPACE, service=service)


def trace_id() -> str | None:
    """Return the trace id of this invocation (`1-...`), or None outside an invocation; events carry it along."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    parts = dict(part.partition("=")[::2] for part in header.split(";"))
    return parts.get("Root")
