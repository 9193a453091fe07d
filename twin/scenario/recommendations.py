"""Recommendations: customers agree to them, a recommender learns from these alone, and the API answers by it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from c360_core.consent import Channel, Purpose
from c360_core.names import TableName, Zone, database_name
from c360_core.recommendation.named_filters import NamedFilter
from c360_core.recommendation.request import Basis
from twin.scenario.api import ProfileApiClient
from twin.scenario.deployment import Deployment
from twin.scenario.lake import until_committed
from twin.scenario.result import Check

# Personalize trains on 25 people at least, with 1,000 interactions; the smallest scale has some 60 people.
PEOPLE: Final = 30
ASKED: Final = 10
_AT_A_TIME: Final = 4
_ANSWERS_SQL: Final = "event_type = 'consent_changed' AND json_extract_scalar(payload, '$.purpose') = '{purpose}'"
_LEARNED_SQL: Final = "SELECT DISTINCT person_id FROM {products}.product_interactions"
_BOUGHT_SQL: Final = """
SELECT product_id FROM {products}.product_interactions
WHERE person_id = '{person_id}' AND event_type = 'order_placed' AND occurred_at > current_date - interval '29' day
"""


def agree(deployment: Deployment, api: ProfileApiClient) -> Sequence[str]:
    """Let the customers who ordered most agree to personalisation; return their ids.

    The shoppers of the history are never asked for it: an answer comes by the profile API, as from a page of the shop.
    """
    known = (one for one in deployment.profiles() if one.get("links", {}).keys() & {"crm_id", "loyalty_id"})
    ranked = sorted((-int(one.get("aggregates", {}).get("orders") or 0), str(one["PK"])) for one in known)
    people = [key.removeprefix("PERSON#") for _, key in ranked[:PEOPLE]]
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        list(
            pool.map(lambda one: api.put_consent(one, Purpose.PERSONALISATION, Channel.ANY, granted=True), people),
        )
    return people


def wait_for_answers(deployment: Deployment, people: Sequence[str]) -> None:
    """Wait until the lake holds the answer of each."""
    table = f"{database_name(deployment.emulator.settings.environment, Zone.RAW)}.{TableName.INTERACTIONS}"
    where = _ANSWERS_SQL.format(purpose=Purpose.PERSONALISATION)
    until_committed(
        f"the lake holds {len(people)} answers about personalisation",
        deployment,
        table,
        lambda: deployment.count(table, where),
        lambda seen: seen >= len(people),
    )


def train(deployment: Deployment) -> None:
    """Export, import and train, and let the campaign answer, as every Monday does."""
    deployment.execute("RecommendStateMachineArn", {"mode": "campaign"})


def checks(deployment: Deployment, api: ProfileApiClient, people: Sequence[str], *, others_id: str) -> list[Check]:
    """Compare whom the recommender knows, and what it answers, with who agreed and what they bought.

    Args:
        deployment: what has been trained.
        api: answers applications.
        people: who agreed.
        others_id: somebody who did not.
    """
    products = database_name(deployment.emulator.settings.environment, Zone.PRODUCTS)
    learned = {str(row[0]) for row in deployment.query(_LEARNED_SQL.format(products=products))}
    asked = people[0]
    own = api.recommendations(asked, number=ASKED, filter=NamedFilter.NOT_BOUGHT)
    popular = api.recommendations(others_id, number=ASKED)
    bought = {str(row[0]) for row in deployment.query(_BOUGHT_SQL.format(products=products, person_id=asked))}
    return [
        Check(name="people of whom recommendations learn", expected=len(people), actual=len(learned & set(people))),
        Check(name="people among them who did not agree", expected=0, actual=len(learned - set(people))),
        Check(name="recommendations of who agreed rest on", expected=str(Basis.HISTORY), actual=str(own["basis"])),
        Check(name="articles recommended to who agreed", expected=ASKED, actual=len(_articles(own))),
        Check(name="of these bought lately", expected=0, actual=len(_articles(own) & bought)),
        Check(
            name="recommendations of who did not agree rest on",
            expected=str(Basis.NO_CONSENT),
            actual=str(popular["basis"]),
        ),
        Check(
            name="recommendations of who agreed are those of everybody",
            expected="no",
            actual="yes" if _articles(own) == _articles(popular) else "no",
        ),
    ]


def _articles(answer: dict[str, Any]) -> set[str]:
    return {str(one["item_id"]) for one in answer["items"]}
