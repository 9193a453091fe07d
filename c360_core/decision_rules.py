"""Decision rules: which plays a change calls, what speaks against a message, and when it may go.

Every rule is checked and every reason to suppress a message is kept, so that the question "why did this person get
nothing?" has a complete answer. No rule knows a channel: what differs is the type of address that a channel needs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from c360_core.address import address_of, is_fetched
from c360_core.conditions import holds
from c360_core.consent import ADDRESS_TYPES, Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.decision import Action, Decision, Reason, Template, decision_id, play_reason
from c360_core.digests import digest
from c360_core.local_hours import next_in_hour
from c360_core.moments import moment
from c360_core.play import SENTIMENT, Audience, Offer, Play, Playbook, Unhappy
from c360_core.profile import Profile
from c360_core.signals import Change, condition_values, is_news, signal_of

_HOURS: Final = 24
_HOLDOUT_DIGITS: Final = 12  # hex digits: as many places as nobody's share of a holdout can be told from


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """The limits of contact.

    Attributes:
        quiet_from, quiet_until: local hours, 0 to 23, between which no message is sent; equal hours mean no quiet time.
        default_time_zone: IANA name, for people whose own time zone is unknown.
        cap_messages: the most messages per person within `cap_days`.
        cap_days: length of the sliding window, in days.
        unhappy: how unhappy somebody may sound who gets marketing; None: it does not matter.
    """

    quiet_from: int
    quiet_until: int
    default_time_zone: str
    cap_messages: int
    cap_days: int
    unhappy: Unhappy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerEvent:
    """Something that happened to a person and calls for a decision.

    Attributes:
        trigger: the name of the play that it calls.
        subject: what the event is about; the same however often the event is seen.
        at: when it happened.
    """

    trigger: str
    subject: str
    at: datetime

    @property
    def decision_id(self) -> str:
        """The id of the one decision on this event."""
        return decision_id(self.trigger, self.subject)

    def of(self, person_id: str, former_id: str) -> "TriggerEvent":
        """Return the event as that of another id of the same human."""
        own = f"{former_id}@"
        if not self.subject.startswith(own):
            return self  # it is about a thing, such as a case
        return replace(self, subject=f"{person_id}@{self.subject.removeprefix(own)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier decision about a person: of which play, when, and whether a message or a task came of it."""

    play: str
    at: datetime
    contacted: bool
    is_task: bool = False

    @property
    def is_contact(self) -> bool:
        """Tell whether the person heard of us."""
        return self.contacted and not self.is_task


def trigger_events(old: Profile | None, new: Profile, playbook: Playbook) -> tuple[TriggerEvent, ...]:
    """Return the events that a change of a person's profile stands for, in the order in which they are decided on.

    What replayed history moves triggers nothing. Neither does a rebuild: what it repeats step by step was true before.

    A person whom identity resolution does not know yet has no address and no consent. To suppress the message now
    would settle the matter for good, so the event waits for the first profile of the person who is known.
    """
    if new.rebuilt or not _is_known(new):
        return ()
    before = old if old is not None and _is_known(old) else None
    if not is_news(before, new):
        return ()
    change = Change.of(before, new)
    found = ((play, signal_of(play, change)) for play in playbook.plays)
    return tuple(
        TriggerEvent(trigger=play.name, subject=signal.subject, at=signal.at) for play, signal in found if signal
    )


def decide(  # noqa: PLR0913  # each thing that it rests on has a name
    event: TriggerEvent,
    profile: Profile,
    *,
    play: Play,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    rules: ContactRules,
    now: datetime,
    address_consents: Mapping[Channel, Iterable[Consent]] | None = None,
    earlier: Iterable[Earlier] = (),
) -> Decision:
    """Decide on one trigger event.

    Args:
        event: what happened.
        profile: the person's present profile.
        play: the response to this kind of event.
        consents: all answers of the person, in any order.
        contacts: when messages to this person were sent or decided; any order, any age.
        rules: the limits of contact.
        now: the moment of the decision.
        address_consents: by channel all answers about the address that the message would go to, whoever gave them.
        earlier: the earlier decisions about this person, of all plays; any order, any age.
    """
    if play.purpose is None:
        return _task_decision(event, profile, play, tuple(earlier), now)
    answers, about, at_times, purpose = tuple(consents), address_consents or {}, tuple(contacts), play.purpose
    objections = {
        channel: suppression_reasons(
            profile,
            consents=answers,
            contacts=at_times,
            purpose=purpose,
            channel=channel,
            rules=rules,
            now=now,
            address_consents=about.get(channel, ()),
            message=play.message,
        )
        for channel in play.channels
    }
    open_channel = next((channel for channel, against in objections.items() if not against), None)
    offer = best_offer(play, profile)
    against = [] if open_channel else list(dict.fromkeys(one for found in objections.values() for one in found))
    against += play_objections(play, profile, offer, earlier=tuple(earlier), now=now)
    if not against and in_holdout(play, profile.person_id):
        # The last one, and alone: whoever is held out would have got the message, so that the two can be compared.
        against.append(Reason.HOLDOUT)
    return _decision(event, profile, play, open_channel, offer, against, rules, now)


def out_of_budget(decision: Decision) -> Decision:
    """Return the decision not to send a message for which the budget of its play had nothing left."""
    return replace(
        decision, action=Action.SUPPRESS, reasons=(Reason.BUDGET_SPENT,), not_before=decision.decided_at, offer=None
    )


def play_objections(
    play: Play, profile: Profile, offer: Offer | None, *, earlier: Sequence[Earlier], now: datetime
) -> list[Reason]:
    """Return every reason of the play itself not to send its message to a person."""
    found: list[Reason] = []
    if not in_audience(play.audience, profile):
        found.append(Reason.NOT_IN_AUDIENCE)
    if (rule := play.not_after) is not None:
        since = now - timedelta(days=rule.days)
        if any(one.play in rule.plays and since < one.at <= now for one in earlier):
            found.append(Reason.AFTER_ANOTHER_PLAY)
    if (cap := play.at_most) is not None:
        since = now - timedelta(days=cap.days)
        own = sum(1 for one in earlier if one.contacted and one.play == play.name and since < one.at <= now)
        if own >= cap.messages:
            found.append(Reason.PLAY_CAP)
    if play.offers and offer is None:
        found.append(Reason.NO_WORTHWHILE_OFFER)
    return found


def in_audience(audience: Audience, profile: Profile) -> bool:
    """Tell whether a person belongs to the audience of a play."""
    inside = set(profile.segments)
    return (
        (audience.query is None or holds(audience.query, condition_values(profile)))
        and inside.issuperset(audience.in_segments)
        and inside.isdisjoint(audience.not_in_segments)
    )


def in_holdout(play: Play, person_id: str) -> bool:
    """Tell whether a person is held out of a play: always the same answer, and another one for another play."""
    place = int(digest("holdout", play.name, person_id, digits=_HOLDOUT_DIGITS), 16)
    return place * 100 < play.holdout_percent * 16**_HOLDOUT_DIGITS


def best_offer(play: Play, profile: Profile) -> Offer | None:
    """Return the offer that is expected to bring most, or None when none brings anything; of two alike the first.

    An offer is worth its chance times what is left of its value after its cost. Without the score that says the chance
    it is worth nothing.
    """
    worth = [(_chance(offer, profile) * (offer.value - offer.cost), -place) for place, offer in enumerate(play.offers)]
    best = max(worth, default=(Decimal(0), 0))
    return play.offers[-best[1]] if best[0] > 0 else None


def _chance(offer: Offer, profile: Profile) -> Decimal:
    if offer.chance is None:
        return Decimal(1)
    return min(max(profile.scores.get(offer.chance, Decimal(0)), Decimal(0)), Decimal(1))


def _decision(
    event: TriggerEvent,
    profile: Profile,
    play: Play,
    channel: Channel | None,
    offer: Offer | None,
    against: Sequence[Reason],
    rules: ContactRules,
    now: datetime,
) -> Decision:
    why = (play_reason(event.trigger), Reason.CONSENT_GRANTED)
    channel = channel or play.channels[0]
    earliest = earliest_send_time(profile, rules, now, channel=channel)
    not_before = send_time(play, profile, rules, now, channel=channel)
    reasons: tuple[str, ...] = why
    if earliest > now:
        reasons = (*reasons, Reason.QUIET_HOURS)
    if not_before > earliest:
        reasons = (*reasons, Reason.BEST_HOUR)
    action = Action.DEFER if not_before > now else Action.SEND
    if against:
        action, reasons, not_before = Action.SUPPRESS, tuple(against), now
    return Decision(
        decision_id=event.decision_id,
        person_id=profile.person_id,
        trigger=event.trigger,
        action=action,
        reasons=reasons,
        purpose=play.purpose,
        channel=channel,
        template=play.message,
        occasion_at=event.at,
        decided_at=now,
        not_before=not_before,
        offer=offer.name if offer is not None and not against else None,
    )


def _task_decision(
    event: TriggerEvent, profile: Profile, play: Play, earlier: Sequence[Earlier], now: datetime
) -> Decision:
    """Decide on a task for our own people: the person hears nothing, so neither consent nor the hour matters."""
    against = play_objections(play, profile, None, earlier=earlier, now=now)
    if not against and in_holdout(play, profile.person_id):
        against.append(Reason.HOLDOUT)
    return Decision(
        decision_id=event.decision_id,
        person_id=profile.person_id,
        trigger=event.trigger,
        action=Action.SUPPRESS if against else Action.TASK,
        reasons=tuple(against) or (play_reason(event.trigger),),
        purpose=None,
        channel=None,
        template=None,
        occasion_at=event.at,
        decided_at=now,
        not_before=now,
        task=play.task,
    )


def suppression_reasons(  # noqa: PLR0913  # each thing that it rests on has a name
    profile: Profile,
    *,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    purpose: Purpose,
    channel: Channel,
    rules: ContactRules,
    now: datetime,
    address_consents: Iterable[Consent] = (),
    message: Template | None = None,
) -> tuple[Reason, ...]:
    """Return every reason not to contact this person in a channel; none means that we may. Checked again when sending.

    An address for which somebody refused gets nothing, whoever else owns it. An address without an answer is no reason:
    the person must have agreed, not the address.
    """
    found: list[Reason] = []
    match consent_status(consents, purpose, channel):
        case ConsentStatus.WITHDRAWN:
            found.append(Reason.CONSENT_WITHDRAWN)
        case ConsentStatus.NEVER_ASKED:
            found.append(Reason.CONSENT_NEVER_GIVEN)
        case ConsentStatus.GRANTED:
            pass
    if consent_status(address_consents, purpose, channel) is ConsentStatus.WITHDRAWN:
        found.append(Reason.ADDRESS_SUPPRESSED)
    if not is_fetched(channel) and address_of(profile, channel) is None:
        found.append(missing_address(channel))
    since = now - timedelta(days=rules.cap_days)
    if sum(1 for at in contacts if since < at <= now) >= rules.cap_messages:
        found.append(Reason.FREQUENCY_CAP)
    if purpose is Purpose.MARKETING and _is_unhappy(profile, rules.unhappy, message):
        found.append(Reason.UNHAPPY)
    return tuple(found)


def _is_unhappy(profile: Profile, rule: Unhappy | None, message: Template | None) -> bool:
    """Tell whether somebody sounded too unhappy for a message that does not make up for it."""
    mood = profile.scores.get(SENTIMENT)
    return rule is not None and mood is not None and mood <= rule.at_most and message not in rule.except_messages


def missing_address(channel: Channel) -> Reason:
    """Return the reason that names the type of address that a channel needs, such as `NO_EMAIL` or `NO_PHONE`."""
    return Reason(f"NO_{ADDRESS_TYPES[channel][0].upper()}")


def earliest_send_time(profile: Profile, rules: ContactRules, now: datetime, *, channel: Channel) -> datetime:
    """Return the first moment, from now on, outside the quiet hours of the person's own time zone; UTC.

    A message that waits until the person comes for it wakes nobody, so it may go at any hour.
    """
    if rules.quiet_from == rules.quiet_until or is_fetched(channel):
        return now
    local = now.astimezone(_zone(profile, rules))
    over_midnight = rules.quiet_from > rules.quiet_until
    late, early = local.hour >= rules.quiet_from, local.hour < rules.quiet_until
    quiet = (late or early) if over_midnight else (late and early)
    if not quiet:
        return now
    morning = local.replace(hour=rules.quiet_until, minute=0, second=0, microsecond=0)
    if over_midnight and late:
        morning += timedelta(days=1)
    return morning.astimezone(UTC)


def send_time(play: Play, profile: Profile, rules: ContactRules, now: datetime, *, channel: Channel) -> datetime:
    """Return when the message of a play should go: outside the quiet hours, in the person's best hour if it may wait.

    It goes as early as the quiet hours allow where nobody knows the best hour, where that hour comes too late, and
    where it is a quiet one. A message that waits until the person comes for it waits for no hour.
    """
    earliest = earliest_send_time(profile, rules, now, channel=channel)
    hour = None if play.send_at is None else _hour(profile.scores.get(play.send_at.hour))
    if play.send_at is None or hour is None or is_fetched(channel):
        return earliest
    best = next_in_hour(earliest, hour, _zone(profile, rules))
    too_late = best > now + timedelta(hours=play.send_at.within_hours)
    is_quiet = earliest_send_time(profile, rules, best, channel=channel) > best
    return earliest if too_late or is_quiet else best


def _hour(score: Decimal | None) -> int | None:
    """Return the hour of the day that a score names, or None: a score may come from anywhere."""
    return int(score) if score is not None and 0 <= score < _HOURS else None


def consents_are_current(profile: Profile, consents: Iterable[Consent]) -> bool:
    """Tell whether the answers at hand are as new as the latest one that the profile counts.

    Profile and answers reach the single view as two messages, so a purchase right after a withdrawal may be seen
    before the withdrawal.
    """
    counted = profile.text("aggregates", "last_consent_at")
    return counted is None or any(consent.decided_at >= moment(counted) for consent in consents)


def _is_known(person: Profile) -> bool:
    """Tell whether an identity run has said who this is, or the profile only has what an anonymous visitor did."""
    return person.version.identity_version > 0


def _zone(profile: Profile, rules: ContactRules) -> ZoneInfo:
    own = profile.text("attributes", "time_zone")
    try:
        return ZoneInfo(own or rules.default_time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A source sent an unknown time zone: the default quiet hours are better than none.
        return ZoneInfo(rules.default_time_zone)
