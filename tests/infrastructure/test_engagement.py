"""Messages: through SES, with templates that always have their values; nothing of what AWS has ended."""

import json
import re

from c360_core.decision import Template
from c360_core.profile import Profile, Version
from lambdas.message_sender.message import template_values
from tests.infrastructure.assembly import resolve

ENDED = ("AWS::Pinpoint::", "AWS::PinpointEmail::", "AWS::SageMaker::MonitoringSchedule", "AWS::KinesisAnalytics::")


def test_nothing_that_aws_has_ended_is_used(assembly):
    used = {resource.document["Type"] for resource in assembly.resources()}
    assert not {type_name for type_name in used if type_name.startswith(ENDED)}


def test_every_message_has_a_template_whose_name_the_sender_knows(assembly):
    templates = {t.properties["Template"]["TemplateName"] for t in assembly.resources("AWS::SES::Template")}
    (sender,) = [f for f in assembly.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    named = json.loads(resolve(sender.properties["Environment"]["Variables"]["TEMPLATES"]))
    assert set(named) == set(Template)
    assert set(named.values()) == templates


def test_templates_use_only_values_that_the_sender_always_gives(assembly):
    unknown = Profile(person_id="a_0", version=Version(identity_version=0, sequence=0))
    given = set(template_values(unknown))
    for template in assembly.resources("AWS::SES::Template"):
        words = template.properties["Template"]
        for part in ("SubjectPart", "TextPart", "HtmlPart"):
            assert set(re.findall(r"{{(\w+)}}", words[part])) <= given, template
        assert "withdraw" in words["TextPart"], template


def test_mail_demands_tls_and_reports_back(assembly):
    configuration = assembly.one("AWS::SES::ConfigurationSet", "activation").properties
    assert configuration["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    destination = assembly.one("AWS::SES::ConfigurationSetEventDestination", "activation").properties
    assert {"bounce", "complaint", "delivery"} <= set(destination["EventDestination"]["MatchingEventTypes"])


def test_no_identity_is_made_without_a_domain(customary):
    assert customary.settings.activation.email.domain is None
    assert not list(customary.resources("AWS::SES::EmailIdentity"))


def test_a_domain_is_signed_by_keys_that_ses_makes(everything):
    (identity,) = everything.resources("AWS::SES::EmailIdentity")
    assert identity.properties["EmailIdentity"] == everything.settings.activation.email.domain
    assert identity.properties.get("DkimAttributes", {}).get("SigningEnabled", True) is True
