"""Environment of the reader of SES's reports."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where messages and refusals are stored, and where events are published."""

    single_view_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
