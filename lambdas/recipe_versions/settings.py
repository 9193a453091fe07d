"""Environment of the function that publishes recipes."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing beside the environment: each request names its recipe."""
