"""The profile API's function compared with a plain `get_item` on the same table of the same emulator.

    .venvs/twin/bin/python -m benchmarks.profile_api

The handler runs in this process, as in a warm Lambda: routing, reading the view, the document, logs, metrics. Both use
the same client, so the difference is the handler's own work and its query for the profile and the segments.
"""

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Comparison, spread, take_turns
from c360_aws.single_view_writer import SingleViewWriter
from c360_core import single_view_keys as keys
from lambdas.shared import aws
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext, http_event
from twin.emulator.emulator import running
from twin.settings import BUILD

TABLE: Final = "bench-single-view"
HOME: Final = BUILD / "bench" / "profile_api"
ROUNDS: Final = 7
REQUESTS: Final = 200
WARM_UP: Final = 20
SEGMENTS: Final = ("big_spenders", "new_customers", "west")
# What the template gives the function. The stream and the secret are not used by this request.
FUNCTION: Final = {
    "ENVIRONMENT": "dev",
    "SINGLE_VIEW_TABLE": TABLE,
    "EVENTS_STREAM_NAME": "bench-events",
    "HASH_SECRET_ARN": "bench-hash-secret",
    "LINK_TEMPLATES": json.dumps({"crm": "https://crm.example.com/contacts/{id}"}),
    "POWERTOOLS_TRACE_DISABLED": "true",  # there is no X-Ray daemon
}


def fill_table(dynamodb: Any) -> None:
    """Create the table and store a person with segments, as the profile writer does."""
    names = (keys.PARTITION, keys.SORT)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in zip(names, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE)
    writer = SingleViewWriter(client=dynamodb, table=TABLE)
    person = profile(segments=list(SEGMENTS))
    writer.put_profile(person, writer.stored_states([PERSON])[PERSON], now=datetime.now(UTC))


def api_request(handle: Callable[[dict[str, Any], Any], dict[str, Any]]) -> None:
    """Request the whole person from the function.

    Raises:
        RuntimeError: the answer is not the person with all segments.
    """
    answer = handle(http_event("GET", f"/v1/customers/{PERSON}"), LambdaContext())
    if answer["statusCode"] != 200 or answer["body"].count('"since"') != len(SEGMENTS):  # noqa: PLR2004  # HTTP OK
        raise RuntimeError(f"profile API: expected {PERSON} with {len(SEGMENTS)} segments, got {answer}")


def bare_get(dynamodb: Any) -> None:
    """Read the person's profile item.

    Raises:
        RuntimeError: the item does not exist.
    """
    found = dynamodb.get_item(TableName=TABLE, Key=keys.person_key(PERSON, keys.PROFILE))
    if found.get("Item", {}).get("person_id") != PERSON:
        raise RuntimeError(f"get_item: expected the profile of {PERSON}, got {found}")


def measure() -> Comparison:
    """Time both in turns, in rounds of many requests."""
    # The module creates its logger and clients at import, from the environment variables that are set before.
    from lambdas.profile_api.handler import handle

    dynamodb = aws.dynamodb()
    fill_table(dynamodb)

    def ours(requests: int = REQUESTS) -> None:
        for _ in range(requests):
            api_request(handle)

    def peer(requests: int = REQUESTS) -> None:
        for _ in range(requests):
            bare_get(dynamodb)

    ours(WARM_UP)
    peer(WARM_UP)
    our_times, peer_times = take_turns(ours, peer, repetitions=ROUNDS)
    return Comparison(
        name="profile API / get_item",
        ours_seconds=statistics.median(our_times) / REQUESTS,
        peer_seconds=statistics.median(peer_times) / REQUESTS,
        details={
            "repetitions": ROUNDS,
            "requests": REQUESTS,
            "ours_spread": spread(our_times),
            "peer_spread": spread(peer_times),
        },
    )


@contextmanager
def silent() -> Iterator[None]:
    """Discard the metrics that the function prints; the cost of printing still counts."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def main() -> int:
    """Start the emulator, measure, and stop it."""
    with running(HOME) as emulator:
        os.environ.update({**FUNCTION, **emulator.settings.client_environment()})
        with silent():
            comparison = measure()
    comparison.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
