"""The HTTP APIs: whom they refuse."""

from http import HTTPStatus
from typing import Final

import httpx

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckSkippedError
from ops.smoke.signature import Signature

WRONG_KEY: Final = "smoke-test-wrong-key"


@check("collector refuses", fix="the collector's function logs what it answers; its secrets must have a value")
def collector_refuses(deployed: DeployedEnvironment) -> str:
    """The collector answers, and takes nothing without a key or with a wrong one."""
    url = f"{deployed.url('CollectorUrl')}/v1/track"
    answers = {
        "without a key": deployed.http.post(url, json={}),
        "with a wrong key": deployed.http.post(url, json={}, headers={"x-api-key": WRONG_KEY}),
    }
    return _refused(answers, HTTPStatus.UNAUTHORIZED)


@check(
    "collector past its edge",
    fix="the function's variable EDGE_SECRET_ARN names the secret of the edge: deploy Collection again",
)
def refuses_past_the_edge(deployed: DeployedEnvironment) -> str:
    """Where an edge guards the collector, nobody gets past it: not even to be told that a key is missing."""
    if "CollectorApiUrl" not in deployed.outputs:
        raise CheckSkippedError("no edge is deployed that the collector insists on")
    answers = {"past the edge": deployed.http.post(f"{deployed.url('CollectorApiUrl')}/v1/track", json={})}
    return _refused(answers, HTTPStatus.FORBIDDEN)


@check("profile API refuses", fix="its routes must ask for AWS_IAM: deploy Unification again")
def profile_api_refuses(deployed: DeployedEnvironment) -> str:
    """Nobody reads profiles without a signature, or with one by a key that AWS does not know."""
    url = f"{deployed.url('ProfileApiUrl')}/v1/customers"
    answers = {
        "without a signature": deployed.http.get(url),
        "with a wrong signature": deployed.http.get(url, auth=Signature.of_nobody(deployed.region)),
    }
    return _refused(answers, HTTPStatus.FORBIDDEN)


def _refused(answers: dict[str, httpx.Response], status: HTTPStatus) -> str:
    wrong = [
        f"answered {answer.status_code} {how}, not {status}"
        for how, answer in answers.items()
        if answer.status_code != status
    ]
    return expect(wrong, f"{status} {', '.join(answers)}")
