"""Environment of the function that announces changes."""

from pydantic import Json

from c360_core.bus_events import BusEvent
from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """The bus, and the kinds of events for which somebody waits there."""

    event_bus_name: Name
    announced: Json[frozenset[BusEvent]]
