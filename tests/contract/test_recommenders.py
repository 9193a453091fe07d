"""The port of recommendations: both providers give the same answer for the same data."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.lake_recommender import LakeRecommender
from c360_aws.personalize_recommender import PersonalizeRecommender
from c360_core.recommendation.named_filters import NamedFilter
from c360_core.recommendation.request import (
    DAYS,
    NOBODY,
    Context,
    Device,
    Place,
    Promotion,
    Reason,
    RecommenderUnavailableError,
    Request,
)
from c360_core.recommendation.stored import catalogue_items, taste_items
from glue_jobs.recommend.model import learn
from tests.factories.recommendations import CATEGORIES, ITEMS, Shop, filter_arns, interactions

PROMOTION = Promotion(categories=("MEAT",), percent=30)
FAR = 10**12


@dataclass
class MemoryTable:
    """Items by key, as DynamoDB keeps them."""

    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def get_item(self, *, TableName: str, Key: dict[str, str]) -> dict[str, Any]:  # noqa: N803  # boto3's names
        """Return an item."""
        assert TableName == "t"
        found = self.items.get((Key["PK"], Key["SK"]))
        return {} if found is None else {"Item": found}

    def fill(self, expires_at: int = FAR) -> None:
        """Keep what is learned of the shop."""
        learned = learn(interactions(), ITEMS)
        kept = [
            *catalogue_items(learned.catalogue, version=1, expires_at=expires_at),
            *taste_items(learned.tastes, version=1, expires_at=expires_at),
        ]
        self.items = {(one["PK"], one["SK"]): one for one in kept}


def _lake() -> LakeRecommender:
    table = MemoryTable()
    table.fill()
    return LakeRecommender(client=table, table="t", promotion=PROMOTION)


def _personalize() -> PersonalizeRecommender:
    shop = Shop()
    shop.load(interactions())
    shop.train()
    return PersonalizeRecommender(
        client=shop, campaign_arn=shop.campaign, filter_arns=filter_arns(), promotion=PROMOTION
    )


LAKE, PERSONALIZE = _lake(), _personalize()

contexts = st.builds(
    Context,
    device=st.none() | st.sampled_from(Device),
    place=st.none() | st.sampled_from(Place),
    hour=st.none() | st.integers(0, 23),
    day=st.none() | st.sampled_from(DAYS),
)


@given(
    st.sampled_from([NOBODY, "p_new", *(f"p_{number:02}" for number in range(40))]),
    st.integers(1, 30),
    contexts,
    st.sampled_from(NamedFilter),
    st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True),
)
def test_the_same_customer_gets_the_same_answer(
    user_id: str, number: int, context: Context, named: NamedFilter, categories: list[str]
) -> None:
    """The same articles in the same order with the same scores.

    Reasons agree where the provider tells them: the cheaper recipe of Personalize does not say what is popular only.
    """
    request = Request(
        user_id=user_id,
        number=number,
        context=context,
        filter_name=named,
        categories=categories if named.takes_categories else (),
    )
    ours, theirs = LAKE.recommend(request).items, PERSONALIZE.recommend(request).items
    assert [one.item_id for one in ours] == [one.item_id for one in theirs]
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs])
    promoted = [[one.reason is Reason.PROMOTED for one in answer] for answer in (ours, theirs)]
    assert promoted[0] == promoted[1]
    if user_id == NOBODY:
        assert [one.reason for one in ours] == [one.reason for one in theirs]


def test_nothing_computed_is_no_answer() -> None:
    """And so is what has expired, which DynamoDB deletes later."""
    table = MemoryTable()
    recommender = LakeRecommender(client=table, table="t", clock=lambda: 100.0)
    with pytest.raises(RecommenderUnavailableError, match="nothing was computed yet"):
        recommender.recommend(Request(user_id="p_01", number=3))
    table.fill(expires_at=100)
    with pytest.raises(RecommenderUnavailableError, match="expired"):
        recommender.recommend(Request(user_id="p_01", number=3))


def test_a_campaign_that_is_missing_is_no_answer() -> None:
    """The caller learns the error's name and not more."""
    from botocore.exceptions import ClientError

    class Missing:
        def get_recommendations(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "x"}}, "GetRecommendations")

    recommender = PersonalizeRecommender(client=Missing(), campaign_arn="c", filter_arns=filter_arns())
    with pytest.raises(RecommenderUnavailableError, match="ResourceNotFoundException"):
        recommender.recommend(Request(user_id="p_01", number=3))
