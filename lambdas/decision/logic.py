"""From a changed profile to decisions that are stored and published."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from c360_aws.single_view_reader import Page
from c360_core.address import address_keys
from c360_core.consent import Channel, Consent
from c360_core.decision import Action, Decision, decision_facts
from c360_core.decision_rules import (
    ContactRules,
    Earlier,
    TriggerEvent,
    consents_are_current,
    decide,
    out_of_budget,
    trigger_events,
)
from c360_core.devices import Device, live_devices
from c360_core.moments import moment
from c360_core.play import Play, Playbook, load_playbook, period_of
from c360_core.profile import Profile

# Decisions that are read at a time.
RECENT_DECISIONS: Final = 50
# Decisions lie in the order of what they are about, and that may be so much older than the decision.
LATE: Final = timedelta(days=31)
# An identity run describes a person in several messages, and `unify` may make a profile between two of them.
SETTLE_SECONDS: Final = 3.0
# An answer that the profile already counts arrives at most one batch later.
POLL_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 5.0


class ConsentPendingError(RuntimeError):
    """The profile counts an answer about consent that is not stored yet; decide when the change is delivered again."""


class PersonPendingError(RuntimeError):
    """The survivor of a merge has no profile yet; decide when the change is delivered again."""


class DecisionView(Protocol):
    """What a decision needs to know of a person."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the present profile."""

    def survivor(self, person_id: str) -> str | None:
        """Return the id into which a person was merged, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address, whoever gave them."""

    def devices(self, person_id: str) -> Sequence[Device]:
        """Return a person's devices, expired or not."""

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return the latest decisions, newest first."""


class DecisionStore(Protocol):
    """Where decisions are stored."""

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        """Store a decision unless there is one on the same event; return whether it was stored."""

    def put_within_budget(self, decision: Decision, *, period: str, most: int, keep_days: int) -> bool | None:
        """Store a decision likewise and count it, both or neither; None when the budget has nothing left."""


class Publisher(Protocol):
    """What publishes decisions."""

    def publish(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Publish to the events stream and, unless the message is suppressed, to the event bus.

        A repetition changes nothing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Decides on the trigger events that a changed profile stands for."""

    view: DecisionView
    store: DecisionStore
    publisher: Publisher
    rules: ContactRules
    keep_days: int
    hash_secret: Callable[[], bytes]
    playbook: Playbook = field(default_factory=load_playbook)
    pause: Callable[[float], None] = time.sleep

    def on_change(self, old: Profile | None, new: Profile, *, now: datetime) -> tuple[Action, ...]:
        """Decide, store and publish; return the actions of the new decisions.

        The same change may be delivered again: a decision stands, and is only published again, because the first
        delivery may have ended between storing and publishing.

        Raises:
            ConsentPendingError: the profile counts an answer about consent that is not stored yet.
            PersonPendingError: the person was merged into one who has no profile yet.
        """
        decided = (self._on_event(event, new, now) for event in trigger_events(old, new, self.playbook))
        return tuple(action for action in decided if action is not None)

    def _on_event(self, event: TriggerEvent, profile: Profile, now: datetime) -> Action | None:
        play = self.playbook.play(event.trigger)
        if play is None:
            raise ValueError(f"play `{event.trigger}`: it is not in the playbook whose signals are read")
        event, profile = self._of_survivor(event, profile)
        everybody = (profile.person_id, *self.view.former_ids(profile.person_id))
        recent = [item for one in everybody for item in self._recent(one, now)]
        # What happened to somebody before a merge was decided on under the id of then.
        same = {event.of(one, profile.person_id).decision_id for one in everybody}
        known = next((item for item in recent if item["decision_id"] in same), None)
        if known is not None:
            self.publisher.publish(known, profile)
            return None
        settled, earlier = self._settled(profile, now), _earlier(recent)
        if Channel.PUSH in play.channels:
            there = [device for one in everybody for device in self.view.devices(one)]
            settled = replace(settled, devices=live_devices(there, now=now))
        decision = decide(
            event,
            settled,
            play=play,
            consents=self._consents(settled),
            address_consents={channel: self._address_consents(settled, channel) for channel in play.channels},
            contacts=[one.at for one in earlier if one.is_contact],
            earlier=earlier,
            rules=self.rules,
            now=now,
        )
        stored = self._stored(decision, play)
        if stored is None:
            return None  # another invocation was faster, and publishes it
        self.publisher.publish(decision_facts(stored), settled)
        return stored.action

    def _stored(self, decision: Decision, play: Play) -> Decision | None:
        """Store a decision, or that the budget of its play is spent; None when there is one on the same event."""
        if play.budget is not None and decision.action is not Action.SUPPRESS:
            period, most = period_of(play.budget, decision.decided_at), play.budget.messages
            within = self.store.put_within_budget(decision, period=period, most=most, keep_days=self.keep_days)
            if within is not None:
                return decision if within else None
            decision = out_of_budget(decision)
        return decision if self.store.put_decision(decision, keep_days=self.keep_days) else None

    def _of_survivor(self, event: TriggerEvent, profile: Profile) -> tuple[TriggerEvent, Profile]:
        """Return the event and the profile of the person who this one turned out to be.

        The change of somebody who was merged meanwhile is the survivor's; the survivor's own change then is the same
        event. What the merged one had agreed to is the survivor's, too, so no decision could be made on it any more.
        """
        survivor = self.view.survivor(profile.person_id)
        if survivor is None:
            return event, profile
        found = self.view.profile(survivor)
        if found is None:
            raise PersonPendingError(
                f"{profile.person_id}: was merged into {survivor}, who has no profile yet; the change will be "
                "delivered again"
            )
        return event.of(survivor, profile.person_id), found

    def _recent(self, person_id: str, now: datetime) -> list[Mapping[str, Any]]:
        """Return all decisions that a cap, or a play that waits for another, may look back to; newest first."""
        since = now - timedelta(days=_longest(self.playbook, self.rules)) - LATE
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.view.decisions(person_id, limit=RECENT_DECISIONS, cursor=cursor)
            found += page.items
            cursor = page.cursor
            if cursor is None or (page.items and moment(page.items[-1]["occasion_at"]) < since):
                return found

    def _settled(self, profile: Profile, now: datetime) -> Profile:
        """Return the profile after the other messages of the same identity run have had time to arrive.

        A decision on half of what is known of a person would suppress the message, because a consent is still on its
        way; and a decision is final.
        """
        if profile.computed_at is not None:
            age = (now - moment(profile.computed_at)).total_seconds()
            if age < SETTLE_SECONDS:
                self.pause(min(SETTLE_SECONDS - age, SETTLE_SECONDS))
        return self.view.profile(profile.person_id) or profile

    def _address_consents(self, profile: Profile, channel: Channel) -> list[Consent]:
        keys = address_keys(profile, channel, self.hash_secret())
        return [consent for key in keys for consent in self.view.address_consents(key)]

    def _consents(self, profile: Profile) -> Sequence[Consent]:
        """Return all answers of a person, once they are as new as the profile."""
        waited = 0.0
        while not consents_are_current(profile, consents := self.view.consents(profile.person_id)):
            if waited >= PATIENCE_SECONDS:
                raise ConsentPendingError(
                    f"{profile.person_id}: the profile counts an answer of "
                    f"{profile.text('aggregates', 'last_consent_at')} that is not stored after {waited:.0f} s; "
                    "the change will be delivered again"
                )
            self.pause(POLL_SECONDS)
            waited += POLL_SECONDS
        return consents


def _earlier(recent: Sequence[Mapping[str, Any]]) -> list[Earlier]:
    return [
        Earlier(
            play=item["trigger"],
            at=moment(item["decided_at"]),
            contacted=item["action"] != Action.SUPPRESS,
            is_task=item["action"] == Action.TASK,
        )
        for item in recent
    ]


def _longest(playbook: Playbook, rules: ContactRules) -> int:
    """Return how many days the longest window of any limit has."""
    own = [play.at_most.days for play in playbook.plays if play.at_most]
    after = [play.not_after.days for play in playbook.plays if play.not_after]
    return max((rules.cap_days, *own, *after))
