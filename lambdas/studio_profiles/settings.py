"""Environment of the function that sets up the profiles of the studio."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing beside the environment: each request names its profile."""
