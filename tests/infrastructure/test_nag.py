"""Every pack of cdk-nag checks every environment, and each finding is mended or acknowledged with a reason."""

from contextlib import suppress
from itertools import groupby

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from config.settings import load
from stacks.constructs import nag, python_function
from stacks.constructs.python_function import Caller
from tests.infrastructure import switches
from tests.infrastructure.assembly import definition, empty_app, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.findings import (
    accepted_findings,
    constructs,
    open_findings,
    read_report,
    unused_acknowledgements,
)
from tests.infrastructure.packs import rules


def test_every_pack_reports_and_has_nothing_open(assembly):
    # CloudFormation's own check reports only where a finding of its is acknowledged.
    reported = {report["pluginName"] for report in assembly.report["pluginReports"]} - {"CloudFormation Validate"}
    assert reported == set(nag.Pack)
    assert open_findings(assembly.report) == []


def test_every_acknowledgement_has_a_finding(assembly):
    assert unused_acknowledgements(assembly.folder, assembly.report) == set()


def nameless(text, environment):
    return text.replace(f"C360-{environment}-", "C360-").replace(f"c360_{environment}_", "c360_")


def accepted(assemblies):
    """Return the accepted findings of all environments, each once, without the environment's name."""
    return sorted(
        {
            (*(nameless(text, name) for text in (one.rule, one.construct, one.reason)), one.pack)
            for name, assembly in assemblies.items()
            for one in accepted_findings(assembly.report)
        }
    )


def test_what_was_accepted(assemblies, snapshot_json):
    """For review: every accepted finding, in which packs, where, and why. A new line here needs a reader."""
    lines = [
        f"{rule} | {', '.join(pack for *_, pack in group)} | {construct} | {reason}"
        for (rule, construct, reason), group in groupby(accepted(assemblies), key=lambda finding: finding[:3])
    ]
    assert lines == snapshot_json


def types(assemblies):
    return {resource.document["Type"] for assembly in assemblies.values() for resource in assembly.resources()}


def counts(assemblies):
    """Return for each pack how many rules look at the resources and hold for all of them, and what was accepted."""
    deployed, found = types(assemblies), accepted(assemblies)
    return {
        pack: {
            "rules": len(of_pack),
            "apply": (apply := sum(bool(rule.types & deployed) for rule in of_pack)),
            "hold everywhere": apply - len({rule.partition("[")[0] for rule, *_, of in found if of == pack}),
            "findings accepted": sum(of == pack for *_, of in found),
        }
        for pack, of_pack in rules().items()
    }


def test_the_counts_are_the_reviewed(assemblies, snapshot_json):
    """The documents state them; a test of the documents compares."""
    assert counts(assemblies) == snapshot_json


def test_the_types_at_which_no_rule_looks_are_the_reviewed(assemblies, snapshot_json):
    """What AWS calls such a type has no finding, whatever its properties say. A new one needs a test of ours."""
    seen = {type_name for of_pack in rules().values() for rule in of_pack for type_name in rule.types}
    assert sorted(types(assemblies) - seen) == snapshot_json


def test_each_acknowledged_rule_is_named_with_every_pack_that_has_it():
    packs = {name: tuple(p for p in nag.Pack if any(rule.name == name for rule in rules()[p])) for name in nag.PACKS_OF}
    assert packs == nag.PACKS_OF
    functions = {rule.name: rule.function for rule in rules()[nag.Pack.AWS_SOLUTIONS]}
    assert {name: functions[name] for name in nag.ALSO_CALLED} == nag.ALSO_CALLED


def test_without_its_acknowledgement_a_finding_fails_the_synthesis(tmp_path, monkeypatch):
    def forget(construct, findings):
        nag.acknowledge(construct, {rule: reason for rule, reason in findings.items() if rule != "LambdaDLQ"})

    monkeypatch.setattr(python_function, "acknowledge", forget)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesize(load("dev"), placeholder_assets(tmp_path / "assets"), tmp_path / "out")
    found = open_findings(read_report(tmp_path / "out"))
    assert {finding.split()[0] for finding in found} == {
        f"{pack}-LambdaDLQ" for pack in (nag.Pack.HIPAA, nag.Pack.NIST, nag.Pack.SERVERLESS)
    }
    assert len(found) == 3 * 10


CALLERS = {"apigateway.amazonaws.com": Caller.API, "secretsmanager.amazonaws.com": Caller.SECRETS_MANAGER}


def callers(assembly, functions):
    """Yield what calls each function, by the function's logical id."""
    for permission in assembly.resources("AWS::Lambda::Permission"):
        called = resolve(permission.properties["FunctionName"]).partition(".")[0]
        yield called, CALLERS[permission.properties["Principal"]]
    customs = (one for one in assembly.resources() if one.document["Type"].startswith("Custom::"))
    for resource in customs:
        exported = resolve(resource.properties["ServiceToken"])  # a name that contains the function's logical id
        yield from ((name, Caller.CLOUDFORMATION) for name in functions if name in exported)
    for mapping in assembly.resources("AWS::Lambda::EventSourceMapping"):
        streams = "StartingPosition" in mapping.properties
        yield resolve(mapping.properties["FunctionName"]), Caller.STREAM if streams else Caller.QUEUE
    for machine in assembly.resources("AWS::StepFunctions::StateMachine"):
        for state in states(definition(machine)).values():
            called = state.get("Resource", "").partition(".")[0]
            if called in functions:  # a task that names the function as its resource waits for the answer
                yield called, Caller.STATE_MACHINE


def test_every_caller_of_a_function_is_the_one_for_which_its_findings_are_accepted(assembly):
    paths = constructs(assembly.folder)
    functions = {one.logical_id: paths[one.logical_id] for one in assembly.ours("AWS::Lambda::Function")}
    expected = {(functions[name], caller.failures_arrive) for name, caller in callers(assembly, functions)}
    accepted_reasons = {
        (one.construct, one.reason) for one in accepted_findings(assembly.report) if one.rule == "LambdaDLQ"
    }
    assert expected == accepted_reasons
    assert {construct for construct, _ in expected} == set(functions.values())


@pytest.fixture(scope="module", params=["prod", "everything"])
def named(request, _contracts, tmp_path_factory):
    """An environment that also names what only an operator can name."""
    settings = switches.with_names(request.param, tmp_path_factory.mktemp("settings"))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(settings, assets, tmp_path_factory.mktemp("named"))


def test_what_an_operator_names_opens_no_finding(named):
    assert set(switches.named()).isdisjoint(switches.switched_off(named.settings))
    assert open_findings(named.report) == []
    assert unused_acknowledgements(named.folder, named.report) == set()


@pytest.fixture
def checked(tmp_path):
    """Return a function that builds a stack, lets the packs check it, and returns the findings and what is unused."""

    def check(build):
        cdk_app = empty_app(tmp_path)
        build(cdk.Stack(cdk_app, "Stack"))
        nag.check(cdk_app)
        with suppress(RuntimeError):  # if a finding is open; the report is written anyway
            cdk_app.synth()
        report = read_report(tmp_path)
        return open_findings(report), unused_acknowledgements(tmp_path, report)

    return check


def test_every_pack_finds_something_in_careless_resources(checked):
    def build(stack):
        s3.Bucket(stack, "Bucket")
        sqs.Queue(stack, "Queue")

    found, _ = checked(build)
    packs = {pack for pack in nag.Pack if any(finding.startswith(f"{pack}-") for finding in found)}
    assert packs == set(nag.Pack)


def test_an_acknowledgement_without_a_finding_is_noticed(checked):
    def build(stack):
        topic = sns.Topic(stack, "Topic")
        nag.acknowledge(topic, {"S3BucketReplicationEnabled": "there is no bucket"})

    _, unused = checked(build)
    assert unused == {
        ("Stack/Topic", f"{pack}::{pack}-S3BucketReplicationEnabled")
        for pack in (nag.Pack.HIPAA, nag.Pack.NIST, nag.Pack.PCI)
    }


def test_a_policy_of_two_roles_stays_a_finding(checked):
    def build(stack):
        roles = [iam.Role(stack, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")) for name in "AB"]
        shared = iam.Policy(stack, "Shared", roles=roles)
        own = iam.Policy(stack, "Own", roles=roles[:1])
        for policy in (shared, own):
            policy.add_statements(iam.PolicyStatement(actions=["sns:Publish"], resources=["arn:aws:sns:us-east-1:1:a"]))

    found, _ = checked(build)
    assert [finding for finding in found if finding.startswith(nag.Pack.PCI)] == [
        "PCI.DSS.321-IAMNoInlinePolicy Stack/Shared/Resource"
    ]
