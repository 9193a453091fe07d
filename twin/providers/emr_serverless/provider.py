"""EMR Serverless: applications of the template, whose runs and sessions are Spark's."""

from collections.abc import Mapping
from typing import Any, Final

from twin.emulator.provider import Document, Provider, ResourceType, Task, Twin
from twin.emulator.roles import assume, require
from twin.emulator.state_machines import camel_case, pascal_case, poll, task_failed
from twin.emulator.wire import ServiceError
from twin.engines.scripts import Scripts, SharedSession
from twin.engines.spark import SparkSession
from twin.principals import Principal
from twin.providers.emr_serverless import endpoint
from twin.providers.emr_serverless.livy import Livy
from twin.providers.emr_serverless.service import ENDED, SERVICE, SUCCESS, EmrServerless
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name

APPLICATION: Final = ResourceType(name="AWS::EMRServerless::Application")
ERRORS: Final = "EMRServerless"  # as Step Functions names the service in errors


class EmrServerlessProvider(Provider):
    """EMR Serverless."""

    types = (APPLICATION,)
    engines = (SparkSession,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._service = EmrServerless(
            applications=lambda: twin.registry.of_type(APPLICATION.name),
            engine=SharedSession(lambda: twin.engines.get(SparkSession)),
            scripts=Scripts(twin.settings.home / "emr-serverless"),
            assume=lambda role, run: assume(role, service=SERVICE, session=run),
            require=require,
            store=lambda session: twin.settings.client("s3", session.variables()),
            caller=twin.caller,
        )

        self._livy = Livy(
            applications=lambda: twin.registry.of_type(APPLICATION.name),
            engine=lambda: twin.engines.get(SparkSession),
            assume=lambda role, session: assume(role, service=SERVICE, session=session),
            require=require,
            readable=lambda role: twin.provider(LakeFormationProvider).rules.readable_by(user_name(role)),
            reader=lambda: twin.settings.credentials(Principal.EMULATOR).variables(),
        )

    def install(self) -> None:
        """Let the Livy endpoints of the applications be reached by path."""
        endpoint.install(self._livy)

    def api(self) -> Mapping[str, object]:
        """Serve the applications and their runs."""
        return {"emr-serverless": self._service}

    def tasks(self) -> Mapping[str, Task]:
        """Let state machines start runs."""
        return {"emr-serverless:startJobRun": self._start_job_run}

    def _start_job_run(self, resource: str, request: Document) -> Any:
        """Start a run and, for `.sync`, wait for its end, as the optimized integration does."""
        from ministack.services import stepfunctions

        try:
            started = self._service.submit(camel_case(request))
        except ServiceError as error:
            raise stepfunctions._ExecutionError(f"{ERRORS}.{error.code}", error.message) from error
        if not resource.endswith(".sync"):
            return pascal_case(started)
        run = poll(lambda: self._service.get_job_run(started)["jobRun"], lambda found: found["state"] in ENDED)
        shown = {name: value if isinstance(value, (str, int, dict)) else str(value) for name, value in run.items()}
        if run["state"] != SUCCESS:
            raise task_failed(pascal_case(shown))
        return pascal_case(shown)


PROVIDER = EmrServerlessProvider
