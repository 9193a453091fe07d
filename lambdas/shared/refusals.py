"""Refusals that arrive by way of a message: they end the consent that the message rested on, where it went to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_core.address import address_keys, profile_identifiers
from c360_core.consent import ADDRESS_TYPES, Consent, Purpose
from c360_core.delivery import SentMessage
from c360_core.moments import in_milliseconds, moment_text
from c360_core.profile import Profile


class RefusingView(Protocol):
    """What must be known of the person whom a message went to."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""


class RefusalStore(Protocol):
    """Where answers are stored."""

    def put_consent(self, person_id: str, consent: Consent) -> bool:
        """Store an answer of a person."""

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Takes refusals. What it stores counts at once; doing it again changes nothing."""

    view: RefusingView
    store: RefusalStore
    stream: EventStream
    hash_secret: Callable[[], bytes]

    def recipient(self, sent: SentMessage) -> Profile | None:
        """Return who got a message, under the id of today; None when the person is gone."""
        person_id = self.view.current_id(sent.person_id)
        return None if person_id is None else self.view.profile(person_id)

    def by_person(self, sent: SentMessage, *, why: str, at: datetime) -> None:
        """End the consent that a message rested on: of the person, and of the address that it went to.

        The address comes first, then the person, then the event: whatever fails, nothing more is sent there.

        Raises:
            StreamUnavailableError: it counts already, but the event is not published; do it again.
        """
        at = in_milliseconds(at)
        self.by_address(sent, (sent.purpose,), at=at)
        profile = self.recipient(sent)
        if profile is None:
            return
        refusal = Consent(purpose=sent.purpose, channel=sent.channel, granted=False, decided_at=at)
        self.store.put_consent(profile.person_id, refusal)
        record = engagement_record(
            "consent_changed",
            profile=profile,
            subject=f"{sent.message_id}|{why}|{moment_text(at)}",
            occurred_at=at,
            payload={"purpose": str(sent.purpose), "channel": str(sent.channel), "granted": False},
            identifiers=self._identifiers(profile, sent),
        )
        if record is not None and self.stream.publish([record]):
            raise StreamUnavailableError(f"message {sent.message_id}: the events stream refused the refusal")

    def by_address(self, sent: SentMessage, purposes: Iterable[Purpose], *, at: datetime) -> None:
        """Let nothing more be sent to the address that a message went to, until somebody agrees for it again."""
        for purpose in purposes:
            refusal = Consent(purpose=purpose, channel=sent.channel, granted=False, decided_at=in_milliseconds(at))
            for key in sent.address_keys:
                self.store.put_address_consent(key, refusal)

    def _identifiers(self, profile: Profile, sent: SentMessage) -> dict[str, list[str]]:
        """Return the person's identifiers, without an address that the message did not go to."""
        found = profile_identifiers(profile)
        if set(address_keys(profile, sent.channel, self.hash_secret())) <= set(sent.address_keys):
            return found
        return {kind: values for kind, values in found.items() if kind not in set(ADDRESS_TYPES[sent.channel])}
