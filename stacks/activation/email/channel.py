"""The e-mail channel: SES configuration, templates, and the events that SES reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses
from constructs import Construct

from c360_core.decision import Template
from c360_core.names import PROJECT
from config.activation import EmailSettings
from stacks.activation.email.reports import reported
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

_TEXTS: Final = Path(__file__).parent / "templates"
# The words of a text that are links in the HTML. SES must not count who wants no more messages.
_LINKS: Final[Mapping[str, str]] = {
    "{{shop_url}}": '<a href="{{shop_url}}">{{shop_url}}</a>',
    "{{unsubscribe_url}}": '<a ses:no-track href="{{unsubscribe_url}}">{{unsubscribe_url}}</a>',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """The text of a template."""

    subject: str
    text: str
    html: str


class Email(Construct):
    """A configuration set that demands TLS and reports to EventBridge, our templates, and the domain when given.

    `identity_arn` is the sending identity, ours or one that somebody else verified.
    """

    configuration_set: ses.ConfigurationSet
    template_names: Mapping[Template, str]
    identity_arn: str

    def __init__(self, scope: Construct, id_: str, *, settings: EmailSettings, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.configuration_set = ses.ConfigurationSet(
            self,
            "ConfigurationSet",
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
            reputation_metrics=True,
            suppression_reasons=ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
        )
        # SES reports to the account's default bus only.
        default_bus = events.EventBus.from_event_bus_name(self, "DefaultBus", "default")
        self.configuration_set.add_event_destination(
            "Reports", destination=ses.EventDestination.event_bus(default_bus), events=list(reported(settings))
        )
        self.template_names = {template: self._template(template, platform) for template in Template}
        domain = settings.sender.rpartition("@")[2]
        if settings.domain is not None:
            ses.EmailIdentity(
                self,
                "Domain",
                identity=ses.Identity.domain(settings.domain),
                configuration_set=self.configuration_set,
            )
        stack = cdk.Stack.of(self)
        self.identity_arn = f"arn:{stack.partition}:ses:{stack.region}:{stack.account}:identity/{domain}"

    def _template(self, template: Template, platform: Platform) -> str:
        name = f"{PROJECT}-{platform.environment}-{template.replace('_', '-')}"
        text = mail_text(template)
        ses.CfnTemplate(
            self,
            f"Template{pascal_case(template)}",
            template=ses.CfnTemplate.TemplateProperty(
                template_name=name, subject_part=text.subject, text_part=text.text, html_part=text.html
            ),
        )
        return name


def mail_text(template: Template) -> MailText:
    """Read a template: a subject line, an empty line, the text. The HTML has the same paragraphs, and links in it."""
    path = _TEXTS / f"{template}.txt"
    subject, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    if not subject or not text.strip():
        raise ValueError(f"{path}: write the subject, an empty line, and the text")
    paragraphs = "".join(f"<p>{paragraph.strip()}</p>" for paragraph in text.strip().split("\n\n"))
    for word, link in _LINKS.items():
        paragraphs = paragraphs.replace(word, link)
    return MailText(subject=subject, text=text.strip(), html=f"<html><body>{paragraphs}</body></html>")
