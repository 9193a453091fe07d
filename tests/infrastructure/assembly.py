"""The synthesised templates of an environment, and how tests ask them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml

import app
from c360_core import contracts
from c360_core.names import STACKS, EnvironmentName, stack_name
from config.settings import ENVIRONMENTS_FOLDER, Settings, load
from stacks.foundation.stack import FoundationStack
from stacks.operations.stack import OperationsStack
from stacks.shared.assets import Assets
from stacks.shared.platform import Platform
from tests.infrastructure.findings import read_report
from tests.infrastructure.switches import NAMED
from tools.build import flink, staging

Template = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
# Part of the logical ids of functions and roles that the CDK brings along; it, not we, writes them.
CDKS_OWN = "CustomResourceProvider"
# What does not fit into a role's own policies, the CDK puts into managed ones.
POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    pillar: str
    logical_id: str
    document: Template

    @property
    def properties(self) -> Template:
        return self.document.get("Properties", {})

    def __str__(self) -> str:
        return f"{self.pillar}/{self.logical_id}"


@dataclass(frozen=True)
class Assembly:
    """The templates of one environment, by pillar, the validation report of its synthesis, and what it costs idle."""

    settings: Settings
    folder: Path
    templates: Mapping[str, Template]
    report: Template
    messages: tuple[str, ...]
    costs: Mapping[str, float]

    @property
    def files(self) -> list[Path]:
        return [self.folder / f"{stack_name(self.settings.environment, p)}.template.json" for p in STACKS]

    def resources(self, type_name: str | None = None, pillar: str | None = None) -> Iterator[Resource]:
        """Yield the resources of a type, in a pillar or in all."""
        for name, template in self.templates.items():
            if pillar not in {None, name}:
                continue
            for logical_id, document in template["Resources"].items():
                if type_name in {None, document["Type"]}:
                    yield Resource(name, logical_id, document)

    def ours(self, type_name: str) -> Iterator[Resource]:
        """Yield the resources of a type without those that the CDK brings along."""
        return (resource for resource in self.resources(type_name) if CDKS_OWN not in resource.logical_id)

    def one(self, type_name: str, pillar: str, part: str = "") -> Resource:
        """Return the only resource of a type whose logical id has this part."""
        found = [r for r in self.resources(type_name, pillar) if part in r.logical_id]
        assert len(found) == 1, f"{type_name} {part}: {[str(r) for r in found]}"
        return found[0]


def sleeping_dev(folder: Path) -> Settings:
    """Return the settings of `dev` with its streams off, from a file of their own."""
    values = yaml.safe_load((ENVIRONMENTS_FOLDER / "dev.yaml").read_text(encoding="utf-8"))
    values["collection"]["streams"]["deployed"] = False
    (folder / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return load("dev", folder)


def with_msk(environment: EnvironmentName) -> Settings:
    """Return the settings of an environment with its streams on MSK, whose network it then needs."""
    settings = load(environment)
    streams = settings.collection.streams.model_copy(update={"provider": "msk"})
    network = settings.foundation.network.model_copy(update={"deployed": True})
    warehouse = settings.analytics.warehouse  # which reads streams of Kinesis alone
    still = warehouse.model_copy(update={"streaming": warehouse.streaming.model_copy(update={"deployed": False})})
    # A function that writes such a stream has no way to a system outside.
    loyalty = settings.activation.loyalty.model_copy(update={"url": None})
    return settings.model_copy(
        update={
            "activation": settings.activation.model_copy(update={"loyalty": loyalty}),
            "analytics": settings.analytics.model_copy(update={"warehouse": still}),
            "collection": settings.collection.model_copy(update={"streams": streams}),
            "foundation": settings.foundation.model_copy(update={"network": network}),
        }
    )


def with_mapped_ids(environment: EnvironmentName) -> Settings:
    """Return the settings of an environment whose partner has an ID namespace."""
    settings = load(environment)
    namespace = NAMED["activation"]["clean_room"]["partner_id_namespace"]
    room = settings.activation.clean_room.model_copy(update={"partner_id_namespace": namespace})
    return settings.model_copy(
        update={"activation": settings.activation.model_copy(update={"clean_room": room})},
    )


def empty_app(folder: Path) -> cdk.App:
    """Return an app with the context of `cdk.json` that writes into a folder."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return cdk.App(context=context, outdir=str(folder), analytics_reporting=False)


def operate(
    cdk_app: cdk.App, settings: Settings, assets: Assets, place: Callable[[FoundationStack], None]
) -> OperationsStack:
    """Add to an app the foundation, what a test places in it, and operations; return the last."""
    foundation = FoundationStack(cdk_app, "Foundation", contracts=contracts.load(), settings=settings)
    place(foundation)
    platform = Platform(
        environment=settings.environment,
        runtime=settings.runtime,
        assets=assets,
        key=foundation.key,
        alarm_topic=foundation.alarm_topic,
        removal=foundation.removal,
        network=foundation.network,
    )
    return OperationsStack(cdk_app, "Operations", settings=settings.operations, platform=platform)


def synthesize(settings: Settings, assets: Assets, folder: Path) -> Assembly:
    """Synthesise one environment exactly as the CDK command does, with every validation on."""
    environment = settings.environment
    cdk_app = empty_app(folder)
    operations = app.build(cdk_app, settings, assets)
    cdk_app.synth()
    return Assembly(
        settings=settings,
        folder=folder,
        templates={
            pillar: json.loads((folder / f"{stack_name(environment, pillar)}.template.json").read_text())
            for pillar in STACKS
        },
        report=read_report(folder),
        messages=tuple(_messages(folder)),
        costs={cost.label: cost.usd for cost in operations.costs},
    )


def _messages(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.metadata.json")):
        for entries in json.loads(path.read_text()).values():
            yield from (str(entry["data"]) for entry in entries if entry["type"].startswith("aws:cdk:"))


def placeholder_assets(root: Path) -> Assets:
    """Return tiny assets, so that no test of the templates needs Maven or a build."""
    functions = [f"lambdas/{name}" for name in staging.functions()]
    applications = [f"flink/{name}" for name in flink.applications()]
    for asset in (*functions, "glue_lib", *applications, "dbt"):
        (root / asset).mkdir(parents=True)
        (root / asset / "placeholder.txt").write_text(asset.partition("/")[0])
    (root / "models.tar.gz").write_bytes(b"models")
    return Assets(root=root)


def resolve(value: Any) -> str:  # noqa: PLR0911  # one for each form
    """Return a text for a template's value: references become their names, joins are joined."""
    match value:
        case str() | int():
            return str(value)
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(resolve(part) for part in parts)
        case {"Ref": name}:
            return {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}.get(
                name, name
            )
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::ImportValue": name}:
            return re.sub(r"^.*ExportsOutput(FnGetAtt|Ref)", "", resolve(name))
        case {"Fn::FindInMap": parts}:
            return ".".join(resolve(part) for part in parts)
        case {"Fn::Sub": text} | {"Fn::Select": [_, {"Fn::Split": [_, text]}]}:
            return resolve(text)
        case _:
            raise TypeError(f"cannot resolve {value!r}")


def tables_of(assembly: Assembly, agreed: contracts.Contracts) -> Sequence[contracts.Table]:
    """Return the tables that an environment has contracts for: those of a clean room only where there is one."""
    room = assembly.settings.activation.clean_room
    return [
        *agreed.lake_tables(),
        *(agreed.shared_tables() if room.partner_account is not None else ()),
        *(agreed.audience_tables() if assembly.settings.activation.audiences else ()),
        *(agreed.matching_tables() if room.partner_id_namespace is not None else ()),
    ]


def references(value: Any) -> bool:
    """Say whether a value refers to another resource instead of being a plain text."""
    return isinstance(value, dict)


def statements(assembly: Assembly) -> Iterator[tuple[Resource, Template]]:
    """Yield every statement that grants an identity something."""
    for resource in (one for kind in POLICIES for one in assembly.resources(kind)):
        for statement in resource.properties["PolicyDocument"]["Statement"]:
            yield resource, statement
    for resource in assembly.resources("AWS::IAM::Role"):
        for policy in resource.properties.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield resource, statement


def listed(value: Any) -> list[Any]:
    """Return a value as a list, as IAM reads it."""
    return value if isinstance(value, list) else [value]


def definition(machine: Resource) -> Template:
    """Return a state machine's definition with references resolved to texts."""
    return json.loads(resolve(machine.properties["DefinitionString"]))


def states(machine: Template) -> dict[str, Template]:
    """Return all states of a definition, those of branches and maps included."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        for branch in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            found |= states(branch)
    return found
