"""Environment of the decision function."""

from lambdas.shared.settings import ContactSettings, Days, Name


class Settings(ContactSettings):
    """Where profiles are stored, where decisions are published, and the limits of contact."""

    single_view_table: Name
    idempotency_table: Name
    events_stream_name: Name
    event_bus_name: Name
    hash_secret_arn: Name
    decision_ttl_days: Days
