"""Environment of the relay."""

from lambdas.shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Where the brokers are, and how one connects to them."""

    stream_brokers: str
    stream_security: str
