"""Environment of the function that publishes scores."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where profiles are stored, and where scores are published."""

    single_view_table: Name
    events_stream_name: Name
