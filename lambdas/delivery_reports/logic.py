"""What a report about a message changes: an event, the outcome in the single view, and who may be written to."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_core.consent import Purpose
from c360_core.delivery import Outcome, SentMessage
from lambdas.delivery_reports.mail import read_mail_report
from lambdas.delivery_reports.report import UnreadableReportError
from lambdas.delivery_reports.text import read_text_report
from lambdas.shared.outcomes import OutcomeStore, Report, publish_outcome
from lambdas.shared.refusals import Refusals

# By the source of the event.
_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Report | None]]] = {
    "aws.ses": read_mail_report,
    "aws.sms-voice": read_text_report,
}


class UnknownMessageError(LookupError):
    """A report about a message that the single view does not know; the message names the id."""


class MessageView(Protocol):
    """What must be known of a message."""

    def sent_message(self, message_id: str) -> SentMessage | None:
        """Return what was noted of a message when it was handed over, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A message of the queue that a rule of EventBridge fills."""

    message_id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Takes reports. Taking one again changes nothing: its event has the same id, and only more replaces less."""

    view: MessageView
    store: OutcomeStore
    stream: EventStream
    refusals: Refusals

    def take(self, report: Report) -> None:
        """Store what a report says, publish it, and refuse further messages where it says so.

        A bounce is about the address alone: the person still agrees, and another address of theirs may work.

        Raises:
            UnknownMessageError: the message is not in the single view.
            StreamUnavailableError: the events stream refused the event; take the report again.
        """
        sent = self.view.sent_message(report.message_id)
        if sent is None:
            raise UnknownMessageError(
                f"message {report.message_id}: the single view does not know it; its time there may be over"
            )
        self.store.put_outcome(sent, report.outcome, at=report.at)
        if report.permanent:
            self.refusals.by_address(sent, Purpose, at=report.at)
        if report.outcome is Outcome.COMPLAINED:
            self.refusals.by_person(sent, why=report.outcome, at=report.at)
        recipient = self.refusals.recipient(sent)
        if recipient is not None:  # otherwise nobody is left whom the event could be about
            publish_outcome(report, sent, recipient, self.stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a batch: how many reports there were of each outcome, and why messages must come again."""

    outcomes: Mapping[Outcome, int]
    failures: Mapping[str, str]


def take_batch(messages: Iterable[QueueMessage], reports: Reports) -> Taken:
    """Take the reports of a batch, each for itself: one that cannot be taken keeps no other waiting."""
    outcomes: dict[Outcome, int] = {}
    failures: dict[str, str] = {}
    for message in messages:
        try:
            report = read_report(message.body)
            if report is not None:
                reports.take(report)
                outcomes[report.outcome] = outcomes.get(report.outcome, 0) + 1
        except (UnreadableReportError, UnknownMessageError, StreamUnavailableError) as error:
            failures[message.message_id] = str(error)
    return Taken(outcomes=outcomes, failures=failures)


def read_report(body: str) -> Report | None:
    """Read an event of EventBridge; None for one that says nothing new.

    Raises:
        UnreadableReportError: it is not as AWS documents it.
    """
    try:
        event = json.loads(body)
    except ValueError:
        raise UnreadableReportError("a report: the message is no JSON") from None
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        raise UnreadableReportError("a report: the field detail is missing or wrong")
    source = event.get("source")
    if source not in _READERS:
        raise UnreadableReportError("a report: the field source names no service that sends messages")
    return _READERS[source](detail)
