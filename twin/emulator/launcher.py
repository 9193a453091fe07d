"""The emulator process: MiniStack, with the twin's stand-ins plugged into the places it leaves for them.

`python -m twin.emulator.launcher SETTINGS.json`. MiniStack's plug-in points are private names, so its version is
pinned, and `tests/twin` proves each of them against the real thing.
"""

import contextvars
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from twin.emulator.stand_ins import Registry, StandInTypes, recorded
from twin.emulator.wire import Handler, ServiceError, Wire
from twin.engines.pool import EnginesPool
from twin.patches import http_server
from twin.settings import ACCOUNT, REGION, TwinSettings

LOGGER: Final = logging.getLogger("twin.emulator.launcher")
CALLER: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("caller", default="")
POLL_SECONDS: Final = 0.2
WORK_GROUP: Final = "AWS::Athena::WorkGroup"


def prepare_environment(settings: TwinSettings) -> None:
    """Set what MiniStack reads from the environment; it does so when it is imported."""
    os.environ.update(settings.client_environment())
    os.environ.update(
        {
            "GATEWAY_PORT": str(settings.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
            "TMPDIR": str(settings.home / "tmp"),
            "STATE_DIR": str(settings.home / "state"),
            "AWS_XRAY_SDK_ENABLED": "false",  # functions inherit it: nobody listens for traces here
        }
    )
    (settings.home / "tmp").mkdir(parents=True, exist_ok=True)


def plug_in_resource_types(registry: Registry) -> None:
    """Give every CloudFormation type that MiniStack lacks a stand-in, and Iceberg tables their metadata."""
    from ministack.services import ses
    from ministack.services.cloudformation import changesets, provisioners

    from twin.patches import dynamodb_expressions, generated_secrets, kinesis_expiry
    from twin.providers.glue import catalog as glue_catalog
    from twin.providers.ses import templates as ses_templates

    dynamodb_expressions.install()
    generated_secrets.install()
    glue_catalog.install()
    kinesis_expiry.install()
    existing = dict(provisioners._RESOURCE_HANDLERS)
    existing[WORK_GROUP] = recorded(WORK_GROUP, existing[WORK_GROUP], registry)
    types = StandInTypes(existing, registry=registry, account=ACCOUNT, region=REGION)
    types[ses_templates.TEMPLATE_TYPE] = ses_templates.template_handlers(
        types[ses_templates.TEMPLATE_TYPE], ses._templates
    )
    provisioners._RESOURCE_HANDLERS = types
    changesets._RESOURCE_HANDLERS = types


def plug_in_services(registry: Registry, engines: EnginesPool) -> dict[str, Wire]:
    """Route the stand-in services' requests to them; return the wires, for Step Functions to use."""
    from ministack import app

    from twin.providers.athena.service import Athena
    from twin.providers.cost_explorer.service import CostExplorer
    from twin.providers.entity_resolution.service import EntityResolution
    from twin.providers.lake_formation.rules import LakeFormationRules, user_name
    from twin.providers.lake_formation.rules import Resource as Permission
    from twin.providers.lake_formation.service import Grants, LakeFormation

    def permissions() -> list[Permission]:
        held = (r for r in registry.all() if r.type_name.startswith("AWS::LakeFormation::"))
        return [Permission(type=r.type_name, properties=r.properties) for r in held]

    def stack_tags() -> Iterator[str]:
        for page in engines.client("cloudformation").get_paginator("describe_stacks").paginate():
            yield from (tag["Key"] for stack in page["Stacks"] for tag in stack.get("Tags", ()))

    rules = LakeFormationRules(
        resources=lambda: [*permissions(), *grants.resources()],
        glue=engines.client("glue"),
        rules_path=engines.rules_path,
    )
    grants = Grants(tables=rules.tables)
    athena = Athena(
        trino=engines.trino,
        client=engines.client,
        workgroups=lambda: [r.properties for r in registry.of_type(WORK_GROUP)],
        named_queries=lambda: [r.properties for r in registry.of_type("AWS::Athena::NamedQuery")],
        principal=lambda: user_name(CALLER.get()),
        before_query=rules.before_query,
    )
    resolution = EntityResolution(
        workflows=lambda name: registry.find("AWS::EntityResolution::MatchingWorkflow", "WorkflowName", name),
        schemas=lambda name: registry.find("AWS::EntityResolution::SchemaMapping", "SchemaName", name),
        clients=engines.client,
    )
    lake_formation = LakeFormation(deployed=permissions, grants=grants)
    wires = {
        "athena": Wire("athena", athena),
        "ce": Wire("ce", CostExplorer(tag_keys=stack_tags)),
        "entityresolution": Wire("entityresolution", resolution),
        "lakeformation": Wire("lakeformation", lake_formation),
    }
    for name, wire in wires.items():
        app.SERVICE_HANDLERS[name] = _with_caller(wire.handle)
    return wires


def plug_in_engines(engines: EnginesPool, settings: TwinSettings) -> None:
    """Let MiniStack's control planes of Managed Flink, Glue and stream mappings use what really runs."""
    from twin.patches import lambda_code
    from twin.patches.stream_mappings import StreamMappings
    from twin.providers.managed_flink import data_plane as managed_flink

    managed_flink.install(engines.managed_flink)
    engines.glue_jobs.install()
    engines.builds.install()
    lambda_code.install(settings.home / "code")
    StreamMappings(queues=lambda: engines.client("sqs")).install()


def plug_in_state_machines(wires: Mapping[str, Wire]) -> None:
    """Let state machines call the stand-in services and Glue, with their real definitions."""
    from ministack.services import stepfunctions

    def through(wire: Wire) -> Any:
        def call(resource: str, request: dict[str, Any]) -> Any:
            action = resource.rpartition(":")[2].partition(".")[0]
            try:
                return _upper(wire.invoke(action, _lower(request)))
            except ServiceError as error:
                # Step Functions names a service as its SDK for Java does: EntityResolution, not entityresolution.
                raise stepfunctions._ExecutionError(f"{wire.service_id}.{error.code}", error.message) from error

        return call

    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = _run_glue_job
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::codebuild:startBuild"] = _run_build
    for name, wire in wires.items():
        stepfunctions._SERVICE_DISPATCH[f"arn:aws:states:::aws-sdk:{name}:"] = through(wire)


def _run_glue_job(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    """Start a job run and, for `.sync`, wait for its end, as the optimized integration does."""
    from ministack.services import glue, stepfunctions

    started = _answer("Glue", glue._start_job_run(request))
    if not resource.endswith(".sync"):
        return started
    while True:
        asked = {"JobName": request["JobName"], "RunId": started["JobRunId"]}
        run = _answer("Glue", glue._get_job_run(asked))["JobRun"]
        if run["JobRunState"] == "SUCCEEDED":
            return dict(run)
        if run["JobRunState"] in {"FAILED", "STOPPED", "TIMEOUT", "ERROR"}:
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(run, default=str))
        time.sleep(POLL_SECONDS)


def _run_build(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    """Start a build and, for `.sync`, wait for its end, as the optimized integration does."""
    from ministack.services import codebuild, stepfunctions

    started = _answer("CodeBuild", codebuild._start_build(_lower(request)))["build"]
    while resource.endswith(".sync") and started["buildStatus"] == "IN_PROGRESS":
        time.sleep(POLL_SECONDS)
        started = _answer("CodeBuild", codebuild._batch_get_builds({"ids": [started["id"]]}))["builds"][0]
    if started["buildStatus"] not in {"SUCCEEDED", "IN_PROGRESS"}:
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(started, default=str))
    return {"Build": _upper(started)}


def _answer(service: str, response: tuple[int, Any, bytes]) -> dict[str, Any]:
    """Return what a service answered; an error has its name as Step Functions writes it, which retries ask for."""
    from ministack.services import stepfunctions

    status, _, body = response
    data: dict[str, Any] = json.loads(body)
    if status >= 400:  # noqa: PLR2004  # HTTP
        raise stepfunctions._ExecutionError(f"{service}.{data.get('__type', 'Error')}", str(data.get("message", "")))
    return data


def _with_caller(handle: Handler) -> Handler:
    """Note who asks, from the request's credentials, before a stand-in answers."""

    async def handler(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> Any:
        from ministack.core.iam_evaluator import resolve_caller_identity
        from ministack.core.router import extract_access_key_id

        identity = resolve_caller_identity(extract_access_key_id({k.lower(): v for k, v in headers.items()}, query))
        CALLER.set(str((identity or {}).get("userArn", "")))
        return await handle(method, path, headers, body, query)

    return handler


def _lower(value: Any) -> Any:
    """Parameters of an SDK integration are PascalCase; the API's own names begin in lower case."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _upper(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _upper(item) for key, item in value.items()}
    return [_upper(item) for item in value] if isinstance(value, list) else value


def main() -> None:
    """Plug everything in and serve until told to stop."""
    settings = TwinSettings.read(Path(sys.argv[1]))
    prepare_environment(settings)
    from ministack import app

    engines = EnginesPool(settings)
    registry = Registry(path=settings.home / "stand-ins.json")
    plug_in_resource_types(registry)
    wires = plug_in_services(registry, engines)
    plug_in_engines(engines, settings)
    plug_in_state_machines(wires)
    http_server.install()
    sys.argv = sys.argv[:1]
    if settings.warm:
        engines.warm()
    try:
        app.main()
    finally:
        engines.close()


if __name__ == "__main__":
    main()
