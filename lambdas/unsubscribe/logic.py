"""What a link of a message may do, without HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from c360_core.consent import Consent, ConsentStatus, consent_status
from c360_core.delivery import SentMessage
from c360_core.unsubscribe import ExpiredTokenError, InvalidTokenError, read_token
from lambdas.shared.refusals import Refusals

_WHY: Final = "unsubscribed"


class Answer(StrEnum):
    """What came of a visit."""

    ASK = "ask"  # the link works; the page asks
    DONE = "done"
    DONE_BEFORE = "done_before"
    INVALID = "invalid"
    EXPIRED = "expired"


class MessageView(Protocol):
    """What must be known of a message and its address."""

    def sent_message(self, message_id: str) -> SentMessage | None:
        """Return what was noted of a message when it was handed over, or None."""

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address, whoever gave them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links of all messages."""

    view: MessageView
    refusals: Refusals
    secret: Callable[[], bytes]
    clock: Callable[[], datetime]

    def look(self, token: str) -> Answer:
        """Say what a link could do. It changes nothing: programs that look for viruses follow every link."""
        found = self._find(token)
        if not isinstance(found, SentMessage):
            return found
        return Answer.DONE_BEFORE if self._is_refused(found) else Answer.ASK

    def refuse(self, token: str) -> Answer:
        """End the consent behind a message, at once.

        Raises:
            StreamUnavailableError: it counts already, but its event is not published; do it again.
        """
        found = self._find(token)
        if not isinstance(found, SentMessage):
            return found
        before = self._is_refused(found)
        # Again, even so: the event of the first time may not have been published.
        self.refusals.by_person(found, why=_WHY, at=self.clock())
        return Answer.DONE_BEFORE if before else Answer.DONE

    def _find(self, token: str) -> SentMessage | Answer:
        try:
            read = read_token(token, self.secret(), now=self.clock())
        except InvalidTokenError:
            return Answer.INVALID
        except ExpiredTokenError:
            return Answer.EXPIRED
        return self.view.sent_message(read.message_id) or Answer.EXPIRED

    def _is_refused(self, sent: SentMessage) -> bool:
        answers = [answer for key in sent.address_keys for answer in self.view.address_consents(key)]
        return consent_status(answers, sent.purpose, sent.channel) is ConsentStatus.WITHDRAWN
