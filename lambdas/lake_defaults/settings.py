"""Environment of the function that revokes Lake Formation's default permissions."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing beside the environment: each request names its database."""
