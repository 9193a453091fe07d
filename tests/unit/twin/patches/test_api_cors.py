"""An API of a template answers the preflight requests of the sites that the template names."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from twin.patches.api_cors import TYPE, with_cors

SITE = "https://shop.example.com"


@pytest.fixture
def handlers() -> Iterator[dict[str, Any]]:
    yield with_cors(provisioners._RESOURCE_HANDLERS[TYPE])
    apigateway._apis.clear()


def properties(*origins: str) -> dict[str, Any]:
    cors = {"AllowOrigins": list(origins), "AllowMethods": ["POST"], "AllowHeaders": ["x-api-key"], "MaxAge": 7200}
    return {"Name": "collector", "ProtocolType": "HTTP", **({"CorsConfiguration": cors} if origins else {})}


def preflight(api: str, origin: str) -> tuple[int, dict[str, str]]:
    status, headers, _ = apigateway._cors_preflight_response(apigateway._apis[api].get("corsConfiguration"), origin)
    return status, headers


def test_a_site_that_the_template_names_is_answered_and_another_is_refused(handlers: dict[str, Any]) -> None:
    api, _ = handlers["create"]("Api", properties(SITE), "stack")

    status, headers = preflight(api, SITE)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == SITE
    assert headers["Access-Control-Allow-Headers"] == "x-api-key"
    assert headers["Access-Control-Max-Age"] == "7200"
    assert preflight(api, "https://other.example.com")[0] == 403


def test_a_changed_template_holds(handlers: dict[str, Any]) -> None:
    api, _ = handlers["create"]("Api", properties("https://old.example.com"), "stack")
    more = ("Api",) if handlers.get("update_with_logical_id") else ()

    handlers["update"](api, properties("https://old.example.com"), properties(SITE), "stack", *more)

    assert preflight(api, SITE)[0] == 204


def test_an_api_without_sites_answers_none(handlers: dict[str, Any]) -> None:
    api, _ = handlers["create"]("Api", properties(), "stack")

    assert preflight(api, SITE)[0] == 403
