"""A campaign against the collector's door: 10,000 bodies of a stored seed, none of which may make an error of ours."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from c360_aws.event_stream import StreamRecord
from c360_core.interaction import RejectedEventError, read_interaction
from lambdas.collector import handler
from lambdas.collector.logic import MESSAGE_TYPES
from tests.factories.hostile import damaged, event_text, literal, message_text
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import Cloud

SEED = 20_260_301
BODIES = 10_000
KEY = "web-key"
MAX_ANSWER = 6 * 1024 * 1024


@pytest.fixture
def stream(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> MemoryStream:
    """Return the stream behind the door."""
    secret = cloud.secrets.create_secret(Name="web", SecretString=KEY)["ARN"]
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENTS_STREAM_NAME", "events")
    monkeypatch.setenv("API_KEY_SECRETS", json.dumps({"web_events": secret}))
    monkeypatch.setenv("ACCEPT_PREVIOUS_KEYS", "false")
    memory = MemoryStream()
    monkeypatch.setattr(handler, "_stream", lambda: memory)
    return memory


def request(random: Random) -> dict[str, Any]:
    """Return a request with one or a few events, or with anything else."""
    kind = random.randrange(10)
    if kind == 0:
        path, body = "/v1/batch", literal(random)
    elif kind < 4:
        path, body = f"/v1/{random.choice(list(MESSAGE_TYPES))}", message_text(random)
    else:
        events = [random.choice([event_text, message_text, literal])(random) for _ in range(random.randrange(3))]
        context = f', "context": {literal(random)}, "sentAt": {literal(random)}' if random.random() < 0.1 else ""
        path, body = "/v1/batch", f'{{"batch": [{", ".join(events)}]{context}}}'
    return http_event("POST", path, body=damaged(body, random), headers={"x-api-key": KEY})


def test_no_body_causes_a_server_error_and_none_is_lost(stream: MemoryStream, log: io.StringIO) -> None:
    random = Random(SEED)
    statuses: Counter[int] = Counter()
    accepted = rejected = 0
    for _ in range(BODIES):
        answer = handler.handle(request(random), LambdaContext())
        statuses[answer["statusCode"]] += 1
        assert answer["body"].isascii()
        assert len(answer["body"]) < MAX_ANSWER
        verdicts = json.loads(answer["body"])
        accepted += verdicts.get("accepted", 0)
        rejected += verdicts.get("rejected", 0)

    assert set(statuses) == {200, 207, 400}
    assert min(accepted, rejected) > BODIES / 10
    assert len(stream.records) == accepted + rejected
    assert "Traceback" not in log.getvalue()
    verdicts_of_clean = Counter(map(verdict_of_clean, stream.records))
    assert verdicts_of_clean[None] == accepted
    assert verdicts_of_clean["UNEXPECTED"] == 0


def verdict_of_clean(record: StreamRecord) -> str | None:
    try:
        read_interaction(record.data, secret=b"another secret", now=datetime.now(UTC))
    except RejectedEventError as error:
        return str(error.code)
    return None
