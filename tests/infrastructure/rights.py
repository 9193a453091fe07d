"""What the policies of a role reach, for the tests of one system."""

from tests.infrastructure.assembly import POLICIES, resolve


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(assembly, stack, role):
    found = (one for kind in POLICIES for one in assembly.resources(kind, stack))
    policies = [one for one in found if one.logical_id.startswith(role)]
    return [one for policy in policies for one in policy.properties["PolicyDocument"]["Statement"]]


def resources_of(assembly, stack, role, *actions):
    return {
        resolve(resource)
        for statement in statements(assembly, stack, role)
        if set(listed(statement["Action"])) & set(actions)
        for resource in listed(statement["Resource"])
    }


def tables_in(arns):
    return {one.rpartition(":table/")[2] for one in arns if ":table/" in one}


def prefixes_in(arns):
    return {one.removesuffix("/*").rpartition("/")[2] for one in arns if one.endswith("/*") and ":glue:" not in one}


def job(assembly, script, stack):
    [found] = [
        one for one in assembly.resources("AWS::Glue::Job", stack) if one.properties["Description"].endswith(script)
    ]
    return found.properties
