"""Environment of the collector."""

from pydantic import Json

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where events go, and the secret of each source that may send them."""

    events_stream_name: Name
    api_key_secrets: Json[dict[Name, Name]]
