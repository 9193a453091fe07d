"""Writes the tier of a member to the loyalty system, once per version of the profile and never an older one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import quote

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream
from c360_core.bus_events import BusEvent, UnknownBusEventError, told_event
from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.loyalty import WRITTEN, Tiers, WriteOutcome, write_id
from c360_core.moments import in_milliseconds, moment_text
from c360_core.profile import Profile
from lambdas.loyalty.ledger import LEASE_SECONDS, Claim, Ledger
from lambdas.shared.outbound.https import Caller, UnreachableError, UnsafeAddressError
from lambdas.shared.outbound.port import RefusedError, UnavailableError, judge

NAME: Final = "loyalty"
NO_MEMBER: Final = "without_member"
NO_CONSENT: Final = "without_consent"


class MemberView(Protocol):
    """What must be known of a person."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoyaltySystem:
    """The loyalty system, to which tiers are written.

    An event only says that something changed: what is written is the tier of the profile as it is now.

    Attributes:
        url: under which members are found by their own id.
        key: returns the key with which we are let in.
        purpose: to which a member must have agreed; None where being a member is enough.
        clock: tells the present.
    """

    url: str
    caller: Caller
    key: Callable[[], str]
    view: MemberView
    ledger: Ledger
    stream: EventStream
    tiers: Tiers
    purpose: Purpose | None
    clock: Callable[[], datetime]

    @property
    def name(self) -> str:
        """How alarms, logs and the circuit call it."""
        return NAME

    def deliver(self, event: Mapping[str, Any]) -> str:
        """Write the tier of the person whom an event is about, if there is a newer one to write.

        Raises:
            RefusedError: the event is another one, or the system does not take the tier.
            UnavailableError: do it again later.
        """
        person_id, version = _about(event)
        current = self.view.current_id(person_id)
        profile = None if current is None else self.view.profile(current)
        if profile is None:
            return NO_MEMBER
        if profile.person_id == person_id and profile.version.text < version:
            raise UnavailableError(f"{person_id}: the profile is not read as new as the event yet", is_down=False)
        member_id = profile.text("links", "loyalty_id")
        if not member_id:
            return NO_MEMBER
        if not self._agrees(profile):
            return NO_CONSENT
        return self._write(member_id, profile)

    def _agrees(self, profile: Profile) -> bool:
        if self.purpose is None:
            return True
        answers = self.view.consents(profile.person_id)
        return consent_status(answers, self.purpose, Channel.ANY) is ConsentStatus.GRANTED

    def _write(self, member_id: str, profile: Profile) -> str:
        tier, version = self.tiers.of(profile.segments), profile.version.text
        claim = self.ledger.claim(member_id, version=version, tier=tier, now=self.clock().timestamp())
        if claim is Claim.BUSY:
            raise UnavailableError("another invocation writes this member", retry_after=LEASE_SECONDS, is_down=False)
        if claim is not Claim.MINE:
            return str(claim.value)
        try:
            self._call(member_id, tier=tier, version=version)
        except UnavailableError:
            self.ledger.release(member_id)
            raise
        except RefusedError:
            self.ledger.release(member_id)
            self._tell(member_id, profile, tier=tier, outcome=WriteOutcome.REFUSED)
            raise
        # The event goes first: whatever ends in between is done again, and gives an event of the same id.
        self._tell(member_id, profile, tier=tier, outcome=WriteOutcome.ACCEPTED)
        self.ledger.settle(member_id, version=version, tier=tier, now=self.clock().timestamp())
        return str(WriteOutcome.ACCEPTED)

    def _call(self, member_id: str, *, tier: str, version: str) -> None:
        document = {"member_id": member_id, "tier": tier, "version": version, "changed_at": moment_text(self.clock())}
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.key()}",
            "idempotency-key": write_id(member_id, version),
        }
        url = f"{self.url.rstrip('/')}/{quote(member_id, safe='')}/tier"
        try:
            answer = self.caller.call("PUT", url, headers=headers, body=json.dumps(document).encode())
        except (UnsafeAddressError, UnreachableError) as error:
            raise UnavailableError(str(error)) from error
        judge(answer, of=self.name)

    def _tell(self, member_id: str, profile: Profile, *, tier: str, outcome: WriteOutcome) -> None:
        """Publish what became of a tier, as of every other way out.

        Raises:
            UnavailableError: the stream refused it; the same tier is written again, and then published.
        """
        record = engagement_record(
            WRITTEN,
            profile=profile,
            subject=f"{write_id(member_id, profile.version.text)}|{outcome}",
            occurred_at=in_milliseconds(self.clock()),
            payload={"tier": tier, "outcome": str(outcome)},
        )
        if record is not None and self.stream.publish([record]):
            raise UnavailableError("the events stream refused what became of a tier", is_down=False)


def _about(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return whom an event is about, and the version of the profile behind it."""
    try:
        told = told_event(event)
    except UnknownBusEventError as error:
        raise RefusedError(str(error)) from error
    found = (told.data.get("person_id"), told.data.get("version"))
    if told.kind is not BusEvent.SEGMENTS_CHANGED or not all(isinstance(one, str) and one for one in found):
        raise RefusedError(f"{told.kind}: only {BusEvent.SEGMENTS_CHANGED} with its person and version moves a tier")
    return str(found[0]), str(found[1])
