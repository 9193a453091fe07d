"""Environment of the collector."""

from pydantic import Json

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where events go, the secret of each source that may send them, and whether its previous key lets it in, too.

    With the ARN of the edge's secret, only requests that came through the edge are let in.
    """

    events_stream_name: Name
    api_key_secrets: Json[dict[Name, Name]]
    accept_previous_keys: bool
    edge_secret_arn: Name | None = None
