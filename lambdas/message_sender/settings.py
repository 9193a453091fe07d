"""Environment of the message sender."""

from pydantic import Json

from c360_core.decision import Template
from lambdas.shared.settings import ContactSettings, Days, Name


class Settings(ContactSettings):
    """Where profiles live, which mail templates there are, and the limits of contact."""

    single_view_table: Name
    idempotency_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
    configuration_set: Name
    sender_address: Name
    templates: Json[dict[Template, Name]]
    message_ttl_days: Days
