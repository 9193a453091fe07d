"""The Flink options that application code may set.

From Flink 2.2 on, Managed Flink rejects an application that sets any other option. The list is from AWS's page
"Programmatic Flink configuration properties", without options that we do not use. All others (checkpoints, restarts,
state backend, parallelism, memory) are set by the template, and on the laptop by the twin.
"""

from collections.abc import Mapping
from typing import Any, Final

ALLOWED_OPTIONS: Final = frozenset(
    {
        "execution.checkpointing.unaligned",
        "execution.runtime-mode",
        "pipeline.auto-watermark-interval",
        "pipeline.generic-types",
        "pipeline.max-parallelism",
        "pipeline.name",
        "pipeline.object-reuse",
        "pipeline.operator-chaining.enabled",
        "python.execution-mode",
        "python.job-options",
        "python.operator-chaining.enabled",
        "table.dml-sync",
        "table.dynamic-table-options.enabled",
        "table.exec.async-state.enabled",
        "table.exec.deduplicate.insert-update-after-sensitive-enabled",
        "table.exec.deduplicate.mini-batch.compact-changes-enabled",
        "table.exec.iceberg.use-v2-sink",
        "table.exec.interval-join.min-cleanup-interval",
        "table.exec.mini-batch.allow-latency",
        "table.exec.mini-batch.enabled",
        "table.exec.mini-batch.size",
        "table.exec.simplify-operator-name-enabled",
        "table.exec.sink.keyed-shuffle",
        "table.exec.sink.not-null-enforcer",
        "table.exec.sink.type-length-enforcer",
        "table.exec.sink.upsert-materialize",
        "table.exec.source.cdc-events-duplicate",
        "table.exec.source.idle-timeout",
        "table.exec.state.ttl",
        "table.exec.unbounded-over.version",
        "table.local-time-zone",
        "table.optimizer.agg-phase-strategy",
        "table.optimizer.join-reorder-enabled",
        "table.optimizer.multi-join.enabled",
        "table.optimizer.multiple-input-enabled",
        "table.optimizer.non-deterministic-update.strategy",
        "table.optimizer.reuse-optimize-block-with-digest-enabled",
        "table.optimizer.reuse-sink-enabled",
        "table.optimizer.reuse-source-enabled",
        "table.optimizer.reuse-sub-plan-enabled",
        "table.optimizer.union-all-as-breakpoint-enabled",
    }
)


class OptionNotAllowedError(ValueError):
    """The code sets an option that Managed Flink rejects."""


def set_options(table_environment: Any, options: Mapping[str, str]) -> None:
    """Set Flink options on a table environment.

    Raises:
        OptionNotAllowedError: an option is not on AWS's list; then none is set.
    """
    refused = sorted(set(options) - ALLOWED_OPTIONS)
    if refused:
        raise OptionNotAllowedError(
            f"Managed Flink rejects these options in code: {', '.join(refused)}; set them in the template "
            "(parallelism, checkpoints) or remove them"
        )
    configuration = table_environment.get_config()
    for key, value in options.items():
        configuration.set(key, value)


def standard_options(*, name: str, state_ttl: str) -> dict[str, str]:
    """Return the options that all our applications use.

    Args:
        name: name of the job.
        state_ttl: how long unused state is kept, in Flink's format of durations; "0 s" means forever.
    """
    return {
        "pipeline.name": name,
        "pipeline.object-reuse": "true",
        # Python runs inside the JVM, without a process per operator and without copying rows through a socket.
        "python.execution-mode": "thread",
        "table.exec.state.ttl": state_ttl,
        "table.local-time-zone": "UTC",
        # The sinks of a statement set share all operators up to the point where they differ.
        "table.optimizer.reuse-source-enabled": "true",
        "table.optimizer.reuse-sub-plan-enabled": "true",
    }
