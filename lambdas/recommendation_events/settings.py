"""Environment of the function that tells Personalize of interactions."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where people and their answers are, and which event tracker is told."""

    single_view_table: Name
    tracking_id: Name
