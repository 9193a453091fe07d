"""JSON is what every reader takes, and a number stays what its text said."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.exact_json import (
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    Fault,
    UnreadableJsonError,
    decode,
    decode_leniently,
    depth,
    encode,
    encode_bytes,
    is_ambiguous,
)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def in_payload(value: str) -> str:
    return f'{{"source": "web_events", "payload": {{"extra": [0, {value}]}}}}'


FAULTY = {
    "1,001 digits": ("9" * 1001, Fault.LONG_NUMBER),
    "more digits than Python converts": ("9" * 5000, Fault.LONG_NUMBER),
    "one digit too many": ("9" * (MAX_NUMBER_LENGTH + 1), Fault.LONG_NUMBER),
    "minus is a character, too": ("-" + "9" * MAX_NUMBER_LENGTH, Fault.LONG_NUMBER),
    "many decimals": ("0." + "1" * MAX_NUMBER_LENGTH, Fault.LONG_NUMBER),
    "infinite for a double": ("1e400", Fault.LONG_NUMBER),
    "nothing for a double": ("1e-400", Fault.LONG_NUMBER),
    "an exponent that blows up": ("1e999999999", Fault.LONG_NUMBER),
    "an exponent that Decimal refuses": ("1E+99999999999999999999999", Fault.LONG_NUMBER),
    "NaN": ("NaN", Fault.NO_NUMBER),
    "Infinity": ("-Infinity", Fault.NO_NUMBER),
    "deep": (nested(MAX_DEPTH), Fault.TOO_DEEP),
    "much deeper": (nested(500), Fault.TOO_DEEP),
    "high half": (r'"\ud800"', Fault.HALF_CHARACTER),
    "low half": (r'"a\uDFFFb"', Fault.HALF_CHARACTER),
    "halves in the wrong order": (r'"\udc00\ud800"', Fault.HALF_CHARACTER),
    "half a key": (r'{"\ud800": 1}', Fault.HALF_CHARACTER),
    "a key twice": ('{"a": 1, "b": 2, "a": 1}', Fault.REPEATED_KEY),
    "a key twice by an escape": (r'{"a": 1, "\u0061": 2}', Fault.REPEATED_KEY),
}
NUMBERS = ["0", "-0", "12", "12.50", "0.125", "1e2", "1E+30", "-1.50e-7", "9" * MAX_NUMBER_LENGTH, "1e300", "1e-300"]


@pytest.mark.parametrize("name", FAULTY)
def test_a_value_that_some_reader_rejects_is_refused_with_field_and_fix(name):
    value, fault = FAULTY[name]
    with pytest.raises(UnreadableJsonError) as caught:
        decode(in_payload(value))
    assert caught.value.fault is fault
    assert str(caught.value.field).startswith("payload.extra.1")
    assert "; send" in str(caught.value)


@pytest.mark.parametrize("text", [nested(1500), nested(20_000), '{"a":' * 3000 + "1" + "}" * 3000])
def test_json_too_deep_for_python_is_refused_as_too_deep(text):
    with pytest.raises(UnreadableJsonError) as caught:
        decode(text)
    assert caught.value.fault is Fault.TOO_DEEP


def test_the_greatest_depth_is_read():
    assert depth(decode(nested(MAX_DEPTH))) == MAX_DEPTH


def test_brackets_within_texts_are_no_depth():
    assert decode(json.dumps(["[" * 100])) == ["[" * 100]


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_keep_their_value_and_are_written_back_with_it(text):
    value = decode(f"[{text}]")[0]
    assert Decimal(value) == Decimal(text)
    assert type(value) is (Decimal if set(text) & set(".eE") else int)
    assert encode(decode(encode([value]))) == encode([value])


def test_decimals_are_written_with_the_digits_they_came_with():
    text = '{"a":[12.50,0.1000000000000000055511151231257827,{"b":1.10}],"c":"1.10"}'
    assert encode(decode(text)) == text


def test_no_key_that_may_be_a_value_is_shown():
    with pytest.raises(UnreadableJsonError) as caught:
        decode(in_payload('{"ada@example.com": {"x": NaN}}'))
    assert caught.value.field == "payload.extra.1"


def test_the_parse_of_a_body_keeps_what_is_at_fault_beside_what_is_not():
    body = in_payload('{"a": 1, "a": 2.50, "n": [1e999, NaN, ' + "7" * 5000 + "]}").encode()
    document = decode_leniently(body)
    assert document["source"] == "web_events"
    assert is_ambiguous(document)
    assert json.loads(body, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=tuple) == json.loads(
        encode(document), parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=tuple
    )


def test_half_a_character_stays_an_escape_in_utf_8():
    assert encode_bytes({"é": "\ud800"}) == '{"é":"\\ud800"}'.encode()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", nested(20_000).encode()])
def test_a_body_that_cannot_be_read_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011  # Python's, Unicode's or ours
        decode_leniently(body)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(VALUES)
def test_written_values_are_read_unchanged(value):
    assert decode(encode(value)) == value
    assert decode_leniently(encode_bytes(value)) == value
    assert depth(value) <= MAX_DEPTH
