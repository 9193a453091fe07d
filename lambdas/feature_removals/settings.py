"""Environment of the function that deletes features."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """From which group of features people are deleted."""

    feature_group_name: Name
