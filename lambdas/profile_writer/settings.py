"""Environment of the profile writer."""

from lambdas.shared.settings import Days, EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Which table to write, and how long a timeline lives."""

    single_view_table: Name
    timeline_ttl_days: Days
