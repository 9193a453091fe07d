"""Settings say what is wrong, where, and what would be right."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.names import ENVIRONMENTS
from config.settings import SettingsError, load
from tests.infrastructure.assembly import ROOT
from tests.infrastructure.switches import ON_THE_LAPTOP, named, switched_off


@pytest.fixture
def folder(tmp_path):
    def write(text: str, environment: str = "dev"):
        (tmp_path / f"{environment}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_loads(environment):
    assert load(environment).environment == environment


def test_unknown_environment_is_named_with_the_choices():
    with pytest.raises(SettingsError, match=r"unknown environment 'qa'.*dev, staging, prod"):
        load("qa")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"prod\.yaml: no such file"):
        load("prod", tmp_path)


def test_empty_file_means_defaults(folder):
    assert load("prod", folder("", "prod")).collection.streams.mode == "on_demand"


def test_unknown_key_is_named_with_file_and_allowed_keys(folder):
    with pytest.raises(SettingsError) as failure:
        load("dev", folder("collection: {streams: {shard: 2}}"))
    message = str(failure.value)
    assert "dev.yaml" in message
    allowed = "deployed, mode, provider, retention_hours, shards"
    assert f"collection.streams.shard: unknown key; allowed here: {allowed}" in message


def test_every_problem_is_reported_in_one_run(folder):
    with pytest.raises(SettingsError) as failure:
        load("dev", folder("collection: {streams: {shards: 0, retention_hours: 1}}\nnope: 1"))
    assert "3 setting(s)" in str(failure.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("collection: {streams: {provider: msk}}", "msk needs foundation.network.deployed: true"),
        (
            "{foundation: {network: {deployed: true}}, collection: {streams: {provider: msk}}, activation: {loyalty: "
            "{url: https://a.example.com/members, tiers: [{segment: midwest, tier: gold}]}}}",
            "activation.loyalty.url needs collection.streams.provider: kinesis",
        ),
        ("activation: {loyalty: {url: https://a.example.com/}}", "tiers: name at least one segment and its tier"),
        ("activation: {loyalty: {url: http://a.example.com/}}", "activation.loyalty.url: "),
        (
            "activation: {webhooks: [{name: a, url: https://a.example.com/, events: [decision.made]}, "
            "{name: a, url: https://b.example.com/, events: [decision.made]}]}",
            "webhooks: a is there twice; give each subscriber a name of its own",
        ),
        ("activation: {webhooks: [{name: a, url: https://a.example.com/, events: [profile.seen]}]}", "decision.made"),
        (
            "{foundation: {removal: destroy, network: {deployed: true}}, "
            "collection: {streams: {provider: msk, deployed: false}}}",
            "streams.deployed: false does not go with collection.streams.provider: msk.*go back to kinesis",
        ),
        ("collection: {streams: {provider: kafka}}", "collection.streams.provider: .*'kinesis' or 'msk'"),
        ("collection: {streams: {mode: sometimes}}", "collection.streams.mode: .*'provisioned' or 'on_demand'"),
        ("activation: {quiet_hours_start: 24}", "activation.quiet_hours_start: .*less than or equal to 23"),
        ("foundation: {alarm_email: nobody}", "foundation.alarm_email: .*address such as .*got 'nobody'"),
        ("activation: {default_time_zone: Mars/Olympus}", "activation.default_time_zone: .*such as Europe/Berlin"),
        ("unification: {crm_link: crm.example.com}", "unification.crm_link: .*https:// and contains {id}"),
        ("[a, b]", "dev.yaml: not a group of keys; allowed here: activation, analytics"),
        (
            "collection: {collector: {allowed_origins: https://shop.example.com}}",
            "allowed_origins: not a list .*first, second",
        ),
        ("activation: {email: {domain: shop.example, sender: a@other.example}}", "must be an address of domain"),
        ("activation: {email: {shop_url: http://shop.example}}", "activation.email.shop_url: .*such as https://"),
        ("activation: {email: {unsubscribe_days: 400}}", "a link needs its message; make one of them fit"),
        ("activation: {message_ttl_days: 180, in_app: {valid_days: 200}}", "needs its record; make one of them fit"),
        ("activation: {in_app: {allowed_origins: ['*']}}", "activation.in_app.allowed_origins.*write an origin"),
        ("activation: {push: {google_secret: 'a secret'}}", "activation.push.google_secret: .*match"),
        ("activation: {sms: {origination_identity: '+4930123456'}}", "activation.sms.origination_identity: .*match"),
        ("operations: {alarms: false, monthly_budget_usd: 10}", "needs alarms: true"),
        ("analytics: 3", "analytics: not a group of keys .*allowed here: dashboards, databrew, emr_studio, models"),
        ("foundation: {network: {cidr: 10.20.0.0/30}}", "foundation.network.cidr: .*prefix of 16 to 24"),
        ("foundation: {network: {cidr: 8.8.0.0/16}}", "foundation.network.cidr: .*private IPv4 range"),
        ("foundation: {network: {cidr: 10.20.0.1/16}}", "foundation.network.cidr: .*such as 10.20.0.0/16"),
        ("foundation: {network: {availability_zones: 1}}", "availability_zones: .*greater than or equal to 2"),
        ("a: b: c", "not valid YAML"),
    ],
)
def test_values_out_of_range_are_refused(folder, text, said):
    with pytest.raises(SettingsError, match=said):
        load("dev", folder(text))


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example.com",
        "https://shop.example.com:8443",
        "https://xn--mnchen-3ya.example",
        "http://localhost",
        "http://localhost:3000",
    ],
)
def test_an_origin_is_taken_as_browsers_send_it(folder, origin):
    written = folder(f"collection: {{collector: {{allowed_origins: ['{origin}']}}}}")
    assert load("dev", written).collection.collector.allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.com",
        "http://shop.example.com",
        "http://localhost.example.com",
        "shop.example.com",
        "https://shop.example.com/",
        "https://Shop.example.com",
        "https://shop.example.com:443",
        "http://localhost:80",
        "https://shop.example.com:0",
        "https://-shop.example.com",
        "https://user@shop.example.com",
        "null",
        "",
    ],
)
def test_an_origin_that_would_match_no_browser_or_too_many_is_refused(folder, origin):
    written = folder(f"collection: {{collector: {{allowed_origins: ['https://a.example', '{origin}']}}}}")
    with pytest.raises(
        SettingsError, match=r"collection\.collector\.allowed_origins\.1: .* https://shop\.example\.com"
    ):
        load("dev", written)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_only_trials_may_destroy_data(folder, environment):
    with pytest.raises(SettingsError, match="destroy is for dev and everything, not"):
        load(environment, folder("foundation: {removal: destroy}", environment))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs foundation.removal: destroy, deployed before it"),
        ("foundation: {removal: destroy}\nunification: {resolution_schedule: weekly}",
         "does not go with unification.resolution_schedule: weekly"),
        ("foundation: {removal: destroy}\nunification: {unify: {started: true}}",
         "does not go with unification.unify.started: true"),
    ],
)  # fmt: skip
def test_an_environment_sleeps_whole_or_not_at_all(folder, text, said):
    with pytest.raises(SettingsError, match=rf"collection\.streams\.deployed: false .*{re.escape(said)}"):
        load("dev", folder(f"collection: {{streams: {{deployed: false}}}}\n{text}"))


def test_everything_that_would_run_while_asleep_is_reported_at_once(folder):
    text = "foundation: {removal: destroy}\ncollection: {streams: {deployed: false}, clean: {started: true}}\n"
    with pytest.raises(SettingsError, match=r"collection\.clean\.started: true, unification\.unify\.started: true"):
        load("dev", folder(text + "unification: {unify: {started: true}}"))


@given(key=st.from_regex(r"[a-z]{3,12}_zz", fullmatch=True))
def test_any_misspelt_key_is_refused_by_name(tmp_path_factory, key):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "dev.yaml").write_text(f"unification: {{{key}: 1}}", encoding="utf-8")
    with pytest.raises(SettingsError, match=f"unification.{key}: unknown key"):
        load("dev", folder)


def test_settings_do_not_change_after_loading():
    settings = load("dev")
    with pytest.raises(ValueError, match="frozen"):
        settings.environment = "prod"


def test_the_app_ends_with_one_clear_line_for_an_unknown_environment():
    told = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": '{"env": "qa"}'},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 1
    assert re.fullmatch(r"error: unknown environment 'qa' .*dev, staging, prod.*", told.stderr.strip())


def test_no_two_environments_run_matching_at_the_same_hour():
    """One matching job at a time runs in a Region, which environments may share; a run waits two hours for its turn."""
    scheduled = [load(environment).unification for environment in ENVIRONMENTS]
    hours = sorted(one.resolution_hour_utc for one in scheduled if one.resolution_schedule != "on_demand")
    assert len(hours) > 1
    around = [*hours, hours[0] + 24]
    assert all(later - earlier >= 2 for earlier, later in pairwise(around))


def test_a_matching_job_is_asked_no_faster_than_every_fifteen_seconds(folder):
    with pytest.raises(SettingsError, match=r"matching_poll_seconds: .*greater than or equal to 15 \(got 1\)"):
        load("dev", folder("unification: {matching_poll_seconds: 1}"))


def test_systems_outside_listen_on_ports_of_their_own():
    everything = load("everything").activation
    outside = [everything.service_tasks.url, everything.loyalty.url]
    outside += [one.url for one in (*everything.webhooks, *everything.audiences)]
    ports = [urlsplit(url).port for url in outside]
    assert None not in ports
    assert len(set(ports)) == len(ports)


def test_everything_leaves_off_only_what_names_an_operators_own():
    assert set(switched_off(load("everything"))) == set(named()) - ON_THE_LAPTOP
