"""The emulator process: MiniStack, with the twin's providers and patches plugged into the places it leaves for them.

`python -m twin.emulator.launcher SETTINGS.json`. No service is known here by name. MiniStack's plug-in points are
private names, so its version is pinned, and `tests/twin` proves each of them against the real thing.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.emulator import plugins, state_machines
from twin.emulator.provider import CALLER, Provider, Twin
from twin.emulator.stand_ins import StandInTypes, recorded
from twin.emulator.wire import Handler, Wire, WireGroup
from twin.patches import request_resources
from twin.processes.process import LOOPBACK
from twin.settings import ACCOUNT, REGION, TwinSettings


def prepare_environment(settings: TwinSettings) -> None:
    """Set what MiniStack reads from the environment; it does so when it is imported."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # whose credentials MiniStack finds here, it takes for the account's root
    os.environ.update(
        {
            **settings.connection(),
            "GATEWAY_PORT": str(settings.port),
            "BIND_HOST": LOOPBACK,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",  # every request is authorized by the policies that are deployed
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
            "TMPDIR": str(settings.home / "tmp"),
            "STATE_DIR": str(settings.home / "state"),
            "AWS_XRAY_SDK_ENABLED": "false",  # functions inherit it: nobody listens for traces here
        }
    )
    (settings.home / "tmp").mkdir(parents=True, exist_ok=True)


def plug_in(twin: Twin) -> None:
    """Put the patches and the twin's providers into the emulator, before it serves its first request."""
    for patch in plugins.patches():
        patch(twin.settings)
    for provider in twin.providers:
        provider.install()
    _plug_in_types(twin)
    for provider in twin.providers:
        _plug_in_api(provider)
        _plug_in_tasks(provider)


def _plug_in_types(twin: Twin) -> None:
    """Give every CloudFormation type that MiniStack lacks a stand-in, and tell the providers of theirs."""
    from ministack.services.cloudformation import changesets, provisioners

    declared = [kind for provider in twin.providers for kind in provider.types]
    handlers = dict(provisioners._RESOURCE_HANDLERS)
    for kind in declared:
        if kind.handlers is not None:
            handlers[kind.name] = kind.handlers(handlers.get(kind.name, {}))
        elif kind.name in handlers:
            handlers[kind.name] = recorded(kind.name, handlers[kind.name], twin.registry)
    for provider in twin.providers:
        for kind in provider.types:
            twin.registry.listen(kind.name, deployed=provider.deployed, removed=provider.removed)
    types = StandInTypes(
        handlers,
        registry=twin.registry,
        account=ACCOUNT,
        region=REGION,
        fixed_while_used_by={kind.name: kind.fixed_while_used_by for kind in declared if kind.fixed_while_used_by},
        arns={kind.name: kind.arn for kind in declared if kind.arn},
        made_up={kind.name: kind.made_up for kind in declared if kind.made_up},
    )
    provisioners._RESOURCE_HANDLERS = types
    changesets._RESOURCE_HANDLERS = types


def _plug_in_api(provider: Provider) -> None:
    """Route a provider's requests to it, those of state machines as well."""
    from ministack import app
    from ministack.services import stepfunctions

    wires = {service: Wire(service, stand_in) for service, stand_in in provider.api().items()}
    for service, wire in wires.items():
        handler = _with_caller(wire.handle)
        app.SERVICE_HANDLERS[service] = handler
        # The emulator routes what it does not know by the name that signs the request; services may share one.
        sharing = [one for one in wires.values() if one.signing_name == wire.signing_name]
        shared = WireGroup(sharing)
        app.SERVICE_HANDLERS.setdefault(wire.signing_name, _with_caller(shared.handle) if sharing[1:] else handler)
        request_resources.authorize(service, wire.signing_name, shared.parameters, shared.services)
        for name in {service, wire.service_id.lower()}:
            stepfunctions._SERVICE_DISPATCH[f"arn:aws:states:::aws-sdk:{name}:"] = state_machines.sdk_integration(wire)


def _plug_in_tasks(provider: Provider) -> None:
    from ministack.services import stepfunctions

    for action, task in provider.tasks().items():
        stepfunctions._SERVICE_DISPATCH[f"arn:aws:states:::{action}"] = task


def _with_caller(handle: Handler) -> Handler:
    """Note who asks, from the request's credentials, before a stand-in answers."""

    async def handler(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> Any:
        from ministack.core.iam_evaluator import resolve_caller_identity
        from ministack.core.router import extract_access_key_id

        identity = resolve_caller_identity(extract_access_key_id({k.lower(): v for k, v in headers.items()}, query))
        CALLER.set(str((identity or {}).get("userArn", "")))
        return await handle(method, path, headers, body, query)

    return handler


def main() -> None:
    """Plug everything in and serve until the process is stopped."""
    settings = TwinSettings.read(Path(sys.argv[1]))
    prepare_environment(settings)
    from ministack import app

    twin = Twin(settings, plugins.providers())
    plug_in(twin)
    sys.argv = sys.argv[:1]
    if settings.warm:
        twin.engines.warm()
    try:
        app.main()
    finally:
        twin.close()


if __name__ == "__main__":
    main()
