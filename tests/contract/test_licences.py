"""A licence stands in the contract; a use that it forbids, or that comes too late, is refused where it is made."""

import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from c360_core.names import Use
from c360_core.play import parse_playbook
from c360_core.segment import profile_fields
from c360_core.written import Known
from tests.contract.conftest import assert_names_problem, change_contract
from tools.contracts import CONTRACTS_DIRECTORY, ContractsError, audiences, load_and_check, main
from tools.contracts.licences import licensed, model_problems, play_problems, segment_problems
from tools.contracts.marts import SQL_DIRECTORY
from tools.contracts.plays import SOURCE as PLAYS
from tools.contracts.segments import SOURCE, SegmentError, load_segments, read_segments

CREDIT = "credit_bands.odcs.yaml"
DEMOGRAPHICS = "demographics.odcs.yaml"
TODAY = date(2026, 6, 1)
ENDED = date(2036, 1, 1)


def licence(**said):
    """Change the terms of a contract; None leaves one out."""

    def changed(contract):
        [entry] = [one for one in contract["customProperties"] if one["property"] == "licence"]
        entry["value"] = {key: value for key, value in {**entry["value"], **said}.items() if value is not None}

    return changed


def without_licence(contract):
    contract["customProperties"] = [one for one in contract["customProperties"] if one["property"] != "licence"]


TERMS = {
    "none": (without_licence, "licence", "is missing", "write the terms"),
    "no end": (licence(ends=None), "licence", "not what a licence says", "provider, attribution, ends"),
    "more than terms": (licence(price=3), "licence", "not what a licence says", "nothing else"),
    "an end that is no day": (licence(ends="never"), "licence.ends", "`never` is no date", "first day after"),
    "nobody's": (licence(provider=" "), "licence.provider", "is empty", "as the terms have it"),
    "an unknown use": (licence(allowed=["resale"]), "licence.allowed", "`resale` is no use", "use one of analytics"),
    "allowed and forbidden": (licence(allowed=["analytics", "service", "marketing"]),
        "licence.forbidden", "`marketing` is in allowed, too", "decide"),
    "silent": (licence(forbidden=["marketing"]),
        "licence.forbidden", "say nothing of personalisation, advertising, model_features", "is forbidden"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "field", "message", "fix"), TERMS.values(), ids=TERMS.keys())
def test_a_wrong_licence_names_file_field_and_fix(directory, change, field, message, fix):
    assert_names_problem(directory, CREDIT, change, field, message, fix)


def forbids(*uses):
    """Forbid uses that demographics may be put to."""
    allowed = [use.value for use in Use if use not in uses]
    return licence(allowed=allowed, forbidden=[use.value for use in uses])


def test_identity_resolution_is_refused_where_a_column_has_a_role(directory):
    assert_names_problem(
        directory, DEMOGRAPHICS, forbids(Use.IDENTITY_RESOLUTION), "demographics.email.identityRole",
        "uses demographics for identity_resolution, which its licence forbids", "demographics.odcs.yaml allows",
    )  # fmt: skip


def test_a_column_of_profiles_is_refused_that_follows_from_the_product(directory):
    change_contract(directory, DEMOGRAPHICS, forbids(Use.PERSONALISATION))

    with pytest.raises(ContractsError) as caught:
        load_and_check(directory)

    fields = {problem.field for problem in caught.value.problems}
    assert {"profiles.age_band.derivation", "profiles.kids_count.derivation"} <= fields
    assert "profiles.orders.derivation" not in fields
    assert {problem.file for problem in caught.value.problems} == {"profiles.odcs.yaml"}


def test_what_others_send_is_none_of_the_licences_business(directory, contracts):
    """`email` also comes from the CRM; the age band comes from the product alone, whether or not `when` says so."""

    def any_source(contract):
        for field in contract["schema"][0]["properties"]:
            for entry in field.get("customProperties", []):
                if field["name"] == "age_band" and entry["property"] == "derivation":
                    entry["value"]["when"] = "event_type = 'contact_changed'"

    change_contract(directory, "profiles.odcs.yaml", any_source)
    change_contract(directory, DEMOGRAPHICS, forbids(Use.PERSONALISATION))

    with pytest.raises(ContractsError, match=r"profiles\.age_band\.derivation: uses demographics"):
        load_and_check(directory)


def test_after_its_term_a_licence_allows_nothing(directory):
    load_and_check(directory, on=date(2035, 12, 31))

    with pytest.raises(ContractsError) as caught:
        load_and_check(directory, on=ENDED)

    [problem] = [one for one in caught.value.problems if one.field == "profiles.age_band.derivation"]
    assert problem.message == "uses demographics, whose licence ended on 2036-01-01"
    assert problem.fix == "renew it and write the new date into demographics.odcs.yaml, or take the use out"


# ---- segments


def segments_for(contracts, use=None):
    text = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    [young] = [segment for segment in text["segments"] if segment["name"] == "young_adults"]
    return [young | ({"use": use} if use else {})]


def written(folder: Path, segments) -> Path:
    path = folder / "segments.yaml"
    path.write_text(yaml.safe_dump({"segments": segments}), encoding="utf-8")
    return path


@pytest.mark.parametrize(("use", "refused"), [(None, False), ("service", False), ("advertising", True)])
def test_a_segment_is_refused_whose_use_the_licence_forbids(contracts, tmp_path, use, refused):
    """Demographics may be used for marketing, which segments are for unless they say otherwise, not for advertising."""
    path = written(tmp_path, segments_for(contracts, use))
    fields = profile_fields(contracts.product("profiles").table)

    found = segment_problems(read_segments(path, fields), contracts, TODAY)

    assert [str(problem) for problem in found] == [
        "segments.yaml: segments.young_adults.query.age_band: uses demographics for advertising, which its licence "
        "forbids; take the use out; demographics.odcs.yaml allows analytics, personalisation, marketing, service, "
        "model_features, identity_resolution"
    ] * refused


def test_segments_end_with_the_licence(contracts):
    assert load_segments(on=date(2035, 12, 31))
    with pytest.raises((SegmentError, ContractsError), match="licence ended on 2036-01-01"):
        load_segments(on=ENDED)


def test_a_play_ends_with_the_licence_of_a_column_that_it_names(contracts):
    document = yaml.safe_load(PLAYS.read_text(encoding="utf-8"))
    rule = {"field": "age_band", "operator": "=", "value": "65+"}
    document["plays"][0]["audience"] = {"query": {"combinator": "and", "rules": [rule]}}
    known = Known(fields=profile_fields(contracts.product("profiles").table))
    plays = parse_playbook(document, known, file=PLAYS.name).plays

    assert play_problems(plays, contracts, TODAY) == []
    (problem, *_) = play_problems(plays, contracts, ENDED)
    assert (problem.file, problem.field) == ("plays.yaml", "plays.first_purchase.audience.query.age_band")


def test_a_use_of_a_segment_that_nobody_knows_is_refused(contracts, tmp_path):
    path = written(tmp_path, segments_for(contracts, "resale"))
    with pytest.raises(SegmentError, match=r"segment `young_adults`: unknown use `resale`; use one of analytics"):
        read_segments(path, profile_fields(contracts.product("profiles").table))


# ---- models


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A copy of the dbt project, with a model that reads credit bands through another one."""
    shutil.copytree(SQL_DIRECTORY, tmp_path / "sql", ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
    marts = tmp_path / "sql" / "models" / "marts"
    (marts / "bands_now.sql").write_text("select * from {{ source('curated', 'reference_credit_bands') }}")
    (marts / "best_bands.sql").write_text("select * from {{ ref('bands_now') }} where credit_band = 'A'")
    return tmp_path / "sql"


def declare(sql: Path, **uses: str) -> None:
    models = [{"name": name, "config": {"meta": {"use": use}}} for name, use in uses.items()]
    (sql / "models" / "marts" / "bands.yml").write_text(yaml.safe_dump({"version": 2, "models": models}))


def test_the_models_of_the_project_are_allowed(contracts):
    assert model_problems(contracts, SQL_DIRECTORY, TODAY) == []


def test_a_model_says_for_what_it_reads_a_product(contracts, sql):
    declare(sql, bands_now="analytics")

    [problem] = model_problems(contracts, sql, TODAY)

    assert (problem.file, problem.field) == ("sql/models/marts/best_bands.sql", "models.best_bands.config.meta.use")
    assert problem.message == "reads credit_bands, which was bought, and does not say for what"
    assert problem.fix.startswith("use one of analytics, personalisation")


@pytest.mark.parametrize("use", ["marketing", "advertising", "model_features"])
def test_a_model_is_refused_whose_use_the_licence_forbids(contracts, sql, use):
    declare(sql, bands_now="analytics", best_bands=use)

    [problem] = model_problems(contracts, sql, TODAY)

    assert problem.field == "models.best_bands.config.meta.use"
    assert problem.message == f"uses credit_bands for {use}, which its licence forbids"
    assert problem.fix == "take the use out; credit_bands.odcs.yaml allows analytics, service"


def test_a_model_of_an_unknown_use_is_refused(contracts, sql):
    declare(sql, bands_now="analytics", best_bands="resale")
    assert [problem.message for problem in model_problems(contracts, sql, TODAY)] == ["`resale` is no use"]


def test_models_end_with_the_licence(contracts, sql):
    declare(sql, bands_now="analytics", best_bands="analytics")
    assert model_problems(contracts, sql, date(2035, 12, 31)) == []
    messages = {problem.message for problem in model_problems(contracts, sql, ENDED)}
    assert "uses credit_bands, whose licence ended on 2036-01-01" in messages


def test_the_check_refuses_it(sql, capsys, caplog):
    declare(sql, bands_now="analytics", best_bands="marketing")
    assert main(["--check", "--sql", str(sql)]) == 1
    assert "models.best_bands.config.meta.use: uses credit_bands for marketing" in caplog.text


def test_every_product_of_data_exchange_has_a_licence_and_a_reference_table(contracts):
    names = {source.name for source, _ in contracts.reference_sources()}
    assert names == {source.name for source in licensed(contracts)}
    assert names == {"demographics", "credit_bands", "advertising_audiences"}
    for name in names:
        columns = [field.name for field in contracts.reference_of(name).fields]
        assert columns[-4:] == ["valid_from", "valid_to", "is_current", "revisions"]
    over = replace(contracts.source("credit_bands").licence, ends=TODAY)
    assert not over.allows(Use.ANALYTICS, TODAY)
    assert over.allows(Use.ANALYTICS, date(2026, 5, 31))
    assert CONTRACTS_DIRECTORY.name == "contracts"


# ---- segments that are shared with a partner


def test_no_segment_that_a_partner_hears_of_is_computed_from_what_was_bought():
    """What is shared is for advertising, which the licences forbid."""
    macro = (SQL_DIRECTORY / "macros" / "shared.sql").read_text(encoding="utf-8")
    [names] = re.findall(r"macro shared_segments\(\) -%}\s*\(([^)]*)\)", macro)
    shared = set(re.findall(r"'(\w+)'", names))
    contracts = load_and_check().contracts
    segments = [replace(one, use=Use.ADVERTISING) for one in load_segments() if one.name in shared]
    assert {one.name for one in segments} == shared
    assert segment_problems(segments, contracts, TODAY) == []


# ---- segments of which advertising platforms keep audiences


AUDIENCE = """\
analytics: {nightly_models: true}
activation:
  audiences:
    - {name: a, segment: SEGMENT, platform: meta, account: "1", audience_id: "2", secret: s}
"""


def settings(folder, segment):
    (folder / "prod.yaml").write_text(AUDIENCE.replace("SEGMENT", segment), encoding="utf-8")
    return folder


def test_no_audience_uses_what_a_licence_keeps_from_advertising(tmp_path):
    audiences.check(load_segments(), environments=settings(tmp_path, "high_spenders"), on=TODAY)
    with pytest.raises(
        SegmentError,
        match=r"prod.yaml: activation.audiences.a: segments.yaml: segments.young_adults.query.age_band: uses "
        "demographics for advertising, which its licence forbids",
    ):
        audiences.check(load_segments(), environments=settings(tmp_path, "young_adults"), on=TODAY)


def test_the_audiences_of_every_environment_may_be_told():
    audiences.check(load_segments(), on=TODAY)
