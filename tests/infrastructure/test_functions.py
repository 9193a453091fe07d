"""Functions: what the template gives them is what their code asks for."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

from lambdas.collector.logic import BATCH_PATHS, MESSAGE_TYPES
from lambdas.shared.settings import EnvironmentSettings
from tests.infrastructure.assembly import ROOT, listed, resolve, statements
from tests.infrastructure.findings import open_findings, unused_acknowledgements

FUNCTIONS = (
    "collector",
    "file_batches",
    "key_rotation",
    "lake_defaults",
    "profile_writer",
    "profile_api",
    "decision",
    "message_sender",
    "delivery_reports",
    "unsubscribe",
    # A journey waits for what people do.
    "announcer",
    "journey_events",
    "journey_steps",
)


# Functions that come with a switch.
SWITCHED = {
    "loyalty": lambda settings: settings.activation.loyalty.url,
    "webhooks": lambda settings: settings.activation.webhooks,
    "inbox": lambda settings: settings.activation.has_inbox,
    "audience_members": lambda settings: bool(settings.activation.audiences),
    "sentiment": lambda settings: settings.activation.sentiment.deployed,
    "model_releases": lambda settings: settings.analytics.models.deployed,
    "recommendation_events": lambda settings: settings.activation.recommendations.uses_personalize,
    "recipe_versions": lambda settings: settings.analytics.databrew.deployed,
    "score_events": lambda settings: settings.analytics.models.deployed,
    "studio_profiles": lambda settings: settings.analytics.studio.deployed,
    "warehouse_limits": lambda settings: settings.analytics.warehouse.deployed,
}


def function(assembly, name):
    return next(
        f
        for f in assembly.resources("AWS::Lambda::Function")
        if f.properties["Handler"] == f"lambdas.{name}.handler.handle"
    )


def environment(assembly, name):
    variables = function(assembly, name).properties["Environment"]["Variables"]
    return {key: resolve(value) for key, value in variables.items()}


def all_settings(name):
    """Return every model of settings in a function's package: its own, and those of what it chooses from."""
    package = importlib.import_module(f"lambdas.{name}")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    found = {
        value
        for module in map(importlib.import_module, (each for each in names if not each.endswith(".handler")))
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, EnvironmentSettings) and value.__module__ == module.__name__
    }
    assert importlib.import_module(f"lambdas.{name}.settings").Settings in found
    return found


def test_exactly_our_functions_exist(assembly):
    handlers = {f.properties["Handler"] for f in assembly.ours("AWS::Lambda::Function")}
    switched = {name for name, is_on in SWITCHED.items() if is_on(assembly.settings)}
    assert handlers == {f"lambdas.{name}.handler.handle" for name in {*FUNCTIONS, *switched}}


@pytest.mark.parametrize("name", SWITCHED)
def test_a_function_that_comes_with_a_switch_has_what_it_reads(everything, name):
    for settings in all_settings(name):
        assert settings.from_environment(environment(everything, name)).environment == "everything"
    test_handlers_exist(name)
    test_functions_are_traced_logged_and_equipped(everything, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_settings_load_from_the_template(assembly, name):
    activation = assembly.settings.activation
    switched_off = {
        *(("SmsSettings",) if activation.sms.origination_identity is None else ()),
        *(() if activation.in_app.deployed else ("InAppSettings",)),
        *(() if activation.push.deployed else ("PushSettings",)),
    }
    for settings in (each for each in all_settings(name) if each.__name__ not in switched_off):
        loaded = settings.from_environment(environment(assembly, name))
        assert loaded.environment == assembly.settings.environment, settings


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_variable_is_passed_that_nobody_reads(dev, name):
    read = {field.upper() for settings in all_settings(name) for field in settings.model_fields}
    unread = {key for key in environment(dev, name) if not key.startswith(("POWERTOOLS_", "LOG_LEVEL"))} - read
    assert unread == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_handlers_exist(name):
    path = ROOT / Path(*f"lambdas.{name}.handler".split(".")).with_suffix(".py")
    assert "def handle(" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_traced_logged_and_equipped(assembly, name):
    properties = function(assembly, name).properties
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert "Logs" in resolve(properties["LoggingConfig"]["LogGroup"])
    (layer,) = properties["Layers"]
    version = assembly.settings.runtime.powertools_layer_version
    assert resolve(layer) == (
        f"arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-arm64:{version}"
    )


def test_the_collector_has_a_key_for_every_source_that_streams(assembly, agreed):
    keys = json.loads(environment(assembly, "collector")["API_KEY_SECRETS"])
    assert set(keys) == {source.name for source in agreed.stream_sources()}
    assert len(set(keys.values())) == len(keys)
    generated = {secret.logical_id for secret in assembly.resources("AWS::SecretsManager::Secret", "collection")}
    edges = {name for name in generated if "EdgeSecret" in name}
    assert len(edges) == int(assembly.settings.collection.edge.deployed)
    assert set(keys.values()) == generated - edges


def test_every_api_key_is_rotated_on_a_schedule_and_the_hash_secret_never(assembly):
    days = assembly.settings.collection.collector.key_rotation_days
    schedules = [s.properties for s in assembly.resources("AWS::SecretsManager::RotationSchedule")]
    keys = json.loads(environment(assembly, "collector")["API_KEY_SECRETS"])
    assert days > 0
    assert sorted(resolve(schedule["SecretId"]) for schedule in schedules) == sorted(keys.values())
    assert environment(assembly, "collector")["ACCEPT_PREVIOUS_KEYS"] == "true"
    for schedule in schedules:
        assert schedule["RotationRules"] == {"AutomaticallyAfterDays": days}
        assert schedule["RotateImmediatelyOnUpdate"] is False
        assert "KeyRotation" in resolve(schedule["RotationLambdaARN"])


def test_secrets_manager_alone_may_call_the_rotation_and_the_rotation_alone_may_change_api_keys(assembly):
    called_by = [
        (resolve(permission.properties["Principal"]), resolve(permission.properties["SourceAccount"]))
        for permission in assembly.resources("AWS::Lambda::Permission")
        if "KeyRotation" in resolve(permission.properties["FunctionName"])
    ]
    assert called_by == [("secretsmanager.amazonaws.com", "123456789012")]
    changes = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
    changed = {
        (resource.logical_id.partition("RoleDefault")[0], re.sub(r"[A-Z][a-z]*[0-9A-F]{8}$", "", resolve(one)))
        for resource, statement in statements(assembly)
        if changes & set(listed(statement["Action"]))
        for one in listed(statement["Resource"])
    }
    assert {role for role, _ in changed} == {"CollectorKeyRotationFunction"}
    assert all(secret.startswith("CollectorApiKey") for _, secret in changed)


def test_where_keys_do_not_rotate_nothing_is_left_of_the_rotation(still_keys):
    assert not list(still_keys.resources("AWS::SecretsManager::RotationSchedule"))
    assert not [resource for resource in still_keys.resources() if "KeyRotation" in resource.logical_id]
    assert environment(still_keys, "collector")["ACCEPT_PREVIOUS_KEYS"] == "false"
    for report in still_keys.report["pluginReports"]:
        assert [v for v in report["violations"] if v["ruleName"] != "info-annotation"] == []


def test_no_secret_value_is_in_a_template(assembly):
    for secret in assembly.resources("AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret.properties, secret
        assert secret.properties["GenerateSecretString"]["PasswordLength"] >= 40, secret


def let_through(assembly, pillar):
    return {route.properties["RouteKey"] for route in assembly.resources("AWS::ApiGatewayV2::Route", pillar)}


def answered(name):
    """Return the method and path of everything that a function's code answers."""
    router = importlib.import_module(f"lambdas.{name}.handler").app
    return {(route.method, route.path) for route in [*router._static_routes, *router._dynamic_routes]}


def test_the_gateway_lets_through_what_the_collector_answers_and_nothing_else(assembly, agreed):
    beacon, hook = "/beacon/v1/batch", "/v1/hooks/<name>"
    assert answered("collector") == {("POST", "/v1/<path>"), ("POST", beacon), ("POST", hook), ("GET", hook)}
    # A vendor verifies its address by a query only where its contract says so.
    verified = any(source.server.webhook.challenge_field for source in agreed.webhook_sources())
    hooks = {f"{method} /v1/hooks/{{source}}" for method in ("POST", *(("GET",) if verified else ()))}
    paths = {beacon, *(f"/v1/{path}" for path in {*MESSAGE_TYPES, *BATCH_PATHS})}
    assert let_through(assembly, "collection") == {f"POST {path}" for path in paths} | hooks


def test_the_gateway_lets_through_what_the_profile_api_answers_and_nothing_else(assembly):
    customers = "/v1/customers"
    served = {
        f"{method} {path if path == customers else customers + '/{proxy+}'}" for method, path in answered("profile_api")
    }
    assert let_through(assembly, "unification") == served


def test_the_gateway_lets_through_what_links_in_messages_and_the_inbox_need_and_nothing_else(assembly):
    links = {f"{method} {path.replace('<token>', '{token}')}" for method, path in answered("unsubscribe")}
    assert links == {f"{method} /v1/unsubscribe/{{token}}" for method in ("GET", "POST")}
    inbox = {f"{method} {path.replace('<', '{').replace('>', '}')}" for method, path in answered("inbox")}
    has_inbox = assembly.settings.activation.has_inbox
    assert let_through(assembly, "activation") == links | (inbox if has_inbox else set())


def cors(assembly, pillar):
    [*found] = (api.properties.get("CorsConfiguration") for api in assembly.resources("AWS::ApiGatewayV2::Api", pillar))
    return next((one for one in found if one is not None), None)


def test_browsers_get_no_allowed_origin_by_default(customary):
    assert cors(customary, "collection") is None
    assert cors(customary, "unification") is None
    assert cors(customary, "activation") is None


def test_pages_of_allowed_sites_may_send_what_browser_libraries_send(shop):
    assert cors(shop, "collection") == {
        "AllowOrigins": ["https://shop.example.com", "http://localhost:3000"],
        "AllowMethods": ["POST"],
        "AllowHeaders": ["authorization", "content-type", "x-api-key", "anonymousid", "sentat"],
        "MaxAge": 7200,
    }
    assert cors(shop, "unification") is None


def test_pages_of_allowed_sites_may_read_an_inbox(everything):
    assert cors(everything, "activation") == {
        "AllowOrigins": ["https://shop.example.com"],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["authorization", "content-type"],
        "MaxAge": 7200,
    }


def test_public_functions_have_places_of_their_own_where_the_settings_reserve_them(shop, dev):
    def reserved(assembly):
        functions = assembly.resources("AWS::Lambda::Function")
        found = {f.properties["Handler"]: f.properties.get("ReservedConcurrentExecutions") for f in functions}
        return {handler.split(".")[1]: places for handler, places in found.items() if places is not None}

    assert reserved(shop) == {"collector": 40, "profile_api": 20}
    assert reserved(dev) == {}


def test_nag_has_nothing_open_where_sites_are_allowed(shop):
    assert open_findings(shop.report) == []
    assert unused_acknowledgements(shop.folder, shop.report) == set()


def test_collector_routes_are_open_to_keys_and_profile_routes_to_signed_requests(assembly):
    routes = {
        pillar: {
            route.properties["RouteKey"]: route.properties.get("AuthorizationType", "NONE")
            for route in assembly.resources("AWS::ApiGatewayV2::Route", pillar)
        }
        for pillar in ("collection", "unification", "activation")
    }
    # A server opens an inbox; what is opened is read with a token.
    opened = {route for route, kind in routes["activation"].items() if kind == "AWS_IAM"}
    assert opened == ({"POST /v1/inbox/tokens/{person_id}"} if assembly.settings.activation.has_inbox else set())
    assert set(routes["collection"].values()) == {"NONE"}
    assert set(routes["activation"].values()) <= {"NONE", "AWS_IAM"}
    assert set(routes["unification"].values()) == {"AWS_IAM"}


def test_apis_are_throttled_and_logged(assembly):
    stages = list(assembly.resources("AWS::ApiGatewayV2::Stage"))
    assert len(stages) == 3 + assembly.settings.activation.has_inbox
    for stage in stages:
        assert stage.properties["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0, stage
        assert "DestinationArn" in stage.properties["AccessLogSettings"], stage


def test_access_logs_are_objects_that_name_the_caller_and_the_route_and_no_customer(assembly):
    for stage in assembly.resources("AWS::ApiGatewayV2::Stage"):
        logged = set(json.loads(stage.properties["AccessLogSettings"]["Format"]).values())
        assert {"$context.identity.userArn", "$context.routeKey", "$context.status"} <= logged, stage
        assert not {"$context.path", "$context.resourcePath"} & logged, stage


def test_decision_and_sender_agree_on_the_limits_of_contact(assembly):
    limits = (
        "QUIET_HOURS_START",
        "QUIET_HOURS_END",
        "DEFAULT_TIME_ZONE",
        "FREQUENCY_CAP_MESSAGES",
        "FREQUENCY_CAP_DAYS",
        "UNHAPPY",
    )
    decision, sender = environment(assembly, "decision"), environment(assembly, "message_sender")
    assert {key: decision[key] for key in limits} == {key: sender[key] for key in limits}
