"""From a changed profile to decisions that are stored and made known."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from c360_aws.single_view_reader import Page
from c360_core.address import address_keys
from c360_core.consent import Consent
from c360_core.decision import (
    PLAYS,
    Action,
    Decision,
    Occasion,
    Rules,
    answers_arrived,
    decide,
    decision_facts,
    decision_id,
    occasions,
)
from c360_core.profile import Profile
from c360_core.timeline import moment

# Enough to see every contact within the window of the frequency cap.
RECENT_DECISIONS: Final = 50
# An identity run tells of a person in several messages, and who reads them may make a profile between two of them.
SETTLE_SECONDS: Final = 3.0
# An answer that a profile counts already is at most a batch behind it.
LOOK_AGAIN_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 5.0


class AnswerUnderwayError(RuntimeError):
    """A consent was given or withdrawn, and which of the two is not known yet: decide when the change comes again."""


class SingleView(Protocol):
    """What a decision needs to know of a person."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile as it is now."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address, whoever gave them."""

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return the latest decisions, newest first."""


class Ledger(Protocol):
    """Where decisions are kept."""

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        """Store a decision unless this occasion was decided before; tell if it was stored."""


class Herald(Protocol):
    """Who makes decisions known."""

    def announce(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Tell the events stream and, unless the decision is silence, the journey. A repetition changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Decides on the occasions that a changed profile brings."""

    view: SingleView
    ledger: Ledger
    herald: Herald
    rules: Rules
    keep_days: int
    hash_secret: Callable[[], bytes]
    pause: Callable[[float], None] = time.sleep

    def on_change(self, old: Profile | None, new: Profile, *, now: datetime) -> tuple[Action, ...]:
        """Decide, store and announce; return the actions taken now.

        The same change may be delivered again: what is decided stays decided, and is only announced again, because
        the first time may have ended between the two.

        Raises:
            AnswerUnderwayError: the profile counts an answer about a consent that has not arrived.
        """
        decided = (self._on_occasion(occasion, new, now) for occasion in occasions(old, new, self.rules))
        return tuple(action for action in decided if action is not None)

    def _on_occasion(self, occasion: Occasion, profile: Profile, now: datetime) -> Action | None:
        recent = self.view.decisions(profile.person_id, limit=RECENT_DECISIONS).items
        known = next((item for item in recent if item["decision_id"] == decision_id(occasion)), None)
        if known is not None:
            self.herald.announce(known, profile)
            return None
        settled = self._settled(profile, now)
        decision = decide(
            occasion,
            settled,
            consents=self._consents(settled),
            address_consents=self._address_consents(settled, occasion),
            contacts=_contacts(recent),
            rules=self.rules,
            now=now,
        )
        if not self.ledger.put_decision(decision, keep_days=self.keep_days):
            return None  # another invocation was faster, and announces it
        self.herald.announce(decision_facts(decision), settled)
        return decision.action

    def _settled(self, profile: Profile, now: datetime) -> Profile:
        """Return the profile when what was told together with this change has arrived too.

        On half of what is known of a person a decision would be silence, for want of a consent that is on its way; and
        what is decided stays decided.
        """
        if profile.computed_at is not None:
            age = (now - moment(profile.computed_at)).total_seconds()
            if age < SETTLE_SECONDS:
                self.pause(min(SETTLE_SECONDS - age, SETTLE_SECONDS))
        return self.view.profile(profile.person_id) or profile

    def _address_consents(self, profile: Profile, occasion: Occasion) -> list[Consent]:
        keys = address_keys(profile, PLAYS[occasion.trigger].channel, self.hash_secret())
        return [consent for key in keys for consent in self.view.address_consents(key)]

    def _consents(self, profile: Profile) -> Sequence[Consent]:
        """Return all answers of a person, once they are as new as the profile."""
        waited = 0.0
        while not answers_arrived(profile, consents := self.view.consents(profile.person_id)):
            if waited >= PATIENCE_SECONDS:
                raise AnswerUnderwayError(
                    f"{profile.person_id}: an answer of {profile.text('aggregates', 'last_consent_at')} is counted in "
                    f"the profile but not stored after {waited:.0f} s; the change will be delivered again"
                )
            self.pause(LOOK_AGAIN_SECONDS)
            waited += LOOK_AGAIN_SECONDS
        return consents


def _contacts(recent: Sequence[Mapping[str, Any]]) -> list[datetime]:
    return [moment(item["decided_at"]) for item in recent if item["action"] != Action.SILENCE]
