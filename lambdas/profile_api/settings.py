"""Environment of the profile API."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Json

from lambdas.shared.settings import EnvironmentSettings, Name


def _with_place(template: str) -> str:
    if "{id}" not in template:
        raise ValueError("a link template needs {id} in the place of the id")
    return template


class Settings(EnvironmentSettings):
    """Where profiles are stored, where consents are published, and the templates of links."""

    single_view_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
    link_templates: Json[dict[Literal["crm", "call_centre", "loyalty"], Annotated[str, AfterValidator(_with_place)]]]
