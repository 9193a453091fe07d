"""Work that is done once per key, with locks in a table in memory."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from c360_aws.idempotency import InProgressError, TableIdempotency
from tests.fakes.wire import LambdaContext

LOCKS = "idempotency"


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a DynamoDB client beside which the table of locks is empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=LOCKS,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield client
        client.delete_table(TableName=LOCKS)


def test_a_lock_in_the_table_repeats_the_result_and_frees_itself_after_an_error(locks: Any) -> None:
    locked = TableIdempotency(client=locks, table=LOCKS, keep_days=1)
    tries: list[str] = []

    def fail() -> dict[str, Any]:
        tries.append("failed")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        locked.run_once("k", fail)

    assert locked.run_once("k", lambda: {"n": 1}) == {"n": 1, "repeated": False}
    assert locked.run_once("k", lambda: {"n": 2}) == {"n": 1, "repeated": True}
    assert locked.run_once("other", lambda: {"n": 3}) == {"n": 3, "repeated": False}


def test_work_that_never_came_back_stays_locked(locks: Any) -> None:
    locked = TableIdempotency(client=locks, table=LOCKS, keep_days=1)

    def cut_off() -> dict[str, Any]:
        raise SystemExit  # what a timeout looks like: nothing after it runs

    with pytest.raises(SystemExit):
        locked.run_once("k", cut_off)
    with pytest.raises(InProgressError):
        locked.run_once("k", lambda: {"n": 1})


def test_work_with_an_end_is_free_again_when_its_invocation_is_over(locks: Any) -> None:
    ended: Any = LambdaContext(milliseconds_left=0)
    over = TableIdempotency(client=locks, table=LOCKS, keep_days=1, context=ended)

    def cut_off() -> dict[str, Any]:
        raise SystemExit

    with pytest.raises(SystemExit):
        over.run_once("k", cut_off)
    time.sleep(0.01)  # the end of the lock is counted in milliseconds

    assert over.run_once("k", lambda: {"n": 1}) == {"n": 1, "repeated": False}
