"""Data Exchange: on, each product has an event action and a state machine behind it; off, nothing is left."""

import json
from datetime import date

import pytest
import yaml

import app
from c360_core.landing import PROBE, revision_keys
from config.settings import SettingsError, load
from stacks.collection.data_exchange import LicenceEndedError, NoSuchProductError, _product
from tests.infrastructure.assembly import definition, empty_app, placeholder_assets, states

DATA_SET = "d1e0cred1tbands00000000000000002"
EVENT_ACTION = "AWS::DataExchange::EventAction"


def test_off_leaves_nothing_behind(customary):
    assert not customary.settings.collection.data_exchange.products
    assert not list(customary.resources(EVENT_ACTION))
    assert [str(one) for one in customary.resources(pillar="collection") if "DataExchange" in one.logical_id] == []
    assert "dataexchange" not in json.dumps([one.document for one in customary.resources()])


def test_each_product_is_exported_into_its_folder_under_our_key(everything):
    found = {}
    for one in everything.resources(EVENT_ACTION):
        export = one.properties["Action"]["ExportRevisionToS3"]
        assert export["Encryption"]["Type"] == "aws:kms"
        assert "Key" in json.dumps(export["Encryption"]["KmsKeyArn"])
        assert "LakeLanding" in json.dumps(export["RevisionDestination"]["Bucket"])
        data_set = one.properties["Event"]["RevisionPublished"]["DataSetId"]
        found[data_set] = export["RevisionDestination"]["KeyPattern"]
    products = everything.settings.collection.data_exchange.products
    assert found == {data_set: revision_keys(name) for name, data_set in products.items()}
    assert set(products) == {"demographics", "credit_bands", "advertising_audiences"}


def test_the_landing_bucket_lets_data_exchange_write_there_alone(everything):
    """AWS: PutObject and PutObjectAcl for the service, in the name of our account; and an object as a test."""
    policies = [one.properties for one in everything.resources("AWS::S3::BucketPolicy", "foundation")]
    statements = [s for policy in policies for s in policy["PolicyDocument"]["Statement"] if "Sid" in s]
    [statement] = [s for s in statements if s["Sid"] == "DataExchangeExports"]
    assert statement["Principal"] == {"Service": "dataexchange.amazonaws.com"}
    assert set(statement["Action"]) == {"s3:PutObject", "s3:PutObjectAcl"}
    assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]
    ends = sorted(json.dumps(resource).rpartition('"/')[2].partition('"')[0] for resource in statement["Resource"])
    assert ends == sorted([f"{PROBE}*", "advertising_audiences/*", "credit_bands/*", "demographics/*"])


def rules_of(assembly, detail_type):
    found = [one.properties for one in assembly.resources("AWS::Events::Rule", "collection")
             if one.properties.get("EventPattern", {}).get("source") == ["aws.dataexchange"]]  # fmt: skip
    return [rule for rule in found if rule["EventPattern"]["detail-type"] == [detail_type]]


def test_a_failed_export_is_tried_again_by_a_state_machine(everything):
    rules = rules_of(everything, {"equals-ignore-case": "Auto-export Job Failed"})
    for rule in rules:
        assert rule["Targets"][0]["InputPath"] == "$.detail"
    assert sorted(rule["EventPattern"]["detail"]["DataSetIds"][0] for rule in rules) == sorted(
        everything.settings.collection.data_exchange.products.values()
    )


def test_somebody_is_told_of_a_revoked_revision(everything):
    """AWS: the event names the data set among its resources, the revisions in its detail."""
    rules = rules_of(everything, "Revision Revoked")
    assert sorted(rule["EventPattern"]["resources"][0] for rule in rules) == sorted(
        everything.settings.collection.data_exchange.products.values()
    )
    for rule in rules:
        [paths] = [target["InputTransformer"]["InputPathsMap"] for target in rule["Targets"]]
        assert set(paths.values()) == {"$.detail.RevisionIds", "$.detail.RevocationComment"}
    for machine in machines(everything):
        found = states(machine)
        assert found["WhichRevisions"]["Choices"][0] == {
            "Variable": "$.RevokedIds", "IsPresent": True, "Next": "TellOfRevoked",
        }  # fmt: skip
        told = found["TellOfRevoked"]["Parameters"]
        assert "were revoked" in told["Subject"]
        assert told["Message"]["runbook"].endswith("#a-revision-is-revoked")
        assert found["IsRevokedListed"]["Default"] == "CreateListed"


def machines(assembly):
    found = [one for one in assembly.resources("AWS::StepFunctions::StateMachine", "collection")
             if "DataExchange" in one.logical_id]  # fmt: skip
    return [definition(one) for one in found]


def test_the_state_machine_exports_what_an_event_names_or_all(everything):
    for machine in machines(everything):
        named = states(machine)
        assert named["WhichRevisions"]["Choices"][1]["Variable"] == "$.RevisionIds"
        for each in ("EachNamed", "EachListed"):
            assert named[each]["MaxConcurrency"] == 1
            [retry] = named[each]["Retry"]
            assert retry["ErrorEquals"] == ["ExportFailed", "States.TaskFailed"]
            assert (retry["MaxAttempts"], retry["BackoffRate"]) == (3, 4)
        for name in ("CreateNamed", "CreateListed"):
            export = named[name]["Parameters"]["Details"]["ExportRevisionsToS3"]
            assert export["RevisionDestinations"][0]["RevisionId.$"] == "$.RevisionId"
            assert export["RevisionDestinations"][0]["KeyPattern"].endswith("/${Revision.Id}/${Asset.Name}")


# ---- the settings


def settings(folder, **products):
    text = yaml.safe_dump({"collection": {"data_exchange": {"products": products}}})
    (folder / "dev.yaml").write_text(text, encoding="utf-8")
    return load("dev", folder)


def built(folder, **products):
    chosen = settings(folder, **products)
    app.build(empty_app(folder / "out"), chosen, placeholder_assets(folder / "assets"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weather", r"collection\.data_exchange\.products\.weather: there is no source `weather`"),
        ("crm_contacts", r"collection\.data_exchange\.products\.crm_contacts: .* arrives by files; write"),
    ],
)
def test_a_product_needs_a_contract_that_says_so(tmp_path, name, message):
    with pytest.raises(NoSuchProductError, match=message):
        built(tmp_path, **{name: DATA_SET})


def test_a_data_set_has_the_form_of_an_id(tmp_path):
    with pytest.raises(SettingsError, match=r"data_exchange\.products\.credit_bands"):
        settings(tmp_path, credit_bands="arn:aws:dataexchange:us-east-1::data-sets/x")


def test_nothing_is_exported_once_the_licence_has_ended(agreed):
    assert _product(agreed, "credit_bands", date(2035, 12, 31)).name == "credit_bands"
    with pytest.raises(LicenceEndedError, match=r"products\.credit_bands: its licence ended on 2036-01-01; renew it"):
        _product(agreed, "credit_bands", date(2036, 1, 1))
