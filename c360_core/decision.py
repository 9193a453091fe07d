"""Decisions as records: what was decided about a person, why, and under which ids."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from c360_core.consent import Channel, Purpose
from c360_core.digests import digest
from c360_core.moments import moment_text

DECISION_PREFIX: Final = "d_"
MESSAGE_PREFIX: Final = "m_"
NO_CHANNEL: Final = "none"  # of a decision without a message


class Action(StrEnum):
    """What a decision asks for. `SUPPRESS` has its value from the stored decisions and the events.

    `TASK` asks our own people for something, and sends the person nothing.
    """

    SEND = "send"
    DEFER = "defer"
    SUPPRESS = "silence"
    TASK = "task"


class Reason(StrEnum):
    """Why a decision was made; stable codes that people, tests and dashboards read.

    The reasons for a message begin with the name of its play, in capitals (`play_reason`).
    """

    CONSENT_GRANTED = "CONSENT_GRANTED"
    CONSENT_NEVER_GIVEN = "CONSENT_NEVER_GIVEN"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    ADDRESS_SUPPRESSED = "ADDRESS_SUPPRESSED"
    NO_EMAIL = "NO_EMAIL"
    NO_PHONE = "NO_PHONE"
    NO_PUSH_TOKEN = "NO_PUSH_TOKEN"  # noqa: S105  # a reason code, not a secret
    FREQUENCY_CAP = "FREQUENCY_CAP"
    QUIET_HOURS = "QUIET_HOURS"
    NOT_IN_AUDIENCE = "NOT_IN_AUDIENCE"
    AFTER_ANOTHER_PLAY = "AFTER_ANOTHER_PLAY"
    PLAY_CAP = "PLAY_CAP"
    NO_WORTHWHILE_OFFER = "NO_WORTHWHILE_OFFER"
    HOLDOUT = "HOLDOUT"
    BUDGET_SPENT = "BUDGET_SPENT"
    UNHAPPY = "UNHAPPY"
    # Only when a message should go out.
    PERSON_GONE = "PERSON_GONE"
    ADDRESS_REJECTED = "ADDRESS_REJECTED"
    SEND_IN_DOUBT = "SEND_IN_DOUBT"
    VALUE_MISSING = "VALUE_MISSING"
    STOPPED = "STOPPED"


class Task(StrEnum):
    """Whom of our own people a play asks for something."""

    SERVICE = "service"


class Template(StrEnum):
    """The messages that we have; the settings name the provider's template for each."""

    WELCOME = "welcome"
    WELCOME_FOLLOW_UP = "welcome_follow_up"
    SERVICE_RECOVERY = "service_recovery"
    WIN_BACK = "win_back"
    WIN_BACK_REMINDER = "win_back_reminder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision with its reasons.

    `trigger` is the name of the play, and `offer` what the message offers, if anything. Unless the decision suppresses
    the message, `template` is the message to send and `not_before` the earliest moment for it.

    A decision about a `task` has no message: no purpose, channel and template.
    """

    decision_id: str
    person_id: str
    trigger: str
    action: Action
    reasons: tuple[str, ...]
    purpose: Purpose | None
    channel: Channel | None
    template: Template | None
    occasion_at: datetime
    decided_at: datetime
    not_before: datetime
    offer: str | None = None
    task: Task | None = None


def decision_facts(decision: Decision) -> dict[str, object]:
    """Return a decision as plain values, under the names that the single view, the journeys and the events use."""
    return {
        "decision_id": decision.decision_id,
        "person_id": decision.person_id,
        "trigger": decision.trigger,
        "action": str(decision.action),
        "reasons": [str(reason) for reason in decision.reasons],
        **_message_facts(decision),
        "occasion_at": moment_text(decision.occasion_at),
        "decided_at": moment_text(decision.decided_at),
        "not_before": moment_text(decision.not_before),
        **({} if decision.offer is None else {"offer": decision.offer}),
        **({} if decision.task is None else {"task": str(decision.task)}),
    }


def _message_facts(decision: Decision) -> dict[str, str]:
    if decision.purpose is None or decision.channel is None or decision.template is None:
        return {"channel": NO_CHANNEL}
    return {
        "purpose": str(decision.purpose),
        "channel": str(decision.channel),
        "template": str(decision.template),
        "message_id": message_id(decision.decision_id, decision.channel, decision.template),
    }


def missing_value(name: str) -> str:
    """Return the reason that a person lacks a value without which the message says nothing."""
    return f"{Reason.VALUE_MISSING}:{name}"


def play_reason(play: str) -> str:
    """Return the reason that a play is for its message."""
    return play.upper()


def decision_id(trigger: str, subject: str) -> str:
    """Return the id of the decision on a trigger event: the same however often the event is seen."""
    return DECISION_PREFIX + digest(trigger, subject)


def message_id(decision: str, channel: Channel, template: str) -> str:
    """Return the id of a message: one per decision, channel and template, so that no message is sent twice."""
    return MESSAGE_PREFIX + digest(decision, channel, template)
