"""What becomes of a mail: the addresses of SES's mailbox simulator, the suppression list, and the reports about it.

The reports have the form of AWS's documentation ("Examples of event data that Amazon SES publishes").
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SIMULATOR: Final = "simulator.amazonses.com"
# AWS's names of a kind: of the setting of a destination, of the record, and on EventBridge.
DETAIL_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "SEND": ("Send", "Email Sent"),
    "DELIVERY": ("Delivery", "Email Delivered"),
    "BOUNCE": ("Bounce", "Email Bounced"),
    "COMPLAINT": ("Complaint", "Email Complaint Received"),
    "OPEN": ("Open", "Email Opened"),
    "CLICK": ("Click", "Email Clicked"),
    "RENDERING_FAILURE": ("Rendering Failure", "Email Rendering Failed"),
}
_DETAILS: Final = {"RENDERING_FAILURE": "failure"}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that SES took, as its reports describe it."""

    message_id: str
    source: str
    identity: str
    account: str
    recipients: Sequence[str]
    configuration_set: str
    tags: Mapping[str, Sequence[str]]
    headers: Sequence[Mapping[str, str]]
    sent_at: datetime

    def document(self) -> Document:
        """Return the object `mail` of a report."""
        headers = [
            {"name": "From", "value": self.source},
            {"name": "To", "value": ", ".join(self.recipients)},
            *({"name": header["Name"], "value": header["Value"]} for header in self.headers),
        ]
        return {
            "timestamp": _text(self.sent_at),
            "source": self.source,
            "sourceArn": self.identity,
            "sendingAccountId": self.account,
            "messageId": self.message_id,
            "destination": list(self.recipients),
            "headersTruncated": False,
            "headers": headers,
            "commonHeaders": {"from": [self.source], "to": list(self.recipients), "messageId": self.message_id},
            "tags": {
                "ses:operation": ["SendEmail"],
                "ses:configuration-set": [self.configuration_set],
                "ses:from-domain": [self.source.rpartition("@")[2].rstrip(">")],
                **{name: list(values) for name, values in self.tags.items()},
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report about one mail."""

    kind: str
    mail: Mail
    facts: Mapping[str, Any]

    @property
    def detail_type(self) -> str:
        """The name of its kind on EventBridge."""
        return DETAIL_TYPES[self.kind][1]

    def detail(self) -> Document:
        """Return what EventBridge delivers as `detail`."""
        name = _DETAILS.get(self.kind, self.kind.lower())
        return {"eventType": DETAIL_TYPES[self.kind][0], "mail": self.mail.document(), name: dict(self.facts)}


def reports_of(mail: Mail, suppressed: Mapping[str, str]) -> Iterator[Report]:
    """Yield what SES reports about a mail that it took.

    Args:
        mail: the mail.
        suppressed: why SES does not write to an address; it says nothing about the others.
    """
    yield Report(kind="SEND", mail=mail, facts={})
    for recipient in mail.recipients:
        for kind, facts in _outcomes(recipient, suppressed, mail.sent_at):
            yield Report(kind=kind, mail=mail, facts=facts)


def written_to(recipient: str, suppressed: Mapping[str, str]) -> bool:
    """Return whether SES tries to deliver a mail to an address."""
    return recipient not in suppressed and _simulated(recipient) != "suppressionlist"


def _outcomes(recipient: str, suppressed: Mapping[str, str], at: datetime) -> Iterator[tuple[str, Document]]:
    simulated = _simulated(recipient)
    if recipient in suppressed:
        yield "BOUNCE", _bounce(recipient, "OnAccountSuppressionList", at)
    elif simulated == "suppressionlist":
        yield "BOUNCE", _bounce(recipient, "Suppressed", at)
    elif simulated == "bounce":
        yield "BOUNCE", _bounce(recipient, "General", at)
    else:
        yield "DELIVERY", _delivery(recipient, at)
        if simulated == "complaint":
            yield "COMPLAINT", _complaint(recipient, at)


def _simulated(recipient: str) -> str | None:
    """Return the mailbox of the simulator that an address names, without its label; None for other addresses."""
    local, _, domain = recipient.lower().rpartition("@")
    return local.partition("+")[0] if domain == SIMULATOR else None


def _delivery(recipient: str, at: datetime) -> Document:
    return {
        "timestamp": _text(at),
        "processingTimeMillis": 0,
        "recipients": [recipient],
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "a0-0.smtp-out.amazonses.com",
    }


def _bounce(recipient: str, subtype: str, at: datetime) -> Document:
    told = {"action": "failed", "status": "5.1.1", "diagnosticCode": f"smtp; 550 5.1.1 <{recipient}> user unknown"}
    return {
        "bounceType": "Permanent",
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": recipient, **(told if subtype == "General" else {})}],
        "timestamp": _text(at),
        "feedbackId": str(uuid.uuid4()),
        "reportingMTA": "dns; a0-0.smtp-out.amazonses.com",
    }


def _complaint(recipient: str, at: datetime) -> Document:
    return {
        "complainedRecipients": [{"emailAddress": recipient}],
        "timestamp": _text(at),
        "feedbackId": str(uuid.uuid4()),
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
        "arrivalDate": _text(at),
    }


def seen(mail: Mail, *, link: str | None) -> Report:
    """Return the report about a mail that somebody opened, or one of whose links somebody followed."""
    facts = {"timestamp": _text(datetime.now(UTC)), "userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1"}
    if link is None:
        return Report(kind="OPEN", mail=mail, facts=facts)
    return Report(kind="CLICK", mail=mail, facts={**facts, "link": link, "linkTags": None})


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
