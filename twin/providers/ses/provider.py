"""SES: templates where the emulator looks for them, and reports of what became of a mail.

MiniStack takes mails and keeps them. It reports nothing to EventBridge, keeps no suppression list, changes no link,
forgets headers and tags, and puts values into templates, but knows none of their blocks.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from c360_core.handlebars import HandlebarsError, MissingValueError, Nodes, parse, render
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import Response, Wire
from twin.providers.ses import tracking
from twin.providers.ses.mailboxes import Mail, Report, reports_of, seen, written_to
from twin.providers.ses.suppression import SuppressionList
from twin.settings import ACCOUNT

PARTS: Final = ("SubjectPart", "TextPart", "HtmlPart")
SEND_PATH: Final = "/v2/email/outbound-emails"
LIST_PATH: Final = "/v2/email/suppression/addresses"
# Under these names the emulator keeps a mail that was made from a template.
_KEPT: Final = ("Subject", "BodyText", "BodyHtml")
_OK: Final = 200
# Why an address is on the list, as the options of a configuration set name it; without options all reasons count.
_REASONS: Final = ("BOUNCE", "COMPLAINT")

Handle = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationSet:
    """What a configuration set says about reports and suppression."""

    name: str
    reported: frozenset[str]
    suppressed: frozenset[str]


class SesProvider(Provider):
    """SES."""

    types = (ResourceType(name="AWS::SES::Template"),)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._suppression = SuppressionList()
        self._list = Wire("sesv2", self._suppression)
        self._mails: dict[str, tuple[Mail, ConfigurationSet]] = {}

    def install(self) -> None:
        """Follow each mail that the emulator takes, and answer for the suppression list and for tracked links."""
        from ministack import app
        from ministack.services import ses_v2

        ses_v2.handle_request = self._following(ses_v2.handle_request)
        app.app = tracking.served(app.app, self._seen)

    def deployed(self, resource: Resource) -> None:
        """Give the emulator the template.

        Raises:
            HandlebarsError: SES would refuse it, or it has something that the laptop does not render.
        """
        from ministack.services import ses

        stated = resource.properties["Template"]
        name = stated["TemplateName"]
        template_parts(stated)
        ses._templates[name] = {"TemplateName": name, **{part: stated.get(part, "") for part in PARTS}}

    def removed(self, resource: Resource) -> None:
        """Take the template from the emulator."""
        from ministack.services import ses

        ses._templates.pop(resource.properties["Template"]["TemplateName"], None)

    def _following(self, handle: Handle) -> Handle:
        async def handling(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> Response:
            if path.startswith(LIST_PATH):
                return await self._list.handle(method, path, headers, body, query)
            answer = await handle(method, path, headers, body, query)
            if method == "POST" and path.rstrip("/") == SEND_PATH and answer[0] == _OK:
                message_id = str(json.loads(answer[2])["MessageId"])
                # In a thread: the targets of rules are told before this returns.
                await asyncio.to_thread(self._took, json.loads(body), message_id)
            return answer

        return handling

    def _took(self, request: Mapping[str, Any], message_id: str) -> None:
        """Keep what the emulator forgets of a mail, and report what becomes of it."""
        from ministack.services import ses

        settings = configuration_set(str(request.get("ConfigurationSetName", "")))
        mail = _mail(request, message_id)
        self._mails[message_id] = mail, settings
        outbox = ses._sent_emails_list()
        record = next(entry for entry in reversed(outbox) if entry["MessageId"] == message_id)
        try:
            record.update(rendered(request, ses._templates))
        except MissingValueError as error:
            outbox.remove(record)
            facts = {"errorMessage": str(error), "templateName": request["Content"]["Template"]["TemplateName"]}
            tell([Report(kind="RENDERING_FAILURE", mail=mail, facts=facts)], settings)
            return
        record["Headers"] = [dict(header) for header in mail.headers]
        record["BodyHtml"] = tracking.tracked(
            str(record["BodyHtml"] or ""),
            message_id,
            endpoint=self.twin.settings.endpoint,
            links="CLICK" in settings.reported,
            opening="OPEN" in settings.reported,
        )
        reasons = {to: reason for to in mail.recipients if (reason := self._suppression.reason(to)) is not None}
        suppressed = {to: reason for to, reason in reasons.items() if reason in settings.suppressed}
        if not any(written_to(to, suppressed) for to in mail.recipients):
            outbox.remove(record)
        tell(reports_of(mail, suppressed), settings)

    async def _seen(self, message_id: str, link: str | None) -> bool:
        found = self._mails.get(message_id)
        if found is None:
            return False
        mail, settings = found
        await asyncio.to_thread(tell, [seen(mail, link=link)], settings)
        return True


def configuration_set(name: str) -> ConfigurationSet:
    """Return a configuration set as it is deployed; one without a name reports nothing."""
    from ministack.services import ses_v2

    stored: Mapping[str, Any] = ses_v2._config_sets.get(name) or {}
    destinations: Iterable[Mapping[str, Any]] = (stored.get("EventDestinations") or {}).values()
    reported = {
        kind
        for destination in destinations
        if destination["Enabled"] and "EventBridgeDestination" in destination
        for kind in destination["MatchingEventTypes"]
    }
    options: Mapping[str, Any] = stored.get("SuppressionOptions") or {}
    return ConfigurationSet(
        name=name,
        reported=frozenset(reported),
        suppressed=frozenset(options.get("SuppressedReasons", _REASONS)),
    )


def tell(reports: Iterable[Report], settings: ConfigurationSet) -> None:
    """Put SES's reports on the default bus, of the kinds that the configuration set asks for."""
    from ministack.services import eventbridge

    entries = [
        {
            "Source": "aws.ses",
            "DetailType": report.detail_type,
            "Detail": json.dumps(report.detail()),
            "Resources": [arn("ses", f"configuration-set/{settings.name}")],
        }
        for report in reports
        if report.kind in settings.reported
    ]
    for entry in entries:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _mail(request: Mapping[str, Any], message_id: str) -> Mail:
    destination = request.get("Destination") or {}
    template = (request.get("Content") or {}).get("Template") or {}
    source = str(request.get("FromEmailAddress", ""))
    return Mail(
        message_id=message_id,
        source=source,
        identity=arn("ses", f"identity/{source.rpartition('@')[2].rstrip('>')}"),
        account=ACCOUNT,
        recipients=tuple(
            str(to) for name in ("ToAddresses", "CcAddresses", "BccAddresses") for to in destination.get(name) or ()
        ),
        configuration_set=str(request.get("ConfigurationSetName", "")),
        tags={str(tag["Name"]): [str(tag["Value"])] for tag in request.get("EmailTags") or ()},
        headers=tuple(template.get("Headers") or ()),
        sent_at=datetime.now(UTC),
    )


def template_parts(template: Mapping[str, str]) -> dict[str, Nodes]:
    """Return the parts of a template, read.

    Raises:
        HandlebarsError: SES would refuse one, or it has something that the laptop does not render; it names the part.
    """
    parts = {}
    for part in PARTS:
        try:
            parts[part] = parse(str(template.get(part, "")))
        except HandlebarsError as error:
            where = f"{template.get('TemplateName', '')}: {part}"
            raise HandlebarsError(error.line, f"{where}: {error.what}", error.fix) from error
    return parts


def rendered(request: Mapping[str, Any], templates: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return what a mail says that is made from a template, as the emulator keeps it; nothing for other mails.

    SES renders the three parts with the same values and escapes nothing.

    Raises:
        MissingValueError: a value is not given: SES then takes the mail and never sends it.
    """
    stated = (request.get("Content") or {}).get("Template") or {}
    template = templates.get(str(stated.get("TemplateName", "")))
    if template is None:
        return {}
    given = json.loads(stated.get("TemplateData") or "{}")
    return {kept: render(nodes, given) for kept, nodes in zip(_KEPT, template_parts(template).values(), strict=True)}


PROVIDER = SesProvider
