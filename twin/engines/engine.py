"""What an engine declares: how it starts, which engines it needs, and who looks after it."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from twin.settings import TwinSettings

if TYPE_CHECKING:
    from twin.engines.pool import EnginesPool


class Started(Protocol):
    """What a started engine lets others do."""

    def stop(self) -> None:
        """End it."""


Running = TypeVar("Running", bound=Started)


class Engine(ABC, Generic[Running]):
    """An engine that the pool starts when a provider first asks for it.

    Attributes:
        name: for the log.
        needs: engines that must run as long as this one does.
        watched: start it again when it dies, although nobody asks for it again: others hold its address.
        used_by_every_run: start it together with the emulator where the settings say so.

    Args:
        settings: the run that it belongs to.
        engines: gives the engines that it needs.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[type["Engine[Any]"], ...]] = ()
    watched: ClassVar[bool] = False
    used_by_every_run: ClassVar[bool] = False

    def __init__(self, settings: TwinSettings, engines: "EnginesPool") -> None:
        self.settings = settings
        self.engines = engines

    @abstractmethod
    def start(self) -> Running:
        """Start the engine; called again after it has died."""

    def alive(self, running: Running) -> bool:  # noqa: ARG002  # for those that can die
        """Tell whether a started engine still runs; an engine that restarts itself always does."""
        return True

    def warm(self, running: Running) -> None:  # for those that start in two steps
        """Start what would otherwise wait for the first use."""
