"""Messages that wait, and the tokens that open an inbox."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.inbox import (
    InboxMessage,
    InboxText,
    inbox_from_item,
    inbox_owner,
    inbox_to_item,
    sign_inbox_token,
    waiting,
)
from c360_core.signed_token import ExpiredTokenError, InvalidTokenError, SignedToken, read_signed, sign

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = b"s" * 64
IDS = st.text("abcdefXYZ0189_-", min_size=1, max_size=64)
MESSAGES = st.builds(
    lambda number, put, left: InboxMessage(
        message_id=f"m_{number}",
        template="welcome",
        words=InboxText(title="t", text="x", url="https://shop.example.com/"),
        put_at=NOW - timedelta(minutes=put),
        expires_at=NOW + timedelta(minutes=left),
    ),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(-9, 9),
)


@given(MESSAGES)
def test_a_stored_message_is_the_same_message(message: InboxMessage) -> None:
    assert inbox_from_item(inbox_to_item(message)) == message


@given(st.lists(MESSAGES, max_size=20, unique_by=lambda message: message.message_id), st.integers(1, 10))
def test_the_newest_that_are_alive_wait_and_no_more_than_so_many(messages: list[InboxMessage], most: int) -> None:
    shown = waiting(messages, now=NOW, most=most)

    alive = [message for message in messages if message.expires_at > NOW]
    assert len(shown) == min(most, len(alive))
    assert all(message in alive for message in shown)
    left_out = [message.put_at for message in alive if message not in shown]
    assert all(message.put_at >= max(left_out, default=message.put_at) for message in shown)
    assert waiting(reversed(messages), now=NOW, most=most) == shown


@given(IDS, IDS, st.integers(-100, 100))
def test_a_token_opens_one_inbox_until_its_time_is_over(person: str, other: str, minutes: int) -> None:
    token = sign_inbox_token(person, SECRET, expires_at=NOW + timedelta(minutes=minutes))

    if minutes > 0:
        assert inbox_owner(token, SECRET, now=NOW) == person
    else:
        with pytest.raises(ExpiredTokenError):
            inbox_owner(token, SECRET, now=NOW)
    if other != person:
        with pytest.raises(InvalidTokenError):
            inbox_owner(token.replace(person, other, 1), SECRET, now=NOW)


@given(st.text(max_size=120))
def test_no_text_of_somebody_else_is_a_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        inbox_owner(text, SECRET, now=NOW)


def test_a_token_for_one_use_is_none_for_another() -> None:
    token = sign("one", SignedToken(subject="p_1", expires_at=NOW + timedelta(days=1)), SECRET)

    assert read_signed("one", token, SECRET, now=NOW).subject == "p_1"
    with pytest.raises(InvalidTokenError):
        read_signed("two", token, SECRET, now=NOW)
