"""Reports of AWS End User Messaging about text messages, read into our words. No number is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from c360_core.delivery import BounceType, Outcome
from lambdas.delivery_reports.report import UnreadableReportError, faults_of, subject_of
from lambdas.shared.outcomes import Report

_REFUSED: Final = frozenset(
    {"INVALID_MESSAGE", "BLOCKED", "CARRIER_BLOCKED", "SPAM", "PROTECT_BLOCKED", "PRICE_OVER_THRESHOLD"}
)
# What the number is, and not the moment, keeps the message from arriving.
_PERMANENT: Final = frozenset({"INVALID"})
# A carrier that reports no arrival says at last that it took the message; others say more later.
_ARRIVED: Final[Mapping[str, bool]] = MappingProxyType({"DELIVERED": True, "SUCCESSFUL": False})
_BEFORE: Final = frozenset({"SENT", "PENDING", "QUEUED"})
_PREFIX: Final = "TEXT_"

Text = Annotated[str, Field(min_length=1)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Context(_Wire):
    message_id: Annotated[Text, Field(alias="message_id")]


class _Event(_Wire):
    event_type: Text
    event_timestamp: Annotated[int, Field(ge=0)]
    is_final: bool
    message_id: Text
    context: _Context


def read_text_report(detail: Mapping[str, Any]) -> Report | None:
    """Read the detail of an event; None for a kind that says nothing new, such as that it is on its way.

    Raises:
        UnreadableReportError: it is not as AWS documents it.
    """
    try:
        event = _Event.model_validate(detail)
    except ValidationError as error:
        raise UnreadableReportError(
            f"a report about a text message: fields {faults_of(error)} are missing or wrong"
        ) from None
    status = event.event_type.removeprefix(_PREFIX)
    if status in _BEFORE or (not event.is_final and not _ARRIVED.get(status, True)):
        return None
    outcome, payload = _meaning(status)
    at = datetime.fromtimestamp(event.event_timestamp / 1000, UTC)
    return Report(
        message_id=event.context.message_id,
        subject=subject_of(event.message_id, at),
        outcome=outcome,
        at=at,
        payload=payload,
        permanent=status in _PERMANENT,
    )


def _meaning(status: str) -> tuple[Outcome, dict[str, str]]:
    if status in _ARRIVED:
        return Outcome.DELIVERED, {}
    if status in _REFUSED:
        return Outcome.REJECTED, {"reason": status}
    kind = BounceType.PERMANENT if status in _PERMANENT else BounceType.TRANSIENT
    return Outcome.BOUNCED, {"bounce_type": str(kind), "bounce_subtype": status}
