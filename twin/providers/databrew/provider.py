"""DataBrew: jobs and recipes of the template; the jobs run in this process, in DuckDB."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from twin.emulator.provider import Document, Provider, ResourceType, Task, Twin
from twin.emulator.roles import assume, require
from twin.emulator.state_machines import poll, sdk_integration, task_failed
from twin.emulator.wire import Wire
from twin.providers.databrew.service import ENDED, SUCCEEDED, DataBrew, Deployed

SERVICE: Final = "databrew.amazonaws.com"
SESSION: Final = "job-run"
DATA_SET: Final = ResourceType(name="AWS::DataBrew::Dataset")
RECIPE: Final = ResourceType(name="AWS::DataBrew::Recipe")
PROJECT: Final = ResourceType(name="AWS::DataBrew::Project")
JOB: Final = ResourceType(name="AWS::DataBrew::Job")


class DataBrewProvider(Provider):
    """DataBrew."""

    types = (DATA_SET, RECIPE, PROJECT, JOB)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        find = twin.registry.find
        self._service = DataBrew(
            deployed=Deployed(
                jobs=lambda name: find(JOB.name, "Name", name),
                recipes=lambda name: find(RECIPE.name, "Name", name),
                data_sets=lambda name: find(DATA_SET.name, "Name", name),
            ),
            kept=twin.settings.home / "databrew.json",
            assume=partial(assume, service=SERVICE, session=SESSION),
            require=require,
            clients=twin.settings.client,
            caller=twin.caller,
            tell=_tell,
        )

    def api(self) -> Mapping[str, object]:
        """Serve jobs and versions of recipes."""
        return {"databrew": self._service}

    def tasks(self) -> Mapping[str, Task]:
        """Let state machines start job runs."""
        return {"databrew:startJobRun": self._start_job_run}

    def _start_job_run(self, resource: str, request: Document) -> Any:
        """Start a job run and, for `.sync`, wait for its end, as the optimized integration does."""
        call = sdk_integration(Wire("databrew", self._service))
        started: Document = call("databrew:startJobRun", request)
        if not resource.endswith(".sync"):
            return started
        asked = {"Name": request["Name"], "RunId": started["RunId"]}
        found = poll(lambda: dict(call("databrew:describeJobRun", asked)), lambda one: one["State"] in ENDED)
        if found["State"] != SUCCEEDED:
            raise task_failed(found)
        return found


def _tell(kind: str, detail: Document) -> None:
    """Put DataBrew's own event on the default bus, on which only AWS's services put such."""
    from ministack.services import eventbridge

    entry = {"Source": "aws.databrew", "DetailType": kind, "Detail": json.dumps(detail), "Resources": []}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


PROVIDER = DataBrewProvider
