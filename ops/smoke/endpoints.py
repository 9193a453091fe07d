"""The HTTP APIs: what they refuse, and an event that they accept."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Final

from c360_core.secret_text import parts
from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckFailedError, CheckSkippedError

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403


@check("collector refuses", fix="the collector's function logs what it answers; its secrets must have a value")
def collector_refuses(deployed: DeployedEnvironment) -> str:
    """The collector answers, and takes nothing without a key."""
    answer = deployed.http.post(f"{deployed.url('CollectorUrl')}/v1/track", json={})
    return expect(
        [] if answer.status_code == UNAUTHORIZED else [f"answered {answer.status_code} without a key, not 401"],
        "401 without a key",
    )


@check(
    "collector accepts", fix="503: the stream is away; 401: the source's secret was changed in the last five minutes"
)
def collector_accepts(deployed: DeployedEnvironment) -> str:
    """The collector stores an event: a page view that is marked as history, of a visitor who is nobody."""
    if not deployed.send:
        raise CheckSkippedError("--send would send one event, marked as history")
    arn = deployed.output("ApiKeySecretArnWebEvents")
    held = parts(deployed.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    moment = datetime.now(UTC)
    name = f"smoke-{uuid.uuid4()}"
    event = {
        "event_id": name,
        "event_type": "page_viewed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "replay_id": f"smoke-{moment:%Y%m%d}",
        "identifiers": {"cookie_id": [name]},
        "payload": {"url": "https://www.example.com/smoke", "title": "Smoke test"},
    }
    body = json.dumps(event).encode()
    headers = {"content-type": "application/json", "x-api-key": held["key"]}
    if secret := held.get("signing_secret"):
        headers["x-c360-signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = deployed.http.post(f"{deployed.url('CollectorUrl')}/v1/track", content=body, headers=headers)
    if not answer.is_success:
        raise CheckFailedError(f"answered {answer.status_code}: {answer.text[:200]}")
    deployed.sent = name
    return f"{name} ({answer.status_code})"


@check("profile API refuses", fix="its routes must ask for AWS_IAM: deploy Unification again")
def profile_api_refuses(deployed: DeployedEnvironment) -> str:
    """Nobody reads profiles without a signature."""
    if deployed.endpoint:
        raise CheckSkippedError("the emulator asks nobody for a signature")
    answer = deployed.http.get(f"{deployed.url('ProfileApiUrl')}/v1/customers")
    return expect(
        [] if answer.status_code == FORBIDDEN else [f"answered {answer.status_code} without a signature, not 403"],
        "403 without a signature",
    )
