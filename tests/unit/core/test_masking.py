"""A rejected record is shown without what it says, whatever it is."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core import contracts
from c360_core.masking import LONGEST_SHAPE, masked, shape


def test_the_shape_of_each_value_stays_and_no_value_does() -> None:
    body = {
        "event_id": "e-77", "event_type": "order_placed", "source": "web_events", "occurred_at": "01.03.2026",
        "identifiers": {"email": ["Ann.Lee@example.com"], "Ann Lee": 1},
        "payload": {"total": 12.5, "lines": None, "paid": True},
    }  # fmt: skip

    assert json.loads(masked(json.dumps(body), contracts.load())) == {
        "event_id": "a-99", "event_type": "order_placed", "source": "web_events", "occurred_at": "99.99.9999",
        "identifiers": {"email": ["Aaa.Aaa@aaaaaaa.aaa"], "Aaa Aaa (2)": "9"},
        "payload": {"total": "99.9", "lines": None, "aaaa (3)": True},
    }  # fmt: skip


@pytest.mark.parametrize("name", ["event_type", "source"])
def test_what_an_event_claims_to_be_stays_only_if_a_contract_knows_it(name: str) -> None:
    assert json.loads(masked(json.dumps({name: "ann@example.com"}), contracts.load())) == {name: "aaa@aaaaaaa.aaa"}


def test_what_is_no_json_is_one_shape_and_cut_where_it_is_long() -> None:
    assert masked("Ann;12\n", contracts.load()) == "Aaa;99\n"
    assert shape("x" * 1000) == "a" * LONGEST_SHAPE + "..."
    assert masked("[" * 100_000, contracts.load()).startswith("[[[")


SECRET = "Qz7"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda held: st.lists(held, max_size=3)
    | st.dictionaries(st.text(string.ascii_letters, max_size=5), held, max_size=3), max_leaves=8,
)  # fmt: skip


@given(value=JSON, name=st.sampled_from(["payload", "identifiers", "source", "event_type", "event_id", SECRET]))
def test_no_secret_comes_through_wherever_it_stands(value: Any, name: str) -> None:
    body = json.dumps({name: {SECRET: [value, f"{SECRET}!", {"email": SECRET}]}, "event_type": SECRET})

    assert SECRET not in masked(body, contracts.load())
    assert SECRET not in masked(body[:-1], contracts.load())
