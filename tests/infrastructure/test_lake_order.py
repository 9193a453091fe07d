"""Changes of one database or table of the lake never meet: Lake Formation would refuse one, and roll the stack back."""

import json
from collections import defaultdict
from copy import deepcopy
from dataclasses import replace
from itertools import combinations, pairwise

import aws_cdk as cdk
import pytest

from c360_core.names import Zone, stack_name
from stacks.shared.lake_access import READ, database_resource, grant_in_lake, table_resource, tables_resource
from stacks.shared.lake_order import change_lake_in_order
from tests.infrastructure.assembly import listed, resolve

GRANT = "AWS::LakeFormation::PrincipalPermissions"
TAG = "AWS::LakeFormation::TagAssociation"
REVOCATION = "Custom::ClosedDatabase"
# They change no database or table: the settings, the tags by themselves, the registration of a bucket.
OTHERS = {"AWS::LakeFormation::DataLakeSettings", "AWS::LakeFormation::Tag", "AWS::LakeFormation::Resource"}


def place(resource):
    """Return what a resource changes: the database, and the table if it is only one."""
    if resource.document["Type"] == REVOCATION:
        return (resource.properties["Database"],)
    [(kind, stated)] = resource.properties["Resource"].items()
    match kind:
        case "Database":
            return (stated["Name"],)
        case "Table" | "TableWithColumns":
            return tuple(stated[name] for name in ("DatabaseName", "Name") if name in stated)
        case "DataLocation":
            return ("location", resolve(stated["ResourceArn"]))
        case "LFTagPolicy":
            return ("policy", json.dumps(stated, sort_keys=True))
    raise AssertionError(f"{resource}: what does {kind} change?")


def changes(assembly):
    """Return the changes of the lake by what they change."""
    found = defaultdict(list)
    for resource in assembly.resources():
        kind = resource.document["Type"]
        if kind in {GRANT, TAG, REVOCATION}:
            found[place(resource)].append(resource)
        assert kind.startswith("AWS::LakeFormation") <= (kind in {GRANT, TAG} | OTHERS), f"{kind} needs a place here"
    return found


def meeting(assembly):
    """Yield each two changes of the same place, or of a database and a table in it, of which neither waits."""
    before = {name: waits_in(template) for name, template in assembly.templates.items()}
    stacks = waits_of_stacks(assembly)
    by_place = changes(assembly)
    for one in by_place:
        for other in by_place:
            if one == other:
                pairs = list(combinations(by_place[one], 2))
            elif one == other[: len(one)]:
                pairs = [(a, b) for a in by_place[one] for b in by_place[other]]
            else:
                continue
            for a, b in pairs:
                if a.pillar == b.pillar:
                    waits = before[a.pillar]
                    ordered = a.logical_id in waits[b.logical_id] or b.logical_id in waits[a.logical_id]
                else:
                    ordered = a.pillar in stacks[b.pillar] or b.pillar in stacks[a.pillar]
                if not ordered:
                    yield f"{a} and {b}"


def waits_in(template):
    """Return, for each resource, those that it waits for by `DependsOn`."""
    direct = {name: listed(document.get("DependsOn", [])) for name, document in template["Resources"].items()}
    return closure(direct)


def waits_of_stacks(assembly):
    """Return, for each stack, those that are deployed before it, also when stacks are deployed side by side."""
    artifacts = json.loads((assembly.folder / "manifest.json").read_text())["artifacts"]
    names = {stack_name(assembly.settings.environment, pillar): pillar for pillar in assembly.templates}
    direct = {
        pillar: [names[one] for one in artifacts[name]["dependencies"] if one in names]
        for name, pillar in names.items()
    }
    return closure(direct)


def closure(direct):
    found = {}

    def behind(name):
        if name not in found:
            found[name] = set(direct[name]).union(*(behind(one) for one in direct[name]))
        return found[name]

    for name in direct:
        behind(name)
    return found


def test_changes_of_one_table_or_database_wait_for_one_another_in_all_stacks(assembly):
    assert len(changes(assembly)) > 20
    assert list(meeting(assembly)) == []


def test_tables_are_changed_side_by_side(prod):
    """A chain for the whole database would make a deployment many times longer."""
    waits = waits_in(prod.templates["governance-curated"])
    columns = [r for r in prod.resources(TAG, "governance-curated") if "TableWithColumns" in r.properties["Resource"]]
    by_id = {r.logical_id: place(r) for r in columns}
    for column in columns:
        before = {by_id[one] for one in waits[column.logical_id] if one in by_id}
        assert before <= {place(column)}, column


def without(assembly, pillar, logical_id, one):
    templates = deepcopy(dict(assembly.templates))
    document = templates[pillar]["Resources"][logical_id]
    document["DependsOn"] = [other for other in listed(document["DependsOn"]) if other != one]
    return replace(assembly, templates=templates)


@pytest.mark.parametrize("pillar", ["collection", "unification", "governance-raw", "governance-curated"])
def test_one_wait_less_is_noticed(prod, pillar):
    kinds = {GRANT, TAG, REVOCATION}
    [first, second] = next(
        (one, other)
        for one, other in pairwise([r for r in prod.resources(pillar=pillar) if r.document["Type"] in kinds])
        if one.logical_id in listed(other.document.get("DependsOn", []))
    )
    changed = without(prod, pillar, second.logical_id, first.logical_id)
    assert f"{pillar}/{first.logical_id}" in " ".join(meeting(changed))


def test_stacks_that_change_the_same_database_are_noticed_when_neither_waits(prod, tmp_path):
    manifest = json.loads((prod.folder / "manifest.json").read_text())
    governance, unification = (stack_name("prod", pillar) for pillar in ("governance", "unification"))
    manifest["artifacts"][governance]["dependencies"].remove(unification)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert "unification/" in " ".join(meeting(replace(prod, folder=tmp_path)))


def test_a_change_of_all_tables_waits_for_each_and_each_for_it():
    app = cdk.App()
    stack = cdk.Stack(app, "Stack")
    resources = {
        "First": table_resource("dev", Zone.RAW, "a"),
        "Second": table_resource("dev", Zone.RAW, "b"),
        "All": tables_resource("dev", Zone.RAW),
        "Other": database_resource("dev", Zone.CURATED),
        "Third": table_resource("dev", Zone.RAW, "a"),
        "Fourth": table_resource("dev", Zone.RAW, "a"),
        "Database": database_resource("dev", Zone.RAW),
    }
    for name, resource in resources.items():
        grant_in_lake(stack, name, principal="someone", resource=resource, permissions=READ)
    change_lake_in_order(app)
    template = app.synth().get_stack_by_name("Stack").template
    waits = {name: listed(document.get("DependsOn", [])) for name, document in template["Resources"].items()}
    assert waits == {
        "First": [],
        "Second": [],
        "All": ["First", "Second"],
        "Other": [],
        "Third": ["All"],
        "Fourth": ["Third"],
        "Database": ["Fourth"],
    }
