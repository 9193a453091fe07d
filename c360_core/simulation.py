"""What plays would have decided: the same rules as in operation, over changes of profiles that happened.

What an answer about consent or an address was at the time is not known any more: those of now count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from c360_core.consent import Consent
from c360_core.decision import Action, Decision
from c360_core.decision_rules import ContactRules, Earlier, decide, out_of_budget, trigger_events
from c360_core.moments import moment
from c360_core.play import Play, Playbook, period_of
from c360_core.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a time that is over.

    Attributes:
        versions: of the profiles of people, in any order; of those before `since` only the latest of each person.
        consents: the answers of each person, as they are now.
        earlier: the decisions about each person from before `since`, which caps may look back to.
        since: when the time begins; versions before only say what was there.
    """

    versions: Sequence[Profile]
    consents: Mapping[str, Sequence[Consent]]
    earlier: Mapping[str, Sequence[Earlier]]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a changed playbook changes.

    Attributes:
        gained: decisions of the changed one to contact somebody, where the present one would not.
        lost: decisions of the present one to contact somebody, where the changed one would not.
        moved: pairs of both where both would, but by another channel, message, offer or at another time.
    """

    gained: tuple[Decision, ...]
    lost: tuple[Decision, ...]
    moved: tuple[tuple[Decision, Decision], ...]


def simulate(playbook: Playbook, past: Past) -> tuple[Decision, ...]:
    """Return the decisions that a playbook would have made, in the order of time."""
    run = _Run(playbook=playbook, past=past)
    for old, new in _changes(past.versions):
        if new.computed_at is not None and moment(new.computed_at) >= past.since:
            run.on_change(old, new, moment(new.computed_at))
    return tuple(run.decisions.values())


def difference(present: Iterable[Decision], changed: Iterable[Decision]) -> Difference:
    """Return what changes between the decisions of two playbooks over the same past."""
    before = {one.decision_id: one for one in present if one.action is not Action.SUPPRESS}
    after = {one.decision_id: one for one in changed if one.action is not Action.SUPPRESS}
    both = [(before[key], after[key]) for key in after if key in before]
    return Difference(
        gained=tuple(one for key, one in after.items() if key not in before),
        lost=tuple(one for key, one in before.items() if key not in after),
        moved=tuple((one, other) for one, other in both if one != other),
    )


def reasons_by_play(decisions: Iterable[Decision]) -> dict[str, Counter[str]]:
    """Return for each play how many messages there would have been, as `send` and `defer`, and why not, by reason."""
    counted: dict[str, Counter[str]] = {}
    for one in decisions:
        count = counted.setdefault(one.trigger, Counter())
        count.update(one.reasons if one.action is Action.SUPPRESS else [str(one.action)])
    return counted


def _changes(versions: Iterable[Profile]) -> list[tuple[Profile | None, Profile]]:
    """Return each version after the one before it, in the order in which they were computed."""
    latest: dict[str, Profile] = {}
    found = []
    for new in sorted(versions, key=lambda one: (one.computed_at or "", one.version.text, one.event_count)):
        found.append((latest.get(new.person_id), new))
        latest[new.person_id] = new
    return found


@dataclass(slots=True, kw_only=True)
class _Run:
    playbook: Playbook
    past: Past
    decisions: dict[tuple[str, str], Decision] = field(default_factory=dict)
    made: dict[str, list[Earlier]] = field(default_factory=dict)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)

    def on_change(self, old: Profile | None, new: Profile, now: datetime) -> None:
        for event in trigger_events(old, new, self.playbook):
            play = self.playbook.play(event.trigger)
            if play is None or (new.person_id, event.decision_id) in self.decisions:
                continue
            earlier = [*self.past.earlier.get(new.person_id, ()), *self.made.get(new.person_id, ())]
            decision = decide(
                event,
                new,
                play=play,
                consents=self.past.consents.get(new.person_id, ()),
                contacts=[one.at for one in earlier if one.is_contact],
                earlier=earlier,
                rules=_rules(self.playbook),
                now=now,
            )
            self._keep(self._within_budget(decision, play))

    def _within_budget(self, decision: Decision, play: Play) -> Decision:
        if play.budget is None or decision.action is Action.SUPPRESS:
            return decision
        account = (play.name, period_of(play.budget, decision.decided_at))
        if self.spent[account] >= play.budget.messages:
            return out_of_budget(decision)
        self.spent[account] += 1
        return decision

    def _keep(self, decision: Decision) -> None:
        self.decisions[decision.person_id, decision.decision_id] = decision
        contacted = decision.action is not Action.SUPPRESS
        about = Earlier(
            play=decision.trigger,
            at=decision.decided_at,
            contacted=contacted,
            is_task=decision.action is Action.TASK,
        )
        self.made.setdefault(decision.person_id, []).append(about)


def _rules(playbook: Playbook) -> ContactRules:
    limits = playbook.limits
    return ContactRules(
        quiet_from=limits.quiet_from,
        quiet_until=limits.quiet_until,
        default_time_zone=limits.default_time_zone,
        cap_messages=limits.cap.messages,
        cap_days=limits.cap.days,
        unhappy=limits.unhappy,
    )
