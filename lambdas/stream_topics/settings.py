"""Environment of the function that makes the topics of the streams."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing beside the environment: each request names its cluster and its topic."""
