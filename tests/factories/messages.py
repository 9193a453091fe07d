"""Messages that were handed to their channel."""

from datetime import UTC, datetime, timedelta

from c360_core.consent import Channel, Purpose
from c360_core.delivery import SentMessage
from tests.factories.profiles import PERSON

SENT_AT = datetime(2026, 3, 2, 17, tzinfo=UTC)


def sent_message(
    message_id: str = "m_1",
    *,
    at: datetime = SENT_AT,
    decision_id: str = "d_1",
    person_id: str = PERSON,
    address_keys: tuple[str, ...] = (),
) -> SentMessage:
    """Return a welcome by e-mail."""
    return SentMessage(
        message_id=message_id,
        decision_id=decision_id,
        person_id=person_id,
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        template="welcome",
        address_keys=address_keys,
        sent_at=at,
        expires_at=at + timedelta(days=3650),
    )
