"""The edge of the collector: nobody gets past it, with a right key neither."""

from http import HTTPStatus
from typing import Final

import httpx

from twin.scenario.deployment import Deployment
from twin.scenario.history import WEB
from twin.scenario.result import Check

OWN_ADDRESS: Final = "CollectorApiUrl"  # the output of a collector that insists on its edge
PATHS: Final = ("/v1/track", "/v1/batch", "/v1/t", "/beacon/v1/batch")
TIMEOUT_SECONDS: Final = 20.0


def checks(deployment: Deployment) -> list[Check]:
    """Return the known answer about requests to the API's own address; none without an edge that is insisted on."""
    if OWN_ADDRESS not in deployment.outputs:
        return []
    headers = {"x-api-key": deployment.credentials(WEB).key}
    url = deployment.url(OWN_ADDRESS)
    answers = [httpx.post(f"{url}{path}", json={}, headers=headers, timeout=TIMEOUT_SECONDS) for path in PATHS]
    refused = sum(answer.status_code == HTTPStatus.FORBIDDEN for answer in answers)
    return [Check(name="requests past the edge that were refused", expected=len(PATHS), actual=refused)]
