"""The emulator with Glue's additions and Athena on Trino, and nothing else of the twin: `PORT HOME` as arguments."""

import contextvars
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from twin.emulator.stand_ins import ResourceRegistry, recorded
from twin.emulator.wire import Wire
from twin.engines import trino
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.service import Access, Athena
from twin.providers.glue import catalog as glue_catalog
from twin.providers.lake_formation.rules import LakeFormationResource, LakeFormationRules, user_name
from twin.settings import ACCOUNT, BUILD, TwinSettings

CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")
WORK_GROUP = "AWS::Athena::WorkGroup"
PREPARED_STATEMENT = "AWS::Athena::PreparedStatement"
LAKE_FORMATION = tuple(f"AWS::LakeFormation::{kind}" for kind in ("Tag", "TagAssociation", "PrincipalPermissions"))


class LazyTrino:
    """Starts Trino at the first query: it needs the emulator, and the emulator this process."""

    def __init__(self, settings: trino.TrinoSettings) -> None:
        self._settings = settings
        self._running: trino.Trino | None = None

    def connect(self, user: str, **options: Any) -> Any:
        if self._running is None:
            self._running = trino.start(self._settings)
        return self._running.connect(user, **options)


def main() -> None:
    settings = TwinSettings(home=Path(sys.argv[2]), port=int(sys.argv[1]))
    os.environ.update(
        settings.client_environment()
        | {"GATEWAY_PORT": str(settings.port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
        | {"MINISTACK_ACCOUNT_ID": ACCOUNT}
    )
    from ministack import app
    from ministack.services import glue
    from ministack.services.cloudformation import provisioners

    glue_catalog.install()
    registry = ResourceRegistry(path=settings.home / "stand-ins.json")
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[glue_catalog.TABLE_TYPE] = glue_catalog.table_handlers(handlers[glue_catalog.TABLE_TYPE], glue)
    handlers[WORK_GROUP] = recorded(WORK_GROUP, handlers[WORK_GROUP], registry)
    nothing = {"create": lambda logical_id, _properties, _stack: (logical_id, {}), "delete": lambda *_: None}
    handlers.update({name: recorded(name, nothing, registry) for name in (*LAKE_FORMATION, PREPARED_STATEMENT)})
    app.SERVICE_HANDLERS["athena"] = with_caller(Wire("athena", athena(settings, registry)).handle)
    sys.argv = sys.argv[:1]
    app.main()


def athena(settings: TwinSettings, registry: ResourceRegistry) -> Athena:
    folder = settings.home / "trino"
    engine = trino.TrinoSettings(
        endpoint=settings.endpoint, warehouse="s3://test-lake/warehouse", folder=folder, jars=BUILD / "java" / "trino"
    )
    rules = LakeFormationRules(
        resources=lambda: [LakeFormationResource(type=r.type_name, properties=r.properties) for r in registry.all()],
        glue=boto3.client("glue"),
        rules_path=trino.rules_path(folder),
    )
    return Athena(
        connect=LazyTrino(engine).connect,
        client=lambda service: boto3.client(service),  # type: ignore[call-overload]  # noqa: PLW0108
        workgroups=lambda: registry.properties(WORK_GROUP),
        prepared=PreparedStatements(lambda: registry.properties(PREPARED_STATEMENT)),
        access=Access(caller=CALLER.get, user_of=user_name, filtered=rules.filters),
        before_query=rules.before_query,
    )


def with_caller(handle: Any) -> Any:
    async def handler(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        from ministack.core.iam_evaluator import resolve_caller_identity
        from ministack.core.router import extract_access_key_id

        lowered = {key.lower(): value for key, value in headers.items()}
        identity = resolve_caller_identity(extract_access_key_id(lowered, query)) or {}
        CALLER.set(str(identity.get("userArn", "")))
        return await handle(method, path, headers, body, query)

    return handler


if __name__ == "__main__":
    main()
