"""Decision rules: which events call for a decision, what speaks against a message, and when it may go.

Every rule is checked and every reason to suppress a message is kept, so that the question "why did this person get
nothing?" has a complete answer. No rule knows a channel: what differs is the type of address that a channel needs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from c360_core.address import address_of
from c360_core.consent import ADDRESS_TYPES, Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.decision import Action, Decision, Reason, Template, Trigger, decision_id
from c360_core.moments import moment
from c360_core.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The response to a trigger: which message, in which channel, under which purpose of consent."""

    template: Template
    purpose: Purpose
    channel: Channel


CAMPAIGNS: Final[Mapping[Trigger, Campaign]] = MappingProxyType(
    {
        Trigger.FIRST_PURCHASE: Campaign(template=Template.WELCOME, purpose=Purpose.MARKETING, channel=Channel.EMAIL),
        Trigger.UNHAPPY_CASE: Campaign(
            template=Template.SERVICE_RECOVERY, purpose=Purpose.MARKETING, channel=Channel.EMAIL
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """The limits of contact.

    Attributes:
        quiet_from, quiet_until: local hours, 0 to 23, between which no message is sent; equal hours mean no quiet time.
        default_time_zone: IANA name, for people whose own time zone is unknown.
        cap_messages: the most messages per person within `cap_days`.
        cap_days: length of the sliding window, in days.
        recovery_csat_at_most: a closed case with this satisfaction score (1 to 5) or a lower one is unhappy.
    """

    quiet_from: int
    quiet_until: int
    default_time_zone: str
    cap_messages: int
    cap_days: int
    recovery_csat_at_most: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerEvent:
    """Something that happened to a person and calls for a decision.

    Attributes:
        trigger: the kind of event.
        subject: what the event is about; the same however often the event is seen.
        at: when it happened.
    """

    trigger: Trigger
    subject: str
    at: datetime

    @property
    def decision_id(self) -> str:
        """The id of the one decision on this event."""
        return decision_id(self.trigger, self.subject)


def trigger_events(old: Profile | None, new: Profile, rules: ContactRules) -> tuple[TriggerEvent, ...]:
    """Return the events that a change of a person's profile stands for.

    Replayed history triggers nothing. Neither does a rebuild: what it repeats step by step was true before.

    A person whom identity resolution does not know yet has no address and no consent. To suppress the message now
    would settle the matter for good, so the event waits for the first profile of the person who is known.
    """
    if new.rebuilt or not _is_known(new):
        return ()
    before = old if old is not None and _is_known(old) else None
    found = (_first_purchase(before, new), _unhappy_case(before, new, rules.recovery_csat_at_most))
    return tuple(event for event in found if event is not None)


def decide(
    event: TriggerEvent,
    profile: Profile,
    *,
    campaign: Campaign,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    rules: ContactRules,
    now: datetime,
    address_consents: Iterable[Consent] = (),
) -> Decision:
    """Decide on one trigger event.

    Args:
        event: what happened.
        profile: the person's present profile.
        campaign: the response to this kind of event.
        consents: all answers of the person, in any order.
        contacts: when messages to this person were sent or decided; any order, any age.
        rules: the limits of contact.
        now: the moment of the decision.
        address_consents: all answers about the address that the message would go to, whoever gave them.
    """
    against = suppression_reasons(
        profile,
        consents=consents,
        contacts=contacts,
        purpose=campaign.purpose,
        channel=campaign.channel,
        rules=rules,
        now=now,
        address_consents=address_consents,
    )
    why = (Reason(event.trigger.upper()), Reason.CONSENT_GRANTED)
    not_before = earliest_send_time(profile, rules, now)
    if against:
        action, reasons, not_before = Action.SUPPRESS, against, now
    elif not_before > now:
        action, reasons = Action.DEFER, (*why, Reason.QUIET_HOURS)
    else:
        action, reasons = Action.SEND, why
    return Decision(
        decision_id=event.decision_id,
        person_id=profile.person_id,
        trigger=event.trigger,
        action=action,
        reasons=reasons,
        purpose=campaign.purpose,
        channel=campaign.channel,
        template=campaign.template,
        occasion_at=event.at,
        decided_at=now,
        not_before=not_before,
    )


def suppression_reasons(
    profile: Profile,
    *,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    purpose: Purpose,
    channel: Channel,
    rules: ContactRules,
    now: datetime,
    address_consents: Iterable[Consent] = (),
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
    if address_of(profile, channel) is None:
        found.append(missing_address(channel))
    since = now - timedelta(days=rules.cap_days)
    if sum(1 for at in contacts if since < at <= now) >= rules.cap_messages:
        found.append(Reason.FREQUENCY_CAP)
    return tuple(found)


def missing_address(channel: Channel) -> Reason:
    """Return the reason that names the type of address that a channel needs, such as `NO_EMAIL` or `NO_PHONE`."""
    return Reason(f"NO_{ADDRESS_TYPES[channel][0].upper()}")


def earliest_send_time(profile: Profile, rules: ContactRules, now: datetime) -> datetime:
    """Return the first moment, from now on, outside the quiet hours of the person's own time zone; UTC."""
    if rules.quiet_from == rules.quiet_until:
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


def _first_purchase(old: Profile | None, new: Profile) -> TriggerEvent | None:
    first = new.number("orders") == 1 and new.number("live_orders") == 1
    # Any earlier order, even one that a split of two people took away again, means that it was not the first.
    if not first or (old is not None and (old.number("orders") or 0) > 0):
        return None
    at = _moment_of(new, "first_order_at")
    return TriggerEvent(trigger=Trigger.FIRST_PURCHASE, subject=f"{new.person_id}@{at.isoformat()}", at=at)


def _unhappy_case(old: Profile | None, new: Profile, csat_at_most: int) -> TriggerEvent | None:
    case, csat = new.text("aggregates", "last_case_id"), new.number("last_case_csat")
    if case is None or csat is None or csat > csat_at_most:
        return None
    if old is not None and (old.text("aggregates", "last_case_id"), old.number("last_case_csat")) == (case, csat):
        return None
    # The case alone is the subject: when two people turn out to be one, they get one apology.
    return TriggerEvent(trigger=Trigger.UNHAPPY_CASE, subject=case, at=_moment_of(new, "last_case_closed_at"))


def _moment_of(profile: Profile, name: str) -> datetime:
    text = profile.text("aggregates", name) or profile.last_event_at
    if text is None:
        raise ValueError(f"profile {profile.person_id}: {name} and last_event_at are both missing; set one of them")
    return moment(text)


def _zone(profile: Profile, rules: ContactRules) -> ZoneInfo:
    own = profile.text("attributes", "time_zone")
    try:
        return ZoneInfo(own or rules.default_time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A source sent an unknown time zone: the default quiet hours are better than none.
        return ZoneInfo(rules.default_time_zone)
