"""What redaction hides, and what it leaves."""

from hypothesis import given
from hypothesis import strategies as st

from c360_aws.redaction import redact


@given(st.emails(), st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), max_size=20))
def test_no_usual_address_survives(address: str, around: str) -> None:
    assert redact(f"{around} {address} {around}").count("@") <= around.count("@") * 2


def test_times_and_ids_survive() -> None:
    harmless = {"timestamp": "2026-03-01 12:00:00,123+0000", "person_id": "p_01HZX", "reasons": ["NO_EMAIL"], "n": 1}

    assert redact(harmless) == harmless
