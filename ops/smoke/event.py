"""One made-up event, from the collector to the single view.

It is marked as history, so that it moves nobody to act. Its sender is always the same visitor of the environment, so
that any number of runs leaves one profile: an anonymous one, which the marts do not have, because they are about the
people that identity resolution knows.
"""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from c360_core.identity.keys import anonymous_person_id
from c360_core.moments import moment_text
from c360_core.names import TableName, Zone, database_name
from c360_core.secret_text import parts
from ops.smoke import queries
from ops.smoke.checks import check
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckFailedError, CheckSkippedError

MARK: Final = "smoke"  # what the names of the event, its visitor and its replay begin with
LAKE_SECONDS: Final = 300.0  # an event comes into the lake with a checkpoint of `clean`
VIEW_SECONDS: Final = 180.0  # and into the view with one of `unify`
PAUSE_SECONDS: Final = 2.0


@check(
    "collector accepts", fix="503: the stream is away; 401: the source's secret was changed in the last five minutes"
)
def collector_accepts(deployed: DeployedEnvironment) -> str:
    """The collector stores an event: a page view that is marked as history, of the environment's made-up visitor."""
    if not deployed.send:
        raise CheckSkippedError("--send would send one event, marked as history")
    arn = deployed.output("ApiKeySecretArnWebEvents")
    held = parts(deployed.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    now = datetime.now(UTC)
    occurred_at = moment_text(now)
    name = f"{MARK}-{uuid.uuid4()}"
    event = {
        "event_id": name,
        "event_type": "page_viewed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": occurred_at,
        "replay_id": f"{MARK}-{now:%Y%m%d}",
        "identifiers": {"cookie_id": [f"{MARK}-{deployed.environment}"]},
        "payload": {"url": "https://www.example.com/smoke", "title": "Smoke test"},
    }
    body = json.dumps(event).encode()
    headers = {"content-type": "application/json", "x-api-key": held["key"]}
    if secret := held.get("signing_secret"):
        headers["x-c360-signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = deployed.http.post(f"{deployed.url('CollectorUrl')}/v1/track", content=body, headers=headers)
    if not answer.is_success:
        raise CheckFailedError(f"answered {answer.status_code}: {answer.text[:200]}")
    deployed.sent, deployed.sent_at = name, occurred_at
    return f"{name} ({answer.status_code})"


@check("event in the lake", fix="the log group of clean says what it does; quarantine.rejected says what it refused")
def event_in_the_lake(deployed: DeployedEnvironment) -> str:
    """The event that was sent comes out of the stream, is clean, and can be queried."""
    if not deployed.sent:
        raise CheckSkippedError("no event was sent")
    _running(deployed, "CleanApplicationName")
    athena, workgroup = deployed.client("athena"), deployed.operators_workgroup
    sql = (
        f"SELECT customer_key FROM {database_name(deployed.environment, Zone.RAW)}.{TableName.INTERACTIONS} "  # noqa: S608  # our own names
        f"WHERE event_id = '{deployed.sent}' AND received_at > current_timestamp - interval '1' hour"
    )

    def arrived() -> bool:
        for [key] in queries.rows(athena, queries.run(athena, workgroup, sql)):
            deployed.sender = key
        return bool(deployed.sender)

    return _waited(deployed.sent, TableName.INTERACTIONS, LAKE_SECONDS, arrived)


@check(
    "event in the view",
    fix="the runbook on a single view that falls behind says where it waits; 403: who asks needs execute-api:Invoke",
)
def event_in_the_view(deployed: DeployedEnvironment) -> str:
    """The profile API answers with the made-up visitor, and the profile has taken the event in.

    History is not on a timeline, so the time of the latest event tells: no other event of the visitor has it.
    """
    if not deployed.sender:
        raise CheckSkippedError("no event was found in the lake")
    _running(deployed, "UnifyApplicationName")
    person = anonymous_person_id(deployed.sender)
    url = f"{deployed.url('ProfileApiUrl')}/v1/customers/{person}"

    def arrived() -> bool:
        answer = deployed.http.get(url, auth=deployed.signature)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        answer.raise_for_status()
        latest = answer.json()["version"]["last_event_at"]
        return latest is not None and bool(latest >= deployed.sent_at)

    took = _waited(deployed.sent, f"the profile of {person}", VIEW_SECONDS, arrived)
    return f"{took}, of {person}"


def _running(deployed: DeployedEnvironment, output: str) -> None:
    """Leave a check out while an application does not run.

    Raises:
        CheckSkippedError: it does not.
    """
    name = deployed.output(output)
    detail = deployed.client("kinesisanalyticsv2").describe_application(ApplicationName=name)["ApplicationDetail"]
    if detail["ApplicationStatus"] != "RUNNING":
        raise CheckSkippedError(f"{name} does not run: the event waits on its stream")


def _waited(what: str, where: str, seconds: float, arrived: Callable[[], bool]) -> str:
    """Wait until something has arrived; return how long it took.

    Raises:
        CheckFailedError: it has not in `seconds`.
    """
    began = time.monotonic()
    while not arrived():
        if time.monotonic() > began + seconds:
            raise CheckFailedError(f"{what} is not in {where} after {seconds:.0f} s")
        time.sleep(PAUSE_SECONDS)
    return f"{what} after {time.monotonic() - began:.0f} s"
