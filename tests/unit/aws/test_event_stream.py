"""The publisher of the events stream, and the keys that keep events in order."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.event_stream import EventStreamWriter, partition_key
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import StreamRecord
from c360_core.identity.keys import VISITOR_TYPES, usable
from c360_core.names import IdentifierType


class Shard:
    """A stream that refuses chosen records a number of times."""

    def __init__(self, refusals: dict[bytes, int] | None = None, *, failing_calls: int = 0) -> None:
        self.refusals = refusals or {}
        self.failing_calls = failing_calls
        self.calls: list[list[bytes]] = []
        self.stored: list[bytes] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append([record["Data"] for record in Records])
        if self.failing_calls:
            self.failing_calls -= 1
            raise ClientError({"Error": {"Code": "LimitExceededException", "Message": StreamName}}, "PutRecords")
        return {"Records": [self._put(record["Data"]) for record in Records]}

    def _put(self, data: bytes) -> dict[str, Any]:
        if self.refusals.get(data, 0):
            self.refusals[data] -= 1
            return {"ErrorCode": "ProvisionedThroughputExceededException"}
        self.stored.append(data)
        return {"SequenceNumber": "1"}


def publisher(shard: Shard, pauses: list[float] | None = None) -> EventStreamWriter:
    waited: list[float] = [] if pauses is None else pauses
    sender = KinesisSender(client=shard, stream="events")  # type: ignore[arg-type]
    return EventStreamWriter(sender=sender, pause=waited.append)


def records(*data: bytes) -> list[StreamRecord]:
    return [StreamRecord(key=item.decode(), data=item) for item in data]


def test_only_refused_records_are_sent_again_after_growing_pauses() -> None:
    shard, pauses = Shard({b"b": 2}), list[float]()

    assert publisher(shard, pauses).publish(records(b"a", b"b", b"c")) == ()

    assert shard.calls == [[b"a", b"b", b"c"], [b"b"], [b"b"]]
    assert sorted(shard.stored) == [b"a", b"b", b"c"]
    assert len(pauses) == 2
    assert pauses[0] <= 0.05 <= pauses[1] <= 0.1


def test_a_record_refused_in_every_attempt_is_reported() -> None:
    assert publisher(Shard({b"b": 99})).publish(records(b"a", b"b", b"c")) == (1,)


def test_records_behind_a_refused_one_of_their_key_are_reported_too() -> None:
    shard = Shard({b"b": 99})
    sent = [StreamRecord(key=key, data=data) for key, data in (("k", b"a"), ("k", b"b"), ("l", b"c"), ("k", b"d"))]

    assert publisher(shard).publish(sent) == (1, 3)
    assert sorted(shard.stored) == [b"a", b"c"]


def test_a_failed_call_is_retried() -> None:
    shard = Shard(failing_calls=1)

    assert publisher(shard).publish(records(b"a")) == ()
    assert shard.stored == [b"a"]


def test_nothing_to_publish_makes_no_call() -> None:
    shard = Shard()

    assert publisher(shard).publish([]) == ()
    assert shard.calls == []


def key_of(preferred: IdentifierType = IdentifierType.EMAIL, otherwise: str = "e", **identifiers: object) -> str:
    return partition_key(identifiers, preferred=preferred, otherwise=otherwise)


def test_a_partition_key_follows_the_contract_then_strength_then_the_event() -> None:
    both = {"email": ["ada.lovelace@mail.org"], "loyalty_id": ["L0000001"]}

    assert key_of(**both) == key_of(email=["ada.lovelace@mail.org"])
    assert key_of(IdentifierType.PHONE, **both) == key_of(loyalty_id=["L0000001"])
    assert key_of(otherwise="e-1") != key_of(otherwise="e-2")
    assert key_of(email=["nobody"], otherwise="e-1") == key_of(otherwise="e-1")


@pytest.mark.parametrize("preferred", IdentifierType)
def test_all_events_of_a_visitor_have_one_key_with_any_other_identifiers(preferred: IdentifierType) -> None:
    alone = key_of(preferred, cookie_id=["k-12345"])
    device = key_of(preferred, device_id=["d-12345"])

    assert key_of(preferred, cookie_id=["k-12345"], email=["ada.lovelace@mail.org"], loyalty_id=["L0000001"]) == alone
    assert key_of(preferred, cookie_id=[" k-12345 "]) == alone
    assert key_of(preferred, device_id=["d-12345"], cookie_id=["k-12345"], email=["ada.lovelace@mail.org"]) == device
    assert key_of(preferred, device_id=[None, "d-12345"]) == device


@given(
    st.dictionaries(
        st.sampled_from([*IdentifierType, "shoe_size"]),
        st.one_of(st.none(), st.integers(), st.text(), st.lists(st.one_of(st.none(), st.text(), st.integers()))),
    ),
    st.sampled_from(IdentifierType),
)
def test_the_key_of_a_visitors_event_is_that_of_the_visitor_whom_clean_counts(
    identifiers: dict[str, Any], preferred: IdentifierType
) -> None:
    """Whatever a sender sends has a key; and where `clean` sees a visitor, the key is the visitor's."""
    key = partition_key(identifiers, preferred=preferred, otherwise="e")

    texts = {k: [v for v in vs if isinstance(v, str)] for k, vs in identifiers.items() if isinstance(vs, list)}
    found = usable(texts)
    visitor = next(((k, v) for wanted in VISITOR_TYPES for k, v in found if k is wanted), None)
    if visitor is not None:
        assert key == partition_key({visitor[0]: [visitor[1]]}, preferred=IdentifierType.EMAIL, otherwise="x")
