"""Environment of the function that rotates API keys."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing of its own: Secrets Manager names the secret in each call."""
