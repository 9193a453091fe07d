"""Environment of the function that gives embed URLs."""

from typing import Annotated

from pydantic import Field, Json

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """The dashboards that may be embedded, where, and as whom.

    Attributes:
        dashboards: their ARNs, by the names under which they are asked for.
        domains: the sites that may embed them, with `https://`.
        user_arn: the user of QuickSight as whom they are shown; empty for nobody's.
        session_minutes: how long somebody may look before the page is asked for again.
    """

    account_id: Name
    dashboards: Json[Annotated[dict[str, str], Field(min_length=1)]]
    domains: Json[Annotated[list[str], Field(min_length=1)]]
    user_arn: str = ""
    session_minutes: Annotated[int, Field(ge=15, le=600)]
