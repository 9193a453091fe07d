"""What the twin asks of a provider: the stand-in for one service, in one folder below `twin/providers`.

The folder has a module `provider` with a subclass of `Provider` under the name `PROVIDER`. The launcher finds it there,
and knows nothing else about the service.
"""

import contextvars
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from twin.emulator.stand_ins import Resource, ResourceRegistry
from twin.engines.engine import Engine
from twin.engines.pool import EnginesPool
from twin.principals import Principal
from twin.settings import TwinSettings

Document = dict[str, Any]
Handlers = Mapping[str, Any]
Task = Callable[[str, Document], Any]

CALLER: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("caller", default="")


class MissingProviderError(LookupError):
    """A provider that another one relies on; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A CloudFormation type of a provider's service.

    Attributes:
        name: for example `AWS::Athena::WorkGroup`.
        fixed_while_used_by: a type; while one of its resources refers to one of this type, AWS refuses a change.
        arn: the form of its ARNs, with `{region}`, `{account}`, `{name}` and names of its properties, where AWS forms
            them otherwise than a stand-in does by itself.
        made_up: the form of the ids that AWS makes up, with `{digest}` of twelve hexadecimal digits, where others check
            it.
        handlers: makes the life cycle from the emulator's own one. When omitted, it stays the emulator's own, or that
            of a stand-in checked against AWS's schema, and the registry keeps the resolved properties.
    """

    name: str
    fixed_while_used_by: str | None = None
    arn: str | None = None
    made_up: str | None = None
    handlers: Callable[[Handlers], Handlers] | None = None


class Provider:
    """Stands in for one service.

    Attributes:
        types: resource types whose deployment the provider follows. A type that only needs a check against AWS's
            schema needs no entry: it gets its stand-in from the emulator.
        engines: the engines that it uses.

    Args:
        twin: the twin that it belongs to.
    """

    types: ClassVar[tuple[ResourceType, ...]] = ()
    engines: ClassVar[tuple[type[Engine[Any]], ...]] = ()

    def __init__(self, twin: "Twin") -> None:
        self.twin = twin

    def api(self) -> Mapping[str, object]:
        """Return the APIs that it serves: botocore's name of the service and an object for `Wire`.

        State machines reach the operations of such an object as AWS SDK integrations, without further ado.
        """
        return {}

    def tasks(self) -> Mapping[str, Task]:
        """Return the optimized integrations of state machines: `service:action` and what performs it.

        A task takes the resource's ARN, which may end in `.sync`, and the parameters.
        """
        return {}

    def install(self) -> None:
        """Change the emulator's own implementation of the service, where it has one."""

    def deployed(self, resource: Resource) -> None:
        """Take note of a resource of one of its types that was created or changed."""

    def removed(self, resource: Resource) -> None:
        """Take note of a resource of one of its types that was deleted."""

    def close(self) -> None:
        """End what it has started itself; its engines still run."""


Kind = TypeVar("Kind", bound=Provider)


class Twin:
    """The twin as its providers see it.

    Args:
        settings: the run.
        kinds: the providers' classes.

    Attributes:
        registry: the deployed resources of the providers' types.
        engines: the engines that the providers declare.
        providers: all providers.
    """

    def __init__(self, settings: TwinSettings, kinds: Iterable[type[Provider]]) -> None:
        found = tuple(kinds)
        self.settings = settings
        self.registry = ResourceRegistry(path=settings.home / "stand-ins.json")
        self.engines = EnginesPool(settings, [engine for kind in found for engine in kind.engines])
        self._by_kind: dict[type[Provider], Provider] = {kind: kind(self) for kind in found}
        self.providers = tuple(self._by_kind.values())

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator, for what AWS does inside its services."""
        return self.settings.client(service, as_=Principal.EMULATOR)

    def caller(self) -> str:
        """Return the ARN of the principal whose request is being answered; empty when there is none."""
        return CALLER.get()

    def provider(self, kind: type[Kind]) -> Kind:
        """Return another provider, for one that works together with it; not yet in a constructor.

        Raises:
            MissingProviderError: the twin runs without it.
        """
        found = self._by_kind.get(kind)
        if not isinstance(found, kind):
            raise MissingProviderError(f"the twin runs without {kind.__module__}; add it to the providers")
        return found

    def close(self) -> None:
        """End the providers, then the engines."""
        self.engines.close(self.providers)
