"""Environment of the function behind the steps of journeys."""

from lambdas.shared.settings import Days, EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where people are known, and where tasks are published."""

    single_view_table: Name
    idempotency_table: Name
    events_stream_name: Name
    event_bus_name: Name
    decision_ttl_days: Days
