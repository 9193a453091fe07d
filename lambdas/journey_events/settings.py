"""Environment of the function that wakes people in journeys."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where it is stored who waits."""

    single_view_table: Name
