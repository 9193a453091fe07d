"""The writer of transactions: what passes is tried again, whose condition failed is left out, and nothing else is."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.transactions import (
    ACTIONS_PER_CALL,
    CONDITION_FAILED,
    TRANSIENT,
    TransactionWriter,
    condition_failed,
    reasons,
)


def cancelled(*codes: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": code} for code in codes],  # type: ignore[typeddict-unknown-key]
        },
        "TransactWriteItems",
    )


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "TransactWriteItems")


class Table:
    """A table that refuses some keys for good, and whole requests for a while."""

    def __init__(self, *, taken: frozenset[int] = frozenset(), busy: Sequence[str] = ()) -> None:
        self.taken, self.busy = taken, list(busy)
        self.stored: list[int] = []
        self.requests: list[int] = []

    def transact_write_items(self, *, TransactItems: list[Mapping[str, Any]]) -> None:  # noqa: N803
        assert 0 < len(TransactItems) <= ACTIONS_PER_CALL
        assert all(item["Put"]["TableName"] == "view" for item in TransactItems)
        numbers = [item["Put"]["Item"]["n"] for item in TransactItems]
        self.requests.append(len(numbers))
        codes = [CONDITION_FAILED if number in self.taken else "None" for number in numbers]
        if self.busy:
            codes[-1] = self.busy.pop()
        if set(codes) != {"None"}:
            raise cancelled(*codes)
        self.stored += numbers


def puts(count: int) -> list[dict[str, dict[str, Any]]]:
    return [{"Put": {"Item": {"n": number}}} for number in range(count)]


def writer(table: Any, pauses: list[float] | None = None, attempts: int = 4) -> TransactionWriter:
    waited: list[float] = [] if pauses is None else pauses
    return TransactionWriter(client=table, table="view", attempts=attempts, pause=waited.append)


@given(
    count=st.integers(0, 250),
    taken=st.frozensets(st.integers(0, 250)),
    busy=st.lists(st.sampled_from(sorted(TRANSIENT)), max_size=3),
)
def test_all_are_written_whose_condition_holds_and_no_other(count: int, taken: frozenset[int], busy: list[str]) -> None:
    table = Table(taken=taken, busy=busy)

    written = writer(table).each_that_may(puts(count))

    assert sorted(table.stored) == [number for number in range(count) if number not in taken]
    assert written == len(table.stored)


def test_a_hundred_actions_take_one_request() -> None:
    table = Table()
    assert writer(table).each_that_may(puts(200)) == 200
    assert table.requests == [100, 100]


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_all_or_none_waits_for_what_passes_longer_each_time(code: str) -> None:
    table, pauses = Table(busy=[code, code, code]), list[float]()

    writer(table, pauses).all_or_none(puts(2))

    assert table.stored == [0, 1]
    assert table.requests == [2, 2, 2, 2]
    assert all(0 < pause <= 0.05 * 2**number for number, pause in enumerate(pauses))


def test_a_lasting_conflict_is_an_error_after_the_last_attempt() -> None:
    for write in ("all_or_none", "each_that_may"):
        table = Table(busy=["TransactionConflict"] * 9)
        with pytest.raises(ClientError):
            getattr(writer(table), write)(puts(1))
        assert (table.requests, table.stored) == ([1] * 4, [])


def test_all_or_none_gives_a_failed_condition_back_at_once() -> None:
    table, pauses = Table(taken=frozenset({1}), busy=["TransactionConflict"]), list[float]()

    with pytest.raises(ClientError):  # a condition failed and another wrote: to wait changes nothing of the first
        writer(table, pauses).all_or_none(puts(3))

    assert (table.stored, table.requests, pauses) == ([], [3], [])


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_another_refusal_is_an_error_at_once(code: str) -> None:
    class Broken:
        def transact_write_items(self, **_: Any) -> None:
            raise refused(code)

    for write in ("all_or_none", "each_that_may"):
        with pytest.raises(ClientError, match=code):
            getattr(writer(Broken()), write)(puts(1))


def test_another_reason_is_an_error_even_if_a_condition_failed_too() -> None:
    table = Table(taken=frozenset({0}), busy=["ValidationError"])
    with pytest.raises(ClientError):
        writer(table).each_that_may(puts(2))
    assert table.stored == []


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (refused("ConditionalCheckFailedException"), True),
        (cancelled("None", CONDITION_FAILED), True),
        (cancelled("TransactionConflict", CONDITION_FAILED), False),
        (cancelled("TransactionConflict"), False),
        (refused("ValidationException"), False),
    ],
)
def test_whether_a_condition_failed(error: ClientError, failed: bool) -> None:
    assert condition_failed(error) is failed


def test_reasons_are_in_the_order_of_the_actions() -> None:
    assert reasons(cancelled("None", CONDITION_FAILED)) == ["None", CONDITION_FAILED]
    assert reasons(refused("ValidationException")) == []
