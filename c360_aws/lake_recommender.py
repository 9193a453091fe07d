"""The recommender that answers from what a job has computed, in the single view."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from c360_core.recommendation.filters import parse
from c360_core.recommendation.named_filters import CATEGORIES, PROMOTED, NamedFilter
from c360_core.recommendation.ranking import Item, Promoted, Taste, rank
from c360_core.recommendation.request import Answer, Promotion, RecommenderUnavailableError, Request
from c360_core.recommendation.stored import PARTS, VERSION, latest_key, part_keys, read_catalogue, read_taste, taste_key
from c360_core.single_view_keys import EXPIRES_AT

_KEEP_SECONDS: Final = 300.0


@dataclass(slots=True, kw_only=True)
class LakeRecommender:
    """Recommends from the single view. It keeps the catalogue for five minutes; a person is one request.

    Attributes:
        client: takes Python values: `boto3.resource("dynamodb").meta.client`.
        table: the single view.
        promotion: gets a share of the places.
        clock: seconds since the epoch.
    """

    client: Any
    table: str
    promotion: Promotion | None = None
    clock: Callable[[], float] = time.time
    _catalogue: Mapping[str, Item] = field(default_factory=dict, init=False)
    _read_at: float | None = field(default=None, init=False)

    def recommend(self, request: Request) -> Answer:
        """Answer a question.

        Raises:
            RecommenderUnavailableError: the job has not run yet, or the last run is too old.
        """
        named = NamedFilter(request.filter_name)
        values = {CATEGORIES: request.categories}
        promoted = None
        if self.promotion is not None:
            promoted = Promoted(
                rule=parse(named.promoted_expression),
                values={**values, PROMOTED: self.promotion.categories},
                percent=self.promotion.percent,
            )
        items = rank(
            self._present_catalogue(),
            self._taste(request.user_id),
            number=request.number,
            context=request.context.fields(),
            rule=parse(named.expression),
            values=values,
            promoted=promoted,
        )
        return Answer(items=items)

    def _taste(self, user_id: str) -> Taste:
        item = self.client.get_item(TableName=self.table, Key=taste_key(user_id)).get("Item")
        return Taste() if item is None or self._expired(item) else read_taste(item)

    def _present_catalogue(self) -> Mapping[str, Item]:
        now = self.clock()
        if self._read_at is None or now - self._read_at >= _KEEP_SECONDS:
            self._catalogue, self._read_at = self._read(), now
        return self._catalogue

    def _read(self) -> dict[str, Item]:
        latest = self.client.get_item(TableName=self.table, Key=latest_key()).get("Item")
        if latest is None:
            raise RecommenderUnavailableError("nothing was computed yet: run the state machine Recommend once")
        keys = part_keys(int(latest[VERSION]), int(latest[PARTS]))
        parts = [self.client.get_item(TableName=self.table, Key=key).get("Item") for key in keys]
        present = [part for part in parts if part is not None and not self._expired(part)]
        if len(present) < len(keys):
            raise RecommenderUnavailableError("what was computed has expired: see why Recommend has not run")
        return read_catalogue(present)

    def _expired(self, item: Mapping[str, Any]) -> bool:
        """Say whether an item has expired; DynamoDB deletes it within days, not at once."""
        return int(item[EXPIRES_AT]) <= self.clock()
