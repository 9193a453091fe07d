"""Glue: the emulator keeps the catalog and the jobs; tables can be Iceberg's, and job runs are Spark's."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from twin.emulator.provider import Document, Handlers, Provider, ResourceType, Task, Twin
from twin.emulator.roles import assume, require
from twin.emulator.state_machines import answer_of, poll, task_failed
from twin.engines.scripts import SharedSession
from twin.engines.spark import SparkSession
from twin.providers.glue import catalog
from twin.providers.glue.jobs import GlueJobs

SERVICE: Final = "glue.amazonaws.com"
SESSION: Final = "GlueJobRunnerSession"  # as Glue names it in CloudTrail
SUCCEEDED = "SUCCEEDED"
ENDED = {SUCCEEDED, "FAILED", "STOPPED", "TIMEOUT", "ERROR"}


def _table_handlers(emulator: Handlers) -> Handlers:
    from ministack.services import glue

    return catalog.table_handlers(dict(emulator), glue)


def _connection_exists(name: str) -> bool:
    from ministack.services import glue

    return name in glue._connections


class GlueProvider(Provider):
    """Glue."""

    types = (ResourceType(name=catalog.TABLE_TYPE, handlers=_table_handlers),)
    engines = (SparkSession,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._jobs = GlueJobs(
            engine=SharedSession(lambda: twin.engines.get(SparkSession)),
            assume=partial(assume, service=SERVICE, session=SESSION),
            require=require,
            store=lambda session: twin.settings.client("s3", session.variables()),
            scratch=twin.settings.home / "glue",
            connection_exists=_connection_exists,
        )

    def install(self) -> None:
        """Add what the emulator's catalog lacks, and run jobs."""
        catalog.install()
        self._jobs.install()

    def tasks(self) -> Mapping[str, Task]:
        """Let state machines start job runs."""
        return {"glue:startJobRun": _start_job_run}


def _start_job_run(resource: str, request: Document) -> Any:
    """Start a job run and, for `.sync`, wait for its end, as the optimized integration does."""
    from ministack.services import glue

    started = answer_of("Glue", glue._start_job_run(request))
    if not resource.endswith(".sync"):
        return started
    asked = {"JobName": request["JobName"], "RunId": started["JobRunId"]}
    run = poll(
        lambda: dict(answer_of("Glue", glue._get_job_run(asked))["JobRun"]),
        lambda found: found["JobRunState"] in ENDED,
    )
    if run["JobRunState"] != SUCCEEDED:
        raise task_failed(run)
    return run


PROVIDER = GlueProvider
