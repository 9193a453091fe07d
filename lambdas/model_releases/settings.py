"""Environment of the function that releases models."""

from typing import Annotated

from pydantic import Field

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """With which role a model runs, and how large its endpoint is."""

    execution_role_arn: Name
    key_arn: Name
    endpoint_memory_megabytes: Annotated[int, Field(ge=1024, le=6144)]
    endpoint_concurrency: Annotated[int, Field(ge=1, le=200)]
