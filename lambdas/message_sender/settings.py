"""Environment of the message sender."""

from lambdas.shared.settings import ContactSettings, Days, Name


class Settings(ContactSettings):
    """Where profiles and messages are stored, and the limits of contact; each channel has settings of its own."""

    single_view_table: Name
    idempotency_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
    message_ttl_days: Days
