"""The e-mail channel: SES configuration, templates, and the events that SES reports."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses
from constructs import Construct, IDependable

from c360_core.decision import Template
from c360_core.mails import Mail, load_mails
from c360_core.message_templates import mail_name
from config.activation import EmailSettings
from stacks.activation.email.reports import reported
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform


class Email(Construct):
    """A configuration set that demands TLS and reports to EventBridge, our templates, and the domain when given.

    `identity_arn` is the sending identity, ours or one that somebody else verified.
    """

    configuration_set: ses.ConfigurationSet
    template_names: Sequence[str]
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
        self._templates = [
            self._template(template, language, mail, platform)
            for template, languages in sorted(load_mails().items())
            for language, mail in sorted(languages.items())
        ]
        self.template_names = [name for name, _ in self._templates]
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

    def follow(self, sender: IDependable) -> None:
        """Change the templates after their sender: a new one gives values that the old one does not know yet."""
        for _, template in self._templates:
            template.node.add_dependency(sender)

    def _template(
        self, template: Template, language: str, mail: Mail, platform: Platform
    ) -> tuple[str, ses.CfnTemplate]:
        name = mail_name(platform.environment, template, language)
        made = ses.CfnTemplate(
            self,
            f"Template{pascal_case(template)}{pascal_case(language.replace('-', '_').lower())}",
            template=ses.CfnTemplate.TemplateProperty(
                template_name=name, subject_part=mail.subject, text_part=mail.text, html_part=mail.html
            ),
        )
        return name, made
