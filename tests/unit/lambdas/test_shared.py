"""What the functions share: settings, redaction, the stream's publisher."""

import io
import json
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.kinesis import StreamRecord
from c360_core.identity.keys import VISITOR_TYPES, usable
from c360_core.names import IdentifierType
from lambdas.collector.settings import Settings as CollectorSettings
from lambdas.decision.settings import Settings as DecisionSettings
from lambdas.message_sender.settings import Settings as SenderSettings
from lambdas.profile_api.settings import Settings as ApiSettings
from lambdas.profile_writer.settings import Settings as WriterSettings
from lambdas.shared.event_stream import KinesisEventStream, partition_key
from lambdas.shared.observability import RedactingFormatter, trace_id
from lambdas.shared.redaction import redact
from lambdas.shared.settings import ConfigurationError, EnvironmentSettings

CONTACT = {
    "QUIET_HOURS_START": "21",
    "QUIET_HOURS_END": "8",
    "DEFAULT_TIME_ZONE": "America/New_York",
    "FREQUENCY_CAP_MESSAGES": "3",
    "FREQUENCY_CAP_DAYS": "7",
}
VARIABLES: dict[type[EnvironmentSettings], dict[str, str]] = {
    CollectorSettings: {"EVENTS_STREAM_NAME": "events", "API_KEY_SECRETS": '{"web_events": "arn"}'},
    WriterSettings: {"SINGLE_VIEW_TABLE": "view", "TIMELINE_TTL_DAYS": "90", "DEAD_LETTER_QUEUE_URL": "https://queue"},
    ApiSettings: {
        "SINGLE_VIEW_TABLE": "view",
        "EVENTS_STREAM_NAME": "events",
        "HASH_SECRET_ARN": "arn",
        "LINK_TEMPLATES": '{"crm": "https://crm.example.com/{id}"}',
    },
    DecisionSettings: {
        **CONTACT,
        "SINGLE_VIEW_TABLE": "view",
        "IDEMPOTENCY_TABLE": "locks",
        "EVENTS_STREAM_NAME": "events",
        "EVENT_BUS_NAME": "bus",
        "HASH_SECRET_ARN": "arn",
        "RECOVERY_CSAT_AT_MOST": "2",
        "DECISION_TTL_DAYS": "400",
    },
    SenderSettings: {
        **CONTACT,
        "SINGLE_VIEW_TABLE": "view",
        "IDEMPOTENCY_TABLE": "locks",
        "EVENTS_STREAM_NAME": "events",
        "HASH_SECRET_ARN": "arn",
        "CONFIGURATION_SET": "set",
        "SENDER_ADDRESS": "hello@shop.example.com",
        "TEMPLATES": '{"welcome": "one", "welcome_follow_up": "two", "service_recovery": "three"}',
        "MESSAGE_TTL_DAYS": "400",
    },
}
EVERY_VARIABLE = [(model, name) for model, variables in VARIABLES.items() for name in variables]


@pytest.mark.parametrize("model", VARIABLES, ids=lambda model: model.__module__)
def test_settings_read_their_variables_and_ignore_the_runtimes(model: type[EnvironmentSettings]) -> None:
    environ = {**VARIABLES[model], "ENVIRONMENT": "dev", "AWS_REGION": "us-east-1", "PATH": "/usr/bin"}

    assert set(model.from_environment(environ).model_dump()) == {name.lower() for name in VARIABLES[model]} | {
        "environment"
    }


@pytest.mark.parametrize(("model", "name"), EVERY_VARIABLE, ids=str)
def test_a_missing_variable_is_named(model: type[EnvironmentSettings], name: str) -> None:
    environ = {**VARIABLES[model], "ENVIRONMENT": "dev"}
    del environ[name]

    with pytest.raises(ConfigurationError, match=name):
        model.from_environment(environ)


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (CollectorSettings, "API_KEY_SECRETS", "not json"),
        (ApiSettings, "LINK_TEMPLATES", '{"crm": "https://crm.example.com/"}'),
        (ApiSettings, "LINK_TEMPLATES", '{"erp": "https://erp.example.com/{id}"}'),
        (DecisionSettings, "QUIET_HOURS_START", "24"),
        (DecisionSettings, "DEFAULT_TIME_ZONE", "Mars/Olympus"),
        (SenderSettings, "TEMPLATES", '{"chain_letter": "x"}'),
        (WriterSettings, "TIMELINE_TTL_DAYS", "soon"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(model: type[EnvironmentSettings], name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as fault:
        model.from_environment({**VARIABLES[model], "ENVIRONMENT": "dev", name: value})

    assert value not in str(fault.value)


def test_personal_data_and_secrets_do_not_get_into_a_line_of_the_log() -> None:
    written = io.StringIO()
    stream = logging.StreamHandler(written)
    stream.setFormatter(RedactingFormatter())
    logger = logging.Logger("redacted")
    logger.addHandler(stream)

    try:
        int("no such mailbox: ada.lovelace@mail.org")
    except ValueError:
        logger.exception(
            "wrote to %s and called %s",
            "ada@mail.org",
            "+1 (415) 555-0132",
            extra={
                "event": {"payload": {"first_name": "Ada"}, "identifiers": {"email": ["x"]}},
                "Authorization": "Basic c2VjcmV0",
                "people": ["bob@mail.org"],
                "order_id": "o-17",
            },
        )

    line = json.loads(written.getvalue())
    assert not [leak for leak in ("mail.org", "415", "Ada", "c2VjcmV0") if leak in written.getvalue()]
    assert line["message"] == "wrote to *** and called ***"
    assert line["order_id"] == "o-17"


@given(st.emails(), st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), max_size=20))
def test_no_usual_address_survives(address: str, around: str) -> None:
    assert redact(f"{around} {address} {around}").count("@") <= around.count("@") * 2


def test_times_and_ids_survive() -> None:
    harmless = {"timestamp": "2026-03-01 12:00:00,123+0000", "person_id": "p_01HZX", "reasons": ["NO_EMAIL"], "n": 1}

    assert redact(harmless) == harmless


def test_the_trace_is_the_root_of_the_runtimes_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")

    assert trace_id() == "1-5759e988-bd862e3fe1be46a994272793"


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


def publisher(shard: Shard, pauses: list[float] | None = None) -> KinesisEventStream:
    pause = [].append if pauses is None else pauses.append
    return KinesisEventStream(client=shard, stream_name="events", pause=pause)  # type: ignore[arg-type]


def records(*data: bytes) -> list[StreamRecord]:
    return [StreamRecord(key=item.decode(), data=item) for item in data]


def test_only_refused_records_are_sent_again_after_growing_pauses() -> None:
    shard, pauses = Shard({b"b": 2}), list[float]()

    assert publisher(shard, pauses).publish(records(b"a", b"b", b"c")) == ()

    assert shard.calls == [[b"a", b"b", b"c"], [b"b"], [b"b"]]
    assert sorted(shard.stored) == [b"a", b"b", b"c"]
    assert len(pauses) == 2
    assert pauses[0] <= 0.05 <= pauses[1] <= 0.1


def test_what_is_refused_every_time_is_told() -> None:
    assert publisher(Shard({b"b": 99})).publish(records(b"a", b"b", b"c")) == (1,)


def test_what_comes_behind_a_record_of_its_key_that_is_refused_is_told_too() -> None:
    shard = Shard({b"b": 99})
    sent = [StreamRecord(key=key, data=data) for key, data in (("k", b"a"), ("k", b"b"), ("l", b"c"), ("k", b"d"))]

    assert publisher(shard).publish(sent) == (1, 3)
    assert sorted(shard.stored) == [b"a", b"c"]


def test_a_call_that_fails_is_made_again() -> None:
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
def test_all_events_of_a_visitor_have_one_key_whatever_else_they_carry(preferred: IdentifierType) -> None:
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
