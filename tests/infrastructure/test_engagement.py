"""Messages: through SES, with templates that always have their values; nothing of what AWS has ended."""

import json
from dataclasses import replace

import pytest
from aws_cdk import aws_ses as ses

from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.handlebars import parse, render, uses
from c360_core.message_templates import load_templates, mail_name
from c360_core.message_values import mail_data, profile_values
from c360_core.play import load_playbook
from c360_core.profile import Profile, Version
from stacks.activation import stack
from stacks.activation.email.reports import REPORTED, TRACKED
from stacks.activation.message_sender import default_language
from tests.infrastructure.assembly import resolve

ENDED = ("AWS::Pinpoint::", "AWS::PinpointEmail::", "AWS::SageMaker::MonitoringSchedule", "AWS::KinesisAnalytics::")
# What of Pinpoint lives on, as End User Messaging Push.
PUSH = {"AWS::Pinpoint::App", "AWS::Pinpoint::APNSChannel", "AWS::Pinpoint::GCMChannel"}


def test_nothing_that_aws_has_ended_is_used(assembly):
    used = {resource.document["Type"] for resource in assembly.resources()}
    assert not {type_name for type_name in used if type_name.startswith(ENDED)} - PUSH


def test_every_message_has_a_template_in_every_language_that_the_sender_may_use(assembly):
    templates = {t.properties["Template"]["TemplateName"] for t in assembly.resources("AWS::SES::Template")}
    (sender,) = [f for f in assembly.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    languages = load_templates().languages
    named = {mail_name(assembly.settings.environment, template, one) for template in Template for one in languages}
    assert named == templates
    assert sender.properties["Environment"]["Variables"]["DEFAULT_LANGUAGE"] in languages


def test_templates_change_after_the_function_that_gives_their_values(assembly):
    (sender,) = [f for f in assembly.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    for template in assembly.resources("AWS::SES::Template"):
        assert sender.logical_id in template.document["DependsOn"], template


def test_templates_use_only_values_that_the_sender_always_gives(assembly):
    unknown = Profile(person_id="a_0", version=Version(identity_version=0, sequence=0))
    links = {"shop_url": "https://shop.example.com/", "unsubscribe_url": "https://links.example.com/u"}
    for template in assembly.resources("AWS::SES::Template"):
        words = template.properties["Template"]
        data = mail_data({**profile_values(unknown), **links})
        parts = {part: render(parse(words[part]), data) for part in ("SubjectPart", "TextPart", "HtmlPart")}
        assert all(link in parts["TextPart"] for link in links.values()), template
        # Otherwise SES would lead everybody who wants no more messages past its own counter.
        assert f'<a ses:no-track href="{links["unsubscribe_url"]}">' in parts["HtmlPart"], template


def test_a_default_language_without_messages_is_refused(everything):
    activation = everything.settings.activation.model_copy(update={"default_language": "tlh"})

    with pytest.raises(ValueError, match=r"default_language: there are no messages in 'tlh'; name one of en"):
        default_language(activation)


def test_mail_demands_tls_and_reports_back(assembly):
    configuration = assembly.one("AWS::SES::ConfigurationSet", "activation").properties
    assert configuration["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    destination = assembly.one("AWS::SES::ConfigurationSetEventDestination", "activation").properties
    assert {"bounce", "complaint", "delivery"} <= set(destination["EventDestination"]["MatchingEventTypes"])


def test_every_report_that_ses_is_asked_for_is_read_and_no_other(assembly):
    rule = _rule_of_reports(assembly)
    [destination] = assembly.resources("AWS::SES::ConfigurationSetEventDestination")
    asked = {kind.upper() for kind in destination.properties["EventDestination"]["MatchingEventTypes"]}
    names = {ses.EmailSendingEvent(kind): name for kind, name in {**REPORTED, **TRACKED}.items()}
    told = {kind.value.replace("_", "") for kind, name in names.items() if name in rule["detail-type"]}
    assert told == asked
    assert rule["source"] == ["aws.ses"]


def test_only_reports_of_our_configuration_set_are_read(assembly):
    [configuration] = assembly.resources("AWS::SES::ConfigurationSet")
    named = _rule_of_reports(assembly)["detail"]["mail"]["tags"]["ses:configuration-set"]
    assert named == [{"Ref": configuration.logical_id}]


def test_nobody_is_watched_reading_unless_a_setting_says_so(everything, customary):
    watching = set(TRACKED.values())
    assert watching <= set(_rule_of_reports(everything)["detail-type"])
    assert watching.isdisjoint(_rule_of_reports(customary)["detail-type"])


def test_text_messages_leave_only_where_an_identity_is_named_and_are_reported(everything, customary):
    assert not list(customary.resources("AWS::SMSVOICE::ConfigurationSet"))
    identity = everything.settings.activation.sms.origination_identity
    [configuration] = everything.resources("AWS::SMSVOICE::ConfigurationSet")
    [sender] = [f for f in everything.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    variables = sender.properties["Environment"]["Variables"]
    assert variables["SMS_ORIGINATION_IDENTITY"] == identity
    assert variables["SMS_CONFIGURATION_SET"] == configuration.properties["ConfigurationSetName"]
    [rule] = [
        rule.properties["EventPattern"]
        for rule in everything.resources("AWS::Events::Rule")
        if rule.properties.get("EventPattern", {}).get("source") == ["aws.sms-voice"]
    ]
    assert rule["detail"] == {"context": {"message_id": [{"prefix": "m_"}]}}


def test_messages_wait_in_the_app_only_where_a_setting_says_so(everything, customary):
    assert not [f for f in customary.resources("AWS::Lambda::Function") if "inbox" in f.properties["Handler"]]
    [sender] = [f for f in everything.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    texts = json.loads(resolve(sender.properties["Environment"]["Variables"]["IN_APP_TEXTS"]))
    assert set(texts) == set(Template)
    given = set(profile_values(Profile(person_id="a_0", version=Version(identity_version=0, sequence=0))))
    for words in texts.values():
        assert {use.name for use in uses(parse(words["title"] + words["text"]))} <= given


def test_push_messages_leave_only_where_credentials_are_named_and_no_template_has_them(everything, customary):
    assert not [resource for resource in customary.resources() if resource.document["Type"] in PUSH]
    [app] = everything.resources("AWS::Pinpoint::App")
    [apple], [google] = (everything.resources(f"AWS::Pinpoint::{kind}Channel") for kind in ("APNS", "GCM"))
    for channel in (apple.properties, google.properties):
        assert channel["ApplicationId"] == {"Ref": app.logical_id}
        assert channel["DefaultAuthenticationMethod"] == "TOKEN"
        secret = [value for name, value in channel.items() if name in {"TokenKey", "ServiceJson"}]
        assert all(value.startswith("{{resolve:secretsmanager:c360/") for value in secret)
        assert len(secret) == 1
    [sender] = [f for f in everything.resources("AWS::Lambda::Function") if "message_sender" in f.properties["Handler"]]
    texts = json.loads(sender.properties["Environment"]["Variables"]["PUSH_TEXTS"])
    assert set(texts) == set(Template)


def test_an_environment_in_which_a_play_sends_by_a_channel_that_is_off_is_refused(monkeypatch):
    playbook = load_playbook()
    by_text = replace(playbook.plays[0], channels=(Channel.EMAIL, Channel.SMS))
    monkeypatch.setattr(stack, "load_playbook", lambda: replace(playbook, plays=(by_text,)))

    stack.check_plays({Channel.EMAIL, Channel.SMS})
    with pytest.raises(ValueError, match=f"{by_text.name} sends by sms, .* switch it on .activation.sms."):
        stack.check_plays({Channel.EMAIL})


def test_reports_wait_in_an_encrypted_queue_and_end_in_another(assembly):
    [mapping] = [
        mapping
        for mapping in assembly.resources("AWS::Lambda::EventSourceMapping")
        if mapping.logical_id.startswith("DeliveryReports")
    ]
    assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queues = [queue for queue in assembly.resources("AWS::SQS::Queue") if "DeliveryReports" in queue.logical_id]
    assert len(queues) == 2
    assert all("KmsMasterKeyId" in queue.properties for queue in queues)
    [reported] = [queue.properties for queue in queues if "RedrivePolicy" in queue.properties]
    assert reported["RedrivePolicy"]["maxReceiveCount"] == 5


def _rule_of_reports(assembly):
    [rule] = [
        rule.properties["EventPattern"]
        for rule in assembly.resources("AWS::Events::Rule")
        if rule.properties.get("EventPattern", {}).get("source") == ["aws.ses"]
    ]
    return rule


def test_no_identity_is_made_without_a_domain(customary):
    assert customary.settings.activation.email.domain is None
    assert not list(customary.resources("AWS::SES::EmailIdentity"))


def test_a_domain_is_signed_by_keys_that_ses_makes(everything):
    (identity,) = everything.resources("AWS::SES::EmailIdentity")
    assert identity.properties["EmailIdentity"] == everything.settings.activation.email.domain
    assert identity.properties.get("DkimAttributes", {}).get("SigningEnabled", True) is True
