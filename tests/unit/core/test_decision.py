"""Decision records: their ids, and the reasons that stored decisions have."""

import pytest

from c360_core.consent import Channel
from c360_core.decision import Action, Reason, message_id
from c360_core.decision_rules import missing_address


def test_the_id_of_a_message_is_the_same_every_time_and_differs_by_template_and_channel() -> None:
    assert message_id("d_1", Channel.EMAIL, "welcome") == message_id("d_1", Channel.EMAIL, "welcome")
    ids = {message_id("d_1", channel, name) for channel in Channel for name in ("welcome", "welcome_follow_up")}
    assert len(ids) == len(Channel) * 2


def test_a_suppressed_message_keeps_the_value_that_stored_decisions_have() -> None:
    assert [str(action) for action in Action] == ["send", "defer", "silence", "task"]


@pytest.mark.parametrize(
    ("channel", "reason"),
    [(Channel.EMAIL, Reason.NO_EMAIL), (Channel.SMS, Reason.NO_PHONE), (Channel.PUSH, Reason.NO_PUSH_TOKEN)],
)
def test_the_reason_names_the_address_that_a_channel_needs(channel: Channel, reason: Reason) -> None:
    assert missing_address(channel) is reason
