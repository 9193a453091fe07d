"""The token of a link to unsubscribe: only ours are read, each for its time, and nothing can be changed in one."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.unsubscribe import ExpiredTokenError, InvalidTokenError, UnsubscribeToken, read_token, sign_token

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = b"s" * 64
TOKEN = UnsubscribeToken(message_id="m_0123456789abcdef0123456789abcdef", expires_at=NOW + timedelta(days=1))


def test_a_token_is_read_until_its_time_is_over() -> None:
    text = sign_token(TOKEN, SECRET)

    assert read_token(text, SECRET, now=NOW) == TOKEN
    assert set(text) <= set(string.ascii_letters + string.digits + "._"), "a link needs no escaping"
    with pytest.raises(ExpiredTokenError):
        read_token(text, SECRET, now=TOKEN.expires_at)


@given(place=st.integers(min_value=0, max_value=len(sign_token(TOKEN, SECRET)) - 1), other=st.sampled_from("0af.m_x"))
def test_no_character_of_a_token_can_be_changed(place: int, other: str) -> None:
    text = sign_token(TOKEN, SECRET)
    changed = text[:place] + other + text[place + 1 :]

    if changed != text:
        with pytest.raises(InvalidTokenError):
            read_token(changed, SECRET, now=NOW)


@given(st.text())
def test_no_text_of_others_is_a_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        read_token(text, SECRET, now=NOW)


def test_another_secret_signs_nothing_of_ours() -> None:
    with pytest.raises(InvalidTokenError):
        read_token(sign_token(TOKEN, b"x" * 64), SECRET, now=NOW)
