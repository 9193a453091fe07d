"""The recommender that asks a campaign of Amazon Personalize."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from c360_core.recommendation.named_filters import CATEGORIES, PROMOTED, NamedFilter, promoted_name
from c360_core.recommendation.request import (
    NOBODY,
    Answer,
    Promotion,
    Reason,
    Recommendation,
    RecommenderUnavailableError,
    Request,
    quoted,
)

_PROMOTION: Final = "promotion"
# As User-Personalization-v2 words it; the recipe before it gives no reasons.
_PLACEHOLDER: Final = "Popular item"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalizeRecommender:
    """Recommends by a campaign.

    Attributes:
        client: of `personalize-runtime`.
        campaign_arn: the campaign.
        filter_arns: the ARN of each filter by its name, and of the filters of promotions by `promoted_<name>`.
        promotion: gets a share of the places.
    """

    client: Any
    campaign_arn: str
    filter_arns: Mapping[str, str]
    promotion: Promotion | None = None

    def recommend(self, request: Request) -> Answer:
        """Answer a question.

        Raises:
            RecommenderUnavailableError: there is no campaign yet, or the service did not answer.
        """
        try:
            answer = self.client.get_recommendations(**self._asked(request))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise RecommenderUnavailableError(
                f"Personalize answered {code}: see whether the campaign is active"
            ) from error
        except BotoCoreError as error:
            raise RecommenderUnavailableError("Personalize did not answer") from error
        fits = Reason.POPULAR if request.user_id == NOBODY else Reason.PERSONAL
        items = [_recommendation(one, fits) for one in answer["itemList"]]
        return Answer(items=items, recommendation_id=answer.get("recommendationId"))

    def _asked(self, request: Request) -> dict[str, Any]:
        named = NamedFilter(request.filter_name)
        categories = {CATEGORIES: quoted(request.categories)} if named.takes_categories else {}
        asked: dict[str, Any] = {
            "campaignArn": self.campaign_arn,
            "userId": request.user_id,
            "numResults": request.number,
            "filterArn": self.filter_arns[named],
            "context": request.context.fields(),
        }
        if categories:
            asked["filterValues"] = categories
        if self.promotion is not None:
            asked["promotions"] = [
                {
                    "name": _PROMOTION,
                    "percentPromotedItems": self.promotion.percent,
                    "filterArn": self.filter_arns[promoted_name(named)],
                    "filterValues": {**categories, PROMOTED: quoted(self.promotion.categories)},
                }
            ]
        return asked


def _recommendation(one: Mapping[str, Any], fits: Reason) -> Recommendation:
    reasons: Sequence[str] = one.get("reason", ())
    reason = Reason.POPULAR if _PLACEHOLDER in reasons else fits
    if one.get("promotionName"):
        reason = Reason.PROMOTED
    return Recommendation(item_id=one["itemId"], score=float(one.get("score", 0.0)), reason=reason)
