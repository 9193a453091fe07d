"""The settings of all functions: each variable is read, and a missing or wrong one is named."""

import pytest

from lambdas.collector.settings import Settings as CollectorSettings
from lambdas.decision.settings import Settings as DecisionSettings
from lambdas.delivery_reports.settings import Settings as ReportSettings
from lambdas.message_sender.channels.email import SesSettings
from lambdas.message_sender.channels.sms import SmsSettings
from lambdas.message_sender.settings import Settings as SenderSettings
from lambdas.profile_api.settings import Settings as ApiSettings
from lambdas.profile_writer.settings import Settings as WriterSettings
from lambdas.sentiment.settings import Settings as SentimentSettings
from lambdas.shared.settings import ConfigurationError, EnvironmentSettings
from lambdas.unsubscribe.settings import Settings as LinkSettings

CONTACT = {
    "QUIET_HOURS_START": "21",
    "QUIET_HOURS_END": "8",
    "DEFAULT_TIME_ZONE": "America/New_York",
    "FREQUENCY_CAP_MESSAGES": "3",
    "FREQUENCY_CAP_DAYS": "7",
}
VARIABLES: dict[type[EnvironmentSettings], dict[str, str]] = {
    CollectorSettings: {
        "EVENTS_STREAM_NAME": "events",
        "API_KEY_SECRETS": '{"web_events": "arn"}',
        "ACCEPT_PREVIOUS_KEYS": "true",
    },
    WriterSettings: {"SINGLE_VIEW_TABLE": "view", "TIMELINE_TTL_DAYS": "90", "DEAD_LETTER_QUEUE_URL": "https://queue"},
    ApiSettings: {
        "SINGLE_VIEW_TABLE": "view",
        "EVENTS_STREAM_NAME": "events",
        "HASH_SECRET_ARN": "arn",
        "LINK_TEMPLATES": '{"crm": "https://crm.example.com/{id}"}',
    },
    SentimentSettings: {"EVENTS_STREAM_NAME": "events", "DEAD_LETTER_QUEUE_URL": "https://queue"},
    DecisionSettings: {
        **CONTACT,
        "SINGLE_VIEW_TABLE": "view",
        "IDEMPOTENCY_TABLE": "locks",
        "EVENTS_STREAM_NAME": "events",
        "EVENT_BUS_NAME": "bus",
        "HASH_SECRET_ARN": "arn",
        "DECISION_TTL_DAYS": "400",
    },
    SenderSettings: {
        **CONTACT,
        "SINGLE_VIEW_TABLE": "view",
        "IDEMPOTENCY_TABLE": "locks",
        "EVENTS_STREAM_NAME": "events",
        "HASH_SECRET_ARN": "arn",
        "MESSAGE_TTL_DAYS": "400",
    },
    SesSettings: {
        "CONFIGURATION_SET": "set",
        "SENDER_ADDRESS": "hello@shop.example.com",
        "DEFAULT_LANGUAGE": "en",
        "SHOP_URL": "https://shop.example.com/",
        "UNSUBSCRIBE_URL": "https://links.example.com/v1/unsubscribe",
        "UNSUBSCRIBE_SECRET_ARN": "arn",
        "UNSUBSCRIBE_DAYS": "180",
    },
    SmsSettings: {
        "SMS_ORIGINATION_IDENTITY": "arn",
        "SMS_CONFIGURATION_SET": "set",
        "SMS_MAX_PRICE_USD": "0.10000",
        "SMS_DAYS": "1",
        "DEFAULT_LANGUAGE": "en",
    },
    ReportSettings: {"SINGLE_VIEW_TABLE": "view", "EVENTS_STREAM_NAME": "events", "HASH_SECRET_ARN": "arn"},
    LinkSettings: {
        "SINGLE_VIEW_TABLE": "view",
        "EVENTS_STREAM_NAME": "events",
        "HASH_SECRET_ARN": "arn",
        "UNSUBSCRIBE_SECRET_ARN": "arn",
    },
}
# What an environment may leave out.
UNHAPPY = {"UNHAPPY": '{"at_most": "-0.6", "except_messages": ["service_recovery"]}'}
OPTIONAL: dict[type[EnvironmentSettings], dict[str, str]] = {
    CollectorSettings: {"EDGE_SECRET_ARN": "arn"},
    DecisionSettings: UNHAPPY,
    SenderSettings: UNHAPPY,
    ApiSettings: {"RECOMMENDER": '{"provider": "lake"}'},
}
EVERY_VARIABLE = [(model, name) for model, variables in VARIABLES.items() for name in variables]


@pytest.mark.parametrize("model", VARIABLES, ids=lambda model: model.__module__)
def test_settings_read_their_variables_and_ignore_the_runtimes(model: type[EnvironmentSettings]) -> None:
    variables = {**VARIABLES[model], **OPTIONAL.get(model, {}), "ENVIRONMENT": "dev"}
    environ = {**variables, "AWS_REGION": "us-east-1", "PATH": "/usr/bin"}

    assert set(model.from_environment(environ).model_dump()) == {name.lower() for name in variables}


@pytest.mark.parametrize(("model", "name"), EVERY_VARIABLE, ids=str)
def test_a_missing_variable_is_named(model: type[EnvironmentSettings], name: str) -> None:
    environ = {**VARIABLES[model], "ENVIRONMENT": "dev"}
    del environ[name]

    with pytest.raises(ConfigurationError, match=name):
        model.from_environment(environ)


@pytest.mark.parametrize(("model", "name"), [(m, name) for m, names in OPTIONAL.items() for name in names], ids=str)
def test_a_variable_that_may_be_left_out_is_not_empty(model: type[EnvironmentSettings], name: str) -> None:
    environ = {**VARIABLES[model], "ENVIRONMENT": "dev"}

    assert getattr(model.from_environment(environ), name.lower()) == model.model_fields[name.lower()].default
    with pytest.raises(ConfigurationError, match=name):
        model.from_environment({**environ, name: ""})


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (CollectorSettings, "API_KEY_SECRETS", "not json"),
        (ApiSettings, "LINK_TEMPLATES", '{"crm": "https://crm.example.com/"}'),
        (ApiSettings, "LINK_TEMPLATES", '{"erp": "https://erp.example.com/{id}"}'),
        (DecisionSettings, "QUIET_HOURS_START", "24"),
        (DecisionSettings, "DEFAULT_TIME_ZONE", "Mars/Olympus"),
        (SesSettings, "UNSUBSCRIBE_DAYS", "for ever"),
        (WriterSettings, "TIMELINE_TTL_DAYS", "soon"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(model: type[EnvironmentSettings], name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as fault:
        model.from_environment({**VARIABLES[model], "ENVIRONMENT": "dev", name: value})

    assert value not in str(fault.value)
