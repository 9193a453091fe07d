"""SES's reports read into our words. No address is read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from c360_core.delivery import BounceType, Outcome
from lambdas.delivery_reports.report import MOST_TEXT, MOST_URL, UnreadableReportError, faults_of, subject_of
from lambdas.shared.outcomes import Report

# Under which name a report of a kind has its details; the name of the kind is AWS's.
_DETAILS: Final[Mapping[str, tuple[Outcome, str]]] = MappingProxyType(
    {
        "Delivery": (Outcome.DELIVERED, "delivery"),
        "Open": (Outcome.OPENED, "open"),
        "Click": (Outcome.CLICKED, "click"),
        "Bounce": (Outcome.BOUNCED, "bounce"),
        "Complaint": (Outcome.COMPLAINED, "complaint"),
        "Reject": (Outcome.REJECTED, "reject"),
        "Rendering Failure": (Outcome.REJECTED, "failure"),
    }
)
_RENDERING: Final = "rendering failure"

Text = Annotated[str, Field(min_length=1)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Tags(_Wire):
    message_id: Annotated[tuple[Text, ...], Field(min_length=1, alias="message_id")]


class _Mail(_Wire):
    message_id: Text
    timestamp: AwareDatetime
    tags: _Tags


class _Detail(_Wire):
    """The details of any kind: each kind has some of these. A rejection and a failure have no time of their own."""

    timestamp: AwareDatetime | None = None
    bounce_type: str | None = None
    bounce_sub_type: str | None = None
    complaint_feedback_type: str | None = None
    link: str | None = None
    reason: str | None = None


class _Event(_Wire):
    event_type: Text
    mail: _Mail


def read_mail_report(detail: Mapping[str, Any]) -> Report | None:
    """Read the detail of an event of SES; None for a kind that says nothing new, such as a delay.

    Raises:
        UnreadableReportError: it is not as AWS documents it.
    """
    try:
        event = _Event.model_validate(detail)
        if event.event_type not in _DETAILS:
            return None
        outcome, name = _DETAILS[event.event_type]
        facts = _Detail.model_validate(detail.get(name) or {})
    except ValidationError as error:
        raise UnreadableReportError(f"a report of SES: fields {faults_of(error)} are missing or wrong") from None
    at = facts.timestamp or event.mail.timestamp
    return Report(
        message_id=event.mail.tags.message_id[0],
        subject=subject_of(event.mail.message_id, at),
        outcome=outcome,
        at=at,
        payload=_payload(event.event_type, outcome, facts),
        permanent=outcome is Outcome.BOUNCED and facts.bounce_type == "Permanent",
    )


def _payload(kind: str, outcome: Outcome, facts: _Detail) -> dict[str, str]:
    match outcome:
        case Outcome.BOUNCED:
            permanent = facts.bounce_type == "Permanent"
            told = {
                "bounce_type": str(BounceType.PERMANENT if permanent else BounceType.TRANSIENT),
                "bounce_subtype": facts.bounce_sub_type,
            }
        case Outcome.COMPLAINED:
            told = {"feedback_type": facts.complaint_feedback_type}
        case Outcome.CLICKED:
            told = {"url": _without_query(facts.link)}
        case Outcome.REJECTED:
            told = {"reason": facts.reason if kind == "Reject" else _RENDERING}
        case _:
            told = {}
    return {name: value[: MOST_URL if name == "url" else MOST_TEXT] for name, value in told.items() if value}


def _without_query(link: str | None) -> str | None:
    """Return a link without what may name a person: the query and the fragment."""
    if not link:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
