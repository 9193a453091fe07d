"""Environment of the function behind the links of messages."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where answers are stored, where they are published, and what links are signed with."""

    single_view_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
    unsubscribe_secret_arn: Name
