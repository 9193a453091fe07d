"""Recommendations by a campaign, and events for the next ones."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from c360_core.recommendation.filters import Filter, FilterError, Values, parse
from c360_core.recommendation.ranking import Promoted, Taste, rank
from c360_core.recommendation.request import Reason, Recommendation, unquoted
from glue_jobs.recommend.model import Interaction
from twin.emulator.wire import ServiceError
from twin.providers.personalize.service import Personalize, Version

Document = dict[str, Any]

_MOST_RESULTS: Final = 500
_USUAL_RESULTS: Final = 25
# The recipe that tells why an article is in an answer.
_WITH_REASONS: Final = "aws-user-personalization-v2"
_REASONS: Final = {Reason.POPULAR: ["Popular item"], Reason.PROMOTED: ["Promoted item"]}


class Runtime:
    """The operation of the runtime that campaigns answer.

    Args:
        service: keeps campaigns and models.
    """

    def __init__(self, service: Personalize) -> None:
        self._service = service

    def get_recommendations(self, request: Document) -> Document:
        """Recommend articles for a user."""
        if others := sorted({"itemId", "recommenderArn", "metadataColumns"} & set(request)):
            raise ServiceError("InvalidInputException", f"the laptop twin does not carry {others[0]}")
        version = self._service.version_of(request["campaignArn"])
        number = request.get("numResults", _USUAL_RESULTS)
        if number > _MOST_RESULTS:
            raise ServiceError("InvalidInputException", f"numResults {number} is above {_MOST_RESULTS}")
        context = request.get("context", {})
        if unknown := sorted(set(context) - self._service.context_fields(version.group)):
            raise ServiceError("InvalidInputException", f"context {unknown[0]} is no field of the interactions")
        promotion = next(iter(request.get("promotions", ())), None)
        user_id = request["userId"]
        try:
            found = recommended(
                version,
                user_id,
                number=number,
                context=context,
                rule=self._rule(request.get("filterArn")),
                values=_values(request),
                promoted=None if promotion is None else self._promoted(promotion),
                streamed=self._service.streamed(version.group, user_id),
            )
        except FilterError as error:
            raise ServiceError("InvalidInputException", str(error)) from error
        with_reasons = version.recipe.endswith(_WITH_REASONS)
        name = None if promotion is None else promotion["name"]
        items = [_document(one, with_reasons=with_reasons, promotion=name) for one in found]
        return {"itemList": items, "recommendationId": _id_of(request)}

    def _rule(self, filter_arn: str | None) -> Filter | None:
        return None if filter_arn is None else parse(self._service.filter_expression(filter_arn))

    def _promoted(self, promotion: Document) -> Promoted:
        rule = parse(self._service.filter_expression(promotion["filterArn"]))
        return Promoted(rule=rule, values=_values(promotion), percent=promotion["percentPromotedItems"])


class Events:
    """The operation by which interactions are streamed.

    Args:
        service: takes them.
    """

    def __init__(self, service: Personalize) -> None:
        self._service = service

    def put_events(self, request: Document) -> Document:
        """Take up to ten events of a user's session."""
        group = self._service.group_of_tracker(request["trackingId"])
        known = self._service.context_fields(group)
        self._service.stream(group, [_interaction(one, request, known) for one in request["eventList"]])
        return {}


def recommended(  # as a request has them
    version: Version,
    user_id: str,
    *,
    number: int,
    context: Mapping[str, str],
    rule: Filter | None = None,
    values: Values | None = None,
    promoted: Promoted | None = None,
    streamed: list[Interaction] | None = None,
) -> list[Recommendation]:
    """Return what a model recommends; a user whom it does not know gets what is popular."""
    known = version.learned.tastes.get(user_id, Taste())
    events: dict[str, set[str]] = defaultdict(set, {kind: set(items) for kind, items in known.events.items()})
    for one in streamed or ():
        events[one.event_type.lower()].add(one.item_id)
    return rank(
        version.learned.catalogue,
        Taste(scores=known.scores, events=events),
        number=number,
        context=context,
        rule=rule,
        values=values,
        promoted=promoted,
    )


def _interaction(event: Document, request: Document, known: frozenset[str]) -> Interaction:
    if "itemId" not in event or "userId" not in request:
        raise ServiceError("InvalidInputException", "the laptop twin takes events of a user about an item")
    told = json.loads(event.get("properties", "{}"))
    sent_at: datetime = event["sentAt"]
    return Interaction(
        user_id=request["userId"],
        item_id=event["itemId"],
        event_type=event["eventType"],
        at=int(sent_at.timestamp()),
        context={name: str(value) for name, value in told.items() if name in known},
    )


def _values(stated: Document) -> dict[str, list[str]]:
    return {name: unquoted(text) for name, text in stated.get("filterValues", {}).items()}


def _document(one: Recommendation, *, with_reasons: bool, promotion: str | None) -> Document:
    promoted = {"promotionName": promotion} if one.reason is Reason.PROMOTED else {}
    reasons = {"reason": _REASONS.get(one.reason, [])} if with_reasons else {}
    return {"itemId": one.item_id, "score": one.score, **promoted, **reasons}


def _id_of(request: Document) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()[:32]
