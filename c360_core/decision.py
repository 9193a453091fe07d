"""Decisions: what now for this person? A message, a message later, or silence, always with the reasons.

All rules are asked and every reason to stay silent is kept, so that the answer to "why did I get nothing?" is whole.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from c360_core.consent import Channel, Consent, Purpose, Standing, standing
from c360_core.profile import Profile
from c360_core.timeline import moment, moment_text

DECISION_PREFIX: Final = "d_"
MESSAGE_PREFIX: Final = "m_"


class Trigger(StrEnum):
    """What made us think of this person."""

    FIRST_PURCHASE = "first_purchase"
    UNHAPPY_CASE = "unhappy_case"


class Action(StrEnum):
    """What we do about it."""

    SEND = "send"
    DEFER = "defer"
    SILENCE = "silence"


class Reason(StrEnum):
    """Why; codes, because people, tests and dashboards read them."""

    FIRST_PURCHASE = "FIRST_PURCHASE"
    UNHAPPY_CASE = "UNHAPPY_CASE"
    CONSENT_GRANTED = "CONSENT_GRANTED"
    CONSENT_NEVER_GIVEN = "CONSENT_NEVER_GIVEN"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    ADDRESS_SUPPRESSED = "ADDRESS_SUPPRESSED"
    NO_EMAIL = "NO_EMAIL"
    FREQUENCY_CAP = "FREQUENCY_CAP"
    QUIET_HOURS = "QUIET_HOURS"


class Template(StrEnum):
    """Messages we have; the settings name the provider's template for each."""

    WELCOME = "welcome"
    WELCOME_FOLLOW_UP = "welcome_follow_up"
    SERVICE_RECOVERY = "service_recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The answer to a trigger: which message, in which channel, under which purpose of consent."""

    template: Template
    purpose: Purpose
    channel: Channel


PLAYS: Final[Mapping[Trigger, Play]] = MappingProxyType(
    {
        Trigger.FIRST_PURCHASE: Play(template=Template.WELCOME, purpose=Purpose.MARKETING, channel=Channel.EMAIL),
        Trigger.UNHAPPY_CASE: Play(
            template=Template.SERVICE_RECOVERY, purpose=Purpose.MARKETING, channel=Channel.EMAIL
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of contact.

    Attributes:
        quiet_from, quiet_until: local hours 0..23 between which nobody is written to; equal means never quiet.
        default_time_zone: IANA name, for people whose own is unknown.
        cap_messages: messages per person within `cap_days`.
        cap_days: length of the sliding window, in days.
        recovery_csat_at_most: a closed case with this mark (1..5) or a worse one is unhappy.
    """

    quiet_from: int
    quiet_until: int
    default_time_zone: str
    cap_messages: int
    cap_days: int
    recovery_csat_at_most: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One thing that happened and calls for a decision. `subject` is the same whenever it is seen again."""

    trigger: Trigger
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer: action, reasons and, unless silent, the message it stands for and the earliest moment to send it."""

    decision_id: str
    person_id: str
    trigger: Trigger
    action: Action
    reasons: tuple[Reason, ...]
    purpose: Purpose
    channel: Channel
    template: Template
    occasion_at: datetime
    decided_at: datetime
    not_before: datetime


def occasions(old: Profile | None, new: Profile, rules: Rules) -> tuple[Occasion, ...]:
    """Return what became true between two profiles of one person. History that was replayed triggers nothing.

    Neither does a rebuild: what it tells step by step was true before.

    Someone whom identity resolution does not know yet cannot be answered: no address, no consent. To be silent now
    would be the last word on the matter, so the occasion waits for the first profile of the person who is known.
    """
    if new.rebuilt or not _is_known(new):
        return ()
    before = old if old is not None and _is_known(old) else None
    found = (_first_purchase(before, new), _unhappy_case(before, new, rules.recovery_csat_at_most))
    return tuple(occasion for occasion in found if occasion is not None)


def decide(
    occasion: Occasion,
    profile: Profile,
    *,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    rules: Rules,
    now: datetime,
    address_consents: Iterable[Consent] = (),
) -> Decision:
    """Decide about one occasion.

    Args:
        occasion: what happened.
        profile: the person, as of now.
        consents: all their answers, in any order.
        contacts: when they were written to, or were decided to be; any order, any age.
        rules: the limits of contact.
        now: the moment of the decision.
        address_consents: all answers about the address that the message would go to, whoever gave them.
    """
    play = PLAYS[occasion.trigger]
    against = objections(
        profile,
        consents=consents,
        contacts=contacts,
        purpose=play.purpose,
        channel=play.channel,
        rules=rules,
        now=now,
        address_consents=address_consents,
    )
    not_before = earliest(profile, rules, now)
    if against:
        action, reasons, not_before = Action.SILENCE, against, now
    elif not_before > now:
        action, reasons = Action.DEFER, (Reason(occasion.trigger.upper()), Reason.CONSENT_GRANTED, Reason.QUIET_HOURS)
    else:
        action, reasons = Action.SEND, (Reason(occasion.trigger.upper()), Reason.CONSENT_GRANTED)
    return Decision(
        decision_id=decision_id(occasion),
        person_id=profile.person_id,
        trigger=occasion.trigger,
        action=action,
        reasons=reasons,
        purpose=play.purpose,
        channel=play.channel,
        template=play.template,
        occasion_at=occasion.at,
        decided_at=now,
        not_before=not_before,
    )


def objections(
    profile: Profile,
    *,
    consents: Iterable[Consent],
    contacts: Iterable[datetime],
    purpose: Purpose,
    channel: Channel,
    rules: Rules,
    now: datetime,
    address_consents: Iterable[Consent] = (),
) -> tuple[Reason, ...]:
    """Return every reason not to write to this person; empty means we may. Asked again when sending.

    An address that said no gets nothing, whoever owns it. One that never said anything is no objection: it is the
    person who must have agreed.
    """
    found: list[Reason] = []
    match standing(consents, purpose, channel):
        case Standing.WITHDRAWN:
            found.append(Reason.CONSENT_WITHDRAWN)
        case Standing.NEVER_ASKED:
            found.append(Reason.CONSENT_NEVER_GIVEN)
        case Standing.GRANTED:
            pass
    if standing(address_consents, purpose, channel) is Standing.WITHDRAWN:
        found.append(Reason.ADDRESS_SUPPRESSED)
    if channel is Channel.EMAIL and not profile.text("attributes", "email"):
        found.append(Reason.NO_EMAIL)
    since = now - timedelta(days=rules.cap_days)
    if sum(1 for at in contacts if since < at <= now) >= rules.cap_messages:
        found.append(Reason.FREQUENCY_CAP)
    return tuple(found)


def earliest(profile: Profile, rules: Rules, now: datetime) -> datetime:
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


def decision_facts(decision: Decision) -> dict[str, object]:
    """Return a decision in plain values, under the names that the single view, the journey and events use."""
    return {
        "decision_id": decision.decision_id,
        "person_id": decision.person_id,
        "trigger": str(decision.trigger),
        "action": str(decision.action),
        "reasons": [str(reason) for reason in decision.reasons],
        "purpose": str(decision.purpose),
        "channel": str(decision.channel),
        "template": str(decision.template),
        "message_id": message_id(decision.decision_id, decision.channel, decision.template),
        "occasion_at": moment_text(decision.occasion_at),
        "decided_at": moment_text(decision.decided_at),
        "not_before": moment_text(decision.not_before),
    }


def answers_arrived(profile: Profile, consents: Iterable[Consent]) -> bool:
    """Tell whether the answers at hand are as new as those that a profile counts.

    Profile and answers reach the single view as two messages. A purchase right after a withdrawal may be seen first.
    """
    counted = profile.text("aggregates", "last_consent_at")
    return counted is None or any(consent.decided_at >= moment(counted) for consent in consents)


def decision_id(occasion: Occasion) -> str:
    """Return the id of the decision on an occasion: the same whenever the occasion is seen again."""
    return DECISION_PREFIX + _hash(occasion.trigger, occasion.subject)


def message_id(decision: str, channel: Channel, template: str) -> str:
    """Return the id of a message: one per decision, channel and template, so that it cannot be sent twice."""
    return MESSAGE_PREFIX + _hash(decision, channel, template)


def _is_known(person: Profile) -> bool:
    """Tell whether a run of identity resolution has said who this is, and not only what is theirs."""
    return person.version.identity_version > 0


def _first_purchase(old: Profile | None, new: Profile) -> Occasion | None:
    first = new.number("orders") == 1 and new.number("live_orders") == 1
    # Any earlier order, even one that a split of two people took away again, means that it was not the first.
    if not first or (old is not None and (old.number("orders") or 0) > 0):
        return None
    at = _moment_of(new, "first_order_at")
    return Occasion(trigger=Trigger.FIRST_PURCHASE, subject=f"{new.person_id}@{at.isoformat()}", at=at)


def _unhappy_case(old: Profile | None, new: Profile, csat_at_most: int) -> Occasion | None:
    case, csat = new.text("aggregates", "last_case_id"), new.number("last_case_csat")
    if case is None or csat is None or csat > csat_at_most:
        return None
    if old is not None and (old.text("aggregates", "last_case_id"), old.number("last_case_csat")) == (case, csat):
        return None
    # The case alone is the subject: when two people turn out to be one, nobody says sorry twice.
    return Occasion(trigger=Trigger.UNHAPPY_CASE, subject=case, at=_moment_of(new, "last_case_closed_at"))


def _moment_of(profile: Profile, name: str) -> datetime:
    text = profile.text("aggregates", name) or profile.last_event_at
    if text is None:
        raise ValueError(f"profile {profile.person_id}: {name} and last_event_at are both missing; one must date it")
    return moment(text)


def _zone(profile: Profile, rules: Rules) -> ZoneInfo:
    own = profile.text("attributes", "time_zone")
    try:
        return ZoneInfo(own or rules.default_time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A source sent a zone that nobody knows: better the house's own night than none.
        return ZoneInfo(rules.default_time_zone)


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
