"""The inbox of a person, without HTTP."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_core.consent import Channel
from c360_core.delivery import SentMessage
from c360_core.devices import Device, Platform
from c360_core.inbox import DONE, OUTCOMES, InboxMessage, Receipt, inbox_owner, sign_inbox_token, waiting
from c360_core.moments import moment_text
from c360_core.profile import Profile
from c360_core.signed_token import ExpiredTokenError, InvalidTokenError
from lambdas.inbox.problems import (
    bad_device,
    bad_token,
    expired_token,
    stream_unavailable,
    unknown_customer,
    unknown_message,
    unknown_path,
    unknown_platform,
)
from lambdas.shared.outcomes import OutcomeStore, Report, publish_outcome

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What Apple and Google give: hexadecimal digits, or base64 for addresses with colons.
_TOKEN: Final = re.compile(r"[A-Za-z0-9:_-]{16,1024}")
# The channels whose messages an app or a page shows, and knows what became of.
_SHOWN: Final = frozenset({Channel.IN_APP, Channel.PUSH})
_BEARER: Final = "bearer"


class InboxView(Protocol):
    """What must be known of people and of messages."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def inbox(self, person_id: str) -> Sequence[InboxMessage]:
        """Return what lies in a person's inbox, expired or not."""

    def devices(self, person_id: str) -> Sequence[Device]:
        """Return a person's devices, expired or not."""

    def sent_message(self, message_id: str) -> SentMessage | None:
        """Return what was noted of a message when it was put there, or None."""


class InboxStore(OutcomeStore, Protocol):
    """Where messages wait, and where it is stored what became of them."""

    def take_from_inbox(self, person_id: str, message_id: str) -> None:
        """Take a message out of a person's inbox; it may be gone already."""

    def put_device(self, person_id: str, device: Device) -> None:
        """Store a device of a person, and take it from whoever had it before."""

    def forget_device(self, token: str) -> None:
        """Forget a device; it may be forgotten already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inboxes:
    """The inboxes of all people. Every method raises ProblemDetails when it has no answer.

    Attributes:
        secrets: what tokens are signed with, and what they were signed with before it, if anything.
        minutes: how long a token opens an inbox.
        most: messages that a person gets to see.
        device_days: how long a device counts after its app was heard of; None where there are no push messages.
    """

    view: InboxView
    store: InboxStore
    stream: EventStream
    secrets: Callable[[], Sequence[bytes]]
    minutes: int
    most: int
    clock: Callable[[], datetime]
    device_days: int | None = None

    def open_for(self, person_id: str) -> dict[str, str]:
        """Return a token that opens the inbox of one person for some minutes; only a server may ask for it."""
        current = self.view.current_id(person_id) if _ID.fullmatch(person_id) else None
        if current is None:
            raise unknown_customer()
        expires_at = (self.clock() + timedelta(minutes=self.minutes)).replace(microsecond=0)
        token = sign_inbox_token(current, self.secrets()[0], expires_at=expires_at)
        return {"person_id": current, "token": token, "expires_at": moment_text(expires_at)}

    def messages(self, authorization: str) -> dict[str, list[dict[str, str]]]:
        """Return what waits for the person whose token it is, the newest first."""
        owner = self._owner(authorization)
        everybody = () if owner is None else (owner, *self.view.former_ids(owner))
        there = {message.message_id: message for one in everybody for message in self.view.inbox(one)}
        shown = waiting(there.values(), now=self.clock(), most=self.most)
        return {"messages": [message.document() for message in shown]}

    def receive(self, authorization: str, message_id: str, receipt: Receipt) -> None:
        """Take what a person did with a message of theirs. Once or ten times, it is one event.

        The message leaves the inbox last: until all of it counts, the browser may say it again.
        """
        owner = self._owner(authorization)
        sent = self.view.sent_message(message_id) if owner and _ID.fullmatch(message_id) else None
        if sent is None or sent.channel not in _SHOWN or self.view.current_id(sent.person_id) != owner:
            raise unknown_message()
        report = Report(
            message_id=message_id,
            subject=f"{message_id}|{receipt}",
            outcome=OUTCOMES[receipt],
            at=self.clock(),
            payload={},
        )
        self.store.put_outcome(sent, report.outcome, at=report.at)
        self._publish(report, sent)
        if receipt in DONE:
            self.store.take_from_inbox(sent.person_id, message_id)

    def register(self, authorization: str, token: str, body: object) -> dict[str, str]:
        """Take the address of the app on a device of the person, which may have been somebody else's until now."""
        owner = self._device_owner(authorization, token)
        platform = body.get("platform") if isinstance(body, dict) else None
        if owner is None or platform not in set(Platform):
            raise unknown_platform() if owner else bad_token()
        now = self.clock()
        device = Device(
            token=token,
            platform=Platform(platform),
            registered_at=now,
            expires_at=now + timedelta(days=self.device_days or 0),
        )
        self.store.put_device(owner, device)
        return {"platform": platform, "expires_at": moment_text(device.expires_at)}

    def unregister(self, authorization: str, token: str) -> None:
        """Forget a device of the person, as after signing out; one of somebody else stays."""
        owner = self._device_owner(authorization, token)
        everybody = () if owner is None else (owner, *self.view.former_ids(owner))
        if any(token == device.token for one in everybody for device in self.view.devices(one)):
            self.store.forget_device(token)

    def _device_owner(self, authorization: str, token: str) -> str | None:
        if self.device_days is None:
            raise unknown_path()
        owner = self._owner(authorization)
        if not _TOKEN.fullmatch(token):
            raise bad_device()
        return owner

    def _publish(self, report: Report, sent: SentMessage) -> None:
        owner = self.view.current_id(sent.person_id)
        profile = None if owner is None else self.view.profile(owner)
        if profile is None:
            return  # nobody is left whom the event could be about
        try:
            publish_outcome(report, sent, profile, self.stream)
        except StreamUnavailableError:
            raise stream_unavailable() from None

    def _owner(self, authorization: str) -> str | None:
        """Return the present id of the person whose token it is; None for somebody who is gone."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != _BEARER:
            raise bad_token()
        for secret in self.secrets():
            try:
                return self.view.current_id(inbox_owner(token.strip(), secret, now=self.clock()))
            except ExpiredTokenError:
                raise expired_token() from None
            except InvalidTokenError:
                continue
        raise bad_token()
