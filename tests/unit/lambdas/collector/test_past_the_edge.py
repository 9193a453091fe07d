"""The collector behind an edge: what does not carry the edge's secret is refused before anything of it is read."""

import json
from typing import Any

import pytest

from c360_core.names import EDGE_HEADER
from lambdas.collector import handler
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, Cloud

KEY = "web-key"
FIRST, SECOND, THIRD = "first-secret-of-the-edge", "second-secret-of-the-edge", "third-secret-of-the-edge"
BODY = json.dumps({"batch": [{"no": "event"}]})


@pytest.fixture(autouse=True)
def edge_secret(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    web = cloud.secrets.create_secret(Name="web", SecretString=KEY)["ARN"]
    arn: str = cloud.secrets.create_secret(Name="edge", SecretString=FIRST)["ARN"]
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("API_KEY_SECRETS", json.dumps({"web_events": web}))
    monkeypatch.setenv("ACCEPT_PREVIOUS_KEYS", "false")
    monkeypatch.setenv("EDGE_SECRET_ARN", arn)
    return arn


def send(edge: str | None, *, path: str = "/v1/batch", body: str = BODY, key: str = KEY) -> tuple[int, dict[str, Any]]:
    """Send a request with what the edge added; return status and document of the answer."""
    headers = {"x-api-key": key} | ({EDGE_HEADER: edge} if edge is not None else {})
    answer = handler.handle(http_event("POST", path, body=body, headers=headers), LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def test_what_the_edge_passes_on_is_taken(cloud: Cloud) -> None:
    status, answer = send(FIRST)

    assert (status, answer["rejected"]) == (200, 1)
    assert len(cloud.records()) == 1


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/t", "/beacon/v1/batch", "/v1/hooks/product_reviews"])
@pytest.mark.parametrize("edge", [None, "", "guessed", FIRST[:-1], FIRST.upper(), f"{FIRST} ", "\u00fc"])
def test_what_comes_past_the_edge_is_refused_though_its_key_is_right(cloud: Cloud, path: str, edge: str | None) -> None:
    status, problem = send(edge, path=path)

    assert (status, problem["code"], problem["status"]) == (403, "NOT_THROUGH_EDGE", 403)
    assert FIRST not in json.dumps(problem)
    assert cloud.records() == []


def test_a_vendor_that_verifies_the_address_past_the_edge_is_refused() -> None:
    asked = http_event("GET", "/v1/hooks/product_reviews", body="", headers={}, query={"challenge": "c"})

    answer = handler.handle(asked, LambdaContext())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (403, "NOT_THROUGH_EDGE")


def test_nothing_of_a_refused_request_is_read(cloud: Cloud) -> None:
    """Neither its key nor its body decides what it is told."""
    assert send(None, body="no json", key="no key") == send(None)


def test_a_refusal_is_a_problem_document_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    answer = handler.handle(http_event("POST", "/v1/batch", body=BODY, headers={}), LambdaContext())

    assert answer["headers"]["Content-Type"] == "application/problem+json"
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"RequestsPastEdge"' in line]
    assert [one["RequestsPastEdge"] for one in metrics] == [[1.0]]
    assert metrics[0]["service"] == "collector"


def test_while_the_secret_is_replaced_the_old_one_and_the_new_one_are_taken(cloud: Cloud, edge_secret: str) -> None:
    cloud.secrets.put_secret_value(SecretId=edge_secret, SecretString=SECOND)

    assert [send(edge)[0] for edge in (FIRST, SECOND)] == [200, 200]
    assert send(THIRD)[0] == 403


def test_the_one_before_the_old_one_is_not(cloud: Cloud, edge_secret: str) -> None:
    for secret in (SECOND, THIRD):
        cloud.secrets.put_secret_value(SecretId=edge_secret, SecretString=secret)

    assert [send(edge)[0] for edge in (FIRST, SECOND, THIRD)] == [403, 200, 200]


def test_without_an_edge_nobody_asks(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGE_SECRET_ARN")

    assert send(None)[0] == 200
