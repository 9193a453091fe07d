"""Environment of the function that limits the use of the warehouse."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Nothing beside the environment: each request names its workgroup and the limit."""
