"""Environment of the profile API."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json

from c360_core.features import FeatureKind
from c360_core.recommendation.request import Promotion
from lambdas.shared.settings import EnvironmentSettings, Name


def _with_place(template: str) -> str:
    if "{id}" not in template:
        raise ValueError("a link template needs {id} in the place of the id")
    return template


class RecommenderSettings(BaseModel):
    """Who recommends, and which articles get a share of the places.

    Attributes:
        campaign_arn: of Personalize.
        filter_arns: of Personalize, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Literal["none", "lake", "personalize"] = "none"
    campaign_arn: str = ""
    filter_arns: dict[str, str] = Field(default_factory=dict)
    promoted_categories: tuple[str, ...] = ()
    promoted_percent: int = 0

    def promotion(self) -> Promotion | None:
        """Return the promotion, if there is one."""
        if not self.promoted_categories or not self.promoted_percent:
            return None
        return Promotion(categories=self.promoted_categories, percent=self.promoted_percent)


class ScorerSettings(BaseModel):
    """Where the features of customers are, and which endpoint answers for which model.

    Attributes:
        group: of the Feature Store; None: no model is asked.
        endpoints: by model.
        kinds: of the features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str | None = None
    endpoints: dict[str, str] = Field(default_factory=dict)
    kinds: dict[str, FeatureKind] = Field(default_factory=dict)


class Settings(EnvironmentSettings):
    """Where profiles are stored, where consents are published, the templates of links, who recommends and scores."""

    single_view_table: Name
    events_stream_name: Name
    hash_secret_arn: Name
    link_templates: Json[dict[Literal["crm", "call_centre", "loyalty"], Annotated[str, AfterValidator(_with_place)]]]
    recommender: Json[RecommenderSettings] = RecommenderSettings()
    scorer: Json[ScorerSettings] = ScorerSettings()
