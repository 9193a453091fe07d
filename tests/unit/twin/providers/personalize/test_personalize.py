"""The stand-in of Personalize: what it imports, trains and answers, and what it refuses by name."""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.recommendation.named_filters import NamedFilter
from tests.factories.recommendations import ROLE, SOLUTION, TRACKING_ID, Shop, filter_arn, interactions
from twin.emulator.wire import ServiceError, SharedWire, Wire


@pytest.fixture(scope="module")
def shop() -> Shop:
    """A shop with a campaign."""
    made = Shop()
    made.load(interactions())
    made.train()
    return made


def ask(shop: Shop, user: str = "p_01", **more: Any) -> list[str]:
    """Return the recommended articles."""
    asked = {"campaignArn": shop.campaign, "userId": user, "numResults": 8, **more}
    return [one["itemId"] for one in shop.get_recommendations(**asked)["itemList"]]


def test_a_user_gets_other_articles_than_somebody_unknown(shop: Shop) -> None:
    """And whoever is unknown gets what is popular."""
    assert ask(shop) != ask(shop, "nobody")
    assert ask(shop, "nobody") == ask(shop, "somebody")


def test_what_was_bought_leaves_the_answer_at_once() -> None:
    """A filter knows a streamed event before the next training."""
    shop = Shop()
    shop.load(interactions())
    shop.train()
    asked = {"filterArn": filter_arn(NamedFilter.NOT_BOUGHT)}
    first = ask(shop, **asked)[0]
    event = {"eventType": "order_placed", "itemId": first, "sentAt": datetime(2026, 3, 1, tzinfo=UTC)}
    shop.events.put_events({"trackingId": TRACKING_ID, "userId": "p_01", "sessionId": "s", "eventList": [event]})
    assert first not in ask(shop, **asked)
    assert shop.service.interactions(shop.service.group_of_tracker(TRACKING_ID))[-1].item_id == first


def test_an_import_replaces_what_was_imported_before() -> None:
    """Or adds to it."""
    shop = Shop()
    shop.load(interactions(), "1")
    known = len(shop.service.interactions(shop.service.group_of_tracker(TRACKING_ID)))
    shop.load(interactions()[:5], "2")
    assert len(shop.service.interactions(shop.service.group_of_tracker(TRACKING_ID))) == 5
    asked = {"jobName": "3", "datasetArn": "dataset/Interactions", "roleArn": ROLE, "importMode": "INCREMENTAL"}
    shop.service.create_dataset_import_job({**asked, "dataSource": {"dataLocation": "s3://b/interactions/1/"}})
    assert len(shop.service.interactions(shop.service.group_of_tracker(TRACKING_ID))) == known + 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("USER_ID,ITEM_ID\np,i\n", "lacks .*TIMESTAMP"),
        (
            "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE,PLACE,PART_OF_DAY,WEEKDAY\np,i,soon,x,,,,\n",
            "line 2: TIMESTAMP is no long",
        ),
        (None, "there is no file"),
    ],
)
def test_a_file_that_is_not_of_the_schema_fails_its_import(text: str | None, why: str) -> None:
    """The job says which row and why, as AWS does, and the request succeeds."""
    shop = Shop()
    if text is not None:
        shop.files.kept["s3://b/x/a.csv"] = text
    asked = {"jobName": "x", "datasetArn": "dataset/Interactions", "roleArn": ROLE}
    job = shop.service.create_dataset_import_job({**asked, "dataSource": {"dataLocation": "s3://b/x/"}})
    found = shop.service.describe_dataset_import_job(job)["datasetImportJob"]
    assert found["status"] == "CREATE FAILED"
    assert re.search(why, found["failureReason"])


def test_too_little_is_not_trained_on() -> None:
    """AWS asks for 1,000 interactions of 25 users; and no campaign answers by a training that failed."""
    shop = Shop()
    shop.load(interactions(people=20))
    version = shop.service.create_solution_version({"solutionArn": SOLUTION})
    found = shop.service.describe_solution_version(version)["solutionVersion"]
    assert (found["status"], "needs 1000 and 25" in found["failureReason"]) == ("CREATE FAILED", True)
    with pytest.raises(ServiceError, match="not active"):
        shop.service.create_campaign({"name": "c", "solutionVersionArn": version["solutionVersionArn"]})


def test_a_solution_trains_by_itself_until_it_is_told_not_to() -> None:
    """CloudFormation cannot say it, and an update that changes nothing is an error."""
    service = Shop().service
    assert service.describe_solution({"solutionArn": SOLUTION})["solution"]["performAutoTraining"] is True
    service.update_solution({"solutionArn": SOLUTION, "performAutoTraining": False})
    assert service.describe_solution({"solutionArn": SOLUTION})["solution"]["performAutoTraining"] is False
    with pytest.raises(ServiceError, match="changes nothing"):
        service.update_solution({"solutionArn": SOLUTION, "performAutoTraining": False})


def test_a_batch_answers_for_each_user_of_a_file(shop: Shop) -> None:
    """As the campaign does, in a file with the same name and `.out`."""
    version = shop.service.describe_campaign({"campaignArn": shop.campaign})["campaign"]["solutionVersionArn"]
    shop.files.kept["s3://b/in/users.json"] = '{"userId": "p_01"}\n{"userId": "p_02"}\n'
    job = shop.service.create_batch_inference_job(
        {
            "jobName": "b",
            "solutionVersionArn": version,
            "numResults": 8,
            "roleArn": ROLE,
            "jobInput": {"s3DataSource": {"path": "s3://b/in/"}},
            "jobOutput": {"s3DataDestination": {"path": "s3://b/out/"}},
        }
    )
    assert shop.service.describe_batch_inference_job(job)["batchInferenceJob"]["status"] == "ACTIVE"
    first, second = shop.files.kept["s3://b/out/users.json.out"].splitlines()
    assert f'"recommendedItems": {ask(shop)!r}'.replace("'", '"') in first
    assert f'"recommendedItems": {ask(shop, "p_02")!r}'.replace("'", '"') in second


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"itemId": "i01"}, "itemId"),
        ({"context": {"MOOD": "good"}}, "MOOD"),
        ({"numResults": 501}, "501"),
        ({"filterArn": filter_arn(NamedFilter.ONLY_CATEGORIES)}, "CATEGORIES"),
        ({"filterArn": filter_arn("unknown")}, "unknown"),
    ],
)
def test_what_is_not_carried_is_refused_by_name(shop: Shop, more: dict[str, Any], named: str) -> None:
    """Nothing succeeds by accident."""
    with pytest.raises(ServiceError, match=named):
        ask(shop, **more)


def test_a_deleted_campaign_answers_no_more() -> None:
    """And can be made again under its name."""
    shop = Shop()
    shop.load(interactions())
    version = shop.train()
    shop.service.delete_campaign({"campaignArn": shop.campaign})
    with pytest.raises(ServiceError, match="does not exist"):
        ask(shop)
    shop.service.create_campaign({"name": "shop", "solutionVersionArn": version})
    assert len(ask(shop)) == 8


async def _call(shared: SharedWire, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    return (await shared.handle(method, path, headers, body, {}))[0]


def test_three_services_that_sign_by_one_name_are_told_apart(shop: Shop) -> None:
    """By the target of a request, or by its path."""
    stand_ins = {"personalize": shop.service, "personalize-runtime": shop.runtime, "personalize-events": shop.events}
    shared = SharedWire([Wire(name, stand_in) for name, stand_in in stand_ins.items()])
    target = {"X-Amz-Target": "AmazonPersonalize.DescribeSolution"}
    assert shared.parameters("POST", "/", target, b'{"solutionArn": "s"}', {}) == {"solutionArn": "s"}
    asked = json.dumps({"campaignArn": shop.campaign, "userId": "p_01"}).encode()
    assert asyncio.run(_call(shared, "POST", "/recommendations", {}, asked)) == 200
    assert asyncio.run(_call(shared, "POST", "/action-recommendations", {}, asked)) == 501
