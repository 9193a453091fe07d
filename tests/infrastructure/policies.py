"""What the policies of an environment allow, decided as AWS decides it, as far as the templates use its language.

A condition, an operator or an element that is not understood here is an error, never a guess.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final

from tests.infrastructure.assembly import POLICIES, Resource, Template, listed
from tests.infrastructure.estate import ACCOUNT, Estate, arn, physical_name

Context = Mapping[str, str]

# Condition keys whose meaning the rows of `integrations.py` state. Names of keys do not depend on their case.
KEYS: Final = {
    "aws:calledvia",
    "aws:requesttag/for-use-with-amazon-emr-managed-policies",
    "aws:resourceaccount",
    "aws:resourcetag/for-use-with-amazon-emr-managed-policies",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:tagkeys",
    "cloudwatch:namespace",
    "ec2:createaction",
    "iam:passedtoservice",
    "kms:calleraccount",
    "kms:grantisforawsresource",
    "kms:viaservice",
    "s3:prefix",
    "s3:x-amz-acl",
    "sagemaker:domainid",
    "sagemaker:owneruserprofilearn",
    "sagemaker:spacesharingtype",
    "sagemaker:taggingaction",
    "sagemaker:userprofilename",
}
_VARIABLE: Final = re.compile(r"\$\{([\w:-]+)\}")
_CONTEXT_OF_KEYS: Final = "kms:encryptioncontext:"
_ROOT: Final = f"arn:aws:iam::{ACCOUNT}:root"
# Where a resource keeps a policy of its own: the property with the policy, and that with the resources that it is for.
_RESOURCE_POLICIES: Final = {
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
}


class NotUnderstoodError(Exception):
    """A policy says something that nobody here knows the meaning of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        place: the policy with the number of the statement in it, from 0: `collection/CleanRoleDefaultPolicy[3]`.
        principals: who is meant, by ARN or service; empty for a policy of a role.
    """

    place: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    principals: tuple[str, ...] = ()

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Say whether the statement is about a request."""
        resources = [filled(one, context) for one in self.resources]
        return self.acts(action) and _matches(resources, resource) and holds(self.conditions, context)

    def names(self, action: str, resource: str) -> bool:
        """Say whether the statement is about a request as far as its conditions do not matter."""
        return self.acts(action) and _matches([_VARIABLE.sub("*", one) for one in self.resources], resource)

    def acts(self, action: str) -> bool:
        """Say whether an action is among those of the statement."""
        return _matches(self.actions, action.lower(), fold=True)

    def only(self, action: str) -> "Statement":
        """Return the statement with one of its actions alone."""
        return replace(self, actions=(action,))


def statement(place: str, document: Template, resource: str | None = None) -> Statement:
    """Read a statement.

    Args:
        place: the policy with the number of the statement in it.
        document: the statement, without references.
        resource: what `*` means in a policy that belongs to a resource.

    Raises:
        NotUnderstoodError: for an element that this reader does not know.
    """
    unknown = document.keys() - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    if unknown:
        raise NotUnderstoodError(f"{place}: teach {__name__} what {sorted(unknown)} mean")
    resources = [str(one) for one in listed(document.get("Resource", "*"))]
    if resource is not None:
        resources = [resource if one == "*" else one for one in resources]
    return Statement(
        place=place,
        effect=document["Effect"],
        actions=tuple(str(one) for one in listed(document["Action"])),
        resources=tuple(resources),
        conditions=document.get("Condition", {}),
        principals=tuple(_principals(document.get("Principal", {}))),
    )


def _principals(principal: Any) -> Iterator[str]:
    if principal == "*":
        yield "*"
        return
    for named in principal.values():
        yield from (str(one) for one in listed(named))


def filled(pattern: str, context: Context) -> str:
    """Return a resource or a value of a condition with what a request states in place of its variables.

    A variable that the request does not state matches nothing.
    """
    stated = {key.lower(): value for key, value in context.items()}
    return _VARIABLE.sub(lambda found: stated.get(found[1].lower(), "(not stated)"), pattern)


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Say whether a request with this context meets the conditions.

    Raises:
        NotUnderstoodError: for an operator or a key that no row states.
    """
    stated = {key.lower(): value for key, value in context.items()}
    return all(
        _meets(operator, key, [filled(str(one), stated) for one in listed(wanted)], stated)
        for operator, tests in conditions.items()
        for key, wanted in tests.items()
    )


def _meets(operator: str, key: str, wanted: list[str], stated: Mapping[str, str]) -> bool:
    folded = key.lower()
    if folded not in KEYS and not folded.startswith(_CONTEXT_OF_KEYS):
        raise NotUnderstoodError(f"condition key {key}: add it to `KEYS` in {__name__}, and state it in the rows")
    base = operator.removesuffix("IfExists").removeprefix("ForAnyValue:").removeprefix("ForAllValues:")
    if base == "Null":
        return (folded not in stated) is (wanted == ["true"])
    if folded not in stated:
        return operator.endswith("IfExists")
    value = stated[folded]
    match base:
        case "StringEquals":
            return value in wanted
        case "Bool":
            return value.lower() in {one.lower() for one in wanted}
        case "StringLike" | "ArnLike" | "ArnEquals":
            return _matches(wanted, value)
        case _:
            raise NotUnderstoodError(f"condition operator {operator}: teach {__name__} what it means")


def _matches(patterns: Iterable[str], text: str, *, fold: bool = False) -> bool:
    """Say whether a pattern matches; in IAM only `*` and `?` are wildcards."""
    return any(fnmatchcase(text, _pattern(one.lower() if fold else one)) for one in patterns)


def _pattern(text: str) -> str:
    return text.replace("[", "[[]")


@dataclass(frozen=True)
class Policies:
    """All policies of an environment, by whom and by what they are for."""

    estate: Estate

    @cached_property
    def of_roles(self) -> dict[str, tuple[Statement, ...]]:
        """The statements of each role's policies, by the role's ARN."""
        found: dict[str, list[Statement]] = {arn(role): [] for role in self.estate.of_type("AWS::IAM::Role")}
        for policy in (one for kind in POLICIES for one in self.estate.of_type(kind)):
            for name in policy.properties["Roles"]:
                role = arn(self.estate.one("AWS::IAM::Role", name))
                found[role] += _read(str(policy), policy.properties["PolicyDocument"])
        for role in self.estate.of_type("AWS::IAM::Role"):
            for inline in role.properties.get("Policies", ()):
                place = f"{role}.{inline['PolicyName']}"
                found[arn(role)] += _read(place, inline["PolicyDocument"])
        return {role: tuple(statements) for role, statements in found.items()}

    @cached_property
    def of_resources(self) -> dict[str, tuple[Statement, ...]]:
        """The statements of each resource's own policy, by the resource's ARN: trust policies are among them."""
        found: dict[str, list[Statement]] = {}
        for resource in self.estate.resources:
            for owner, statements in self._own(resource):
                found.setdefault(owner, []).extend(statements)
        return {owner: tuple(statements) for owner, statements in found.items()}

    def _own(self, resource: Resource) -> Iterator[tuple[str, list[Statement]]]:
        """Yield what a resource says about who may use it, or another one."""
        properties, kind = resource.properties, resource.document["Type"]
        match kind:
            case "AWS::KMS::Key":
                yield arn(resource), _read(str(resource), properties["KeyPolicy"], arn(resource))
            case "AWS::IAM::Role":
                yield arn(resource), _read(str(resource), properties["AssumeRolePolicyDocument"], arn(resource))
            case "AWS::Lambda::Permission":
                function = self.estate.one("AWS::Lambda::Function", properties["FunctionName"])
                yield arn(function), [_permission(resource, arn(function))]
            case _ if kind in _RESOURCE_POLICIES:
                policy, owners = (properties[name] for name in _RESOURCE_POLICIES[kind])
                for owner in map(self._owner, listed(owners)):
                    yield owner, _read(str(resource), policy, owner)
            case _ if kind in POLICIES:
                return
            case _ if kind.endswith(("Policy", "Permission")):
                raise NotUnderstoodError(f"{resource}: teach {__name__} to read {kind}")

    def _owner(self, name: str) -> str:
        (found,) = (one for one, resource in self.estate.by_arn.items() if name in {one, physical_name(resource)})
        return found

    def all(self) -> Iterator[Statement]:
        """Yield every statement once."""
        seen = set()
        for statements in (*self.of_roles.values(), *self.of_resources.values()):
            for one in statements:
                if one.place not in seen:
                    seen.add(one.place)
                    yield one

    def deciding(self, party: str, action: str, resource: str, context: Context) -> list[list[Statement]]:
        """Return the groups of statements that allow a request: it needs one of each group.

        Args:
            party: the ARN of a role, or the principal of a service.
            action: such as `sqs:SendMessage`.
            resource: the ARN, or `*` for an action that has no resource.
            context: the condition keys that the request states.
        """
        own = self.of_roles.get(party, ())
        covering = [one for one in (*own, *self.about(resource, party)) if one.covers(action, resource, context)]
        if any(one.effect == "Deny" for one in covering):
            return [[]]
        if not action.startswith("kms:") or not own:
            return [covering]
        # The policies of roles count for a key only where its own policy leaves the decision to the account.
        leaving = [one for one in self.about(resource, _ROOT) if one.covers(action, resource, context)]
        return [covering, leaving]

    def about(self, resource: str, party: str) -> list[Statement]:
        """Return the statements of a resource's own policy that mean a party: that of an object is its bucket's."""
        own = self.of_resources.get(resource) or self.of_resources.get(resource.partition("/")[0], ())
        return [one for one in own if {"*", party} & set(one.principals)]


def _read(place: str, document: Template, resource: str | None = None) -> list[Statement]:
    return [statement(f"{place}[{number}]", one, resource) for number, one in enumerate(listed(document["Statement"]))]


def _permission(resource: Resource, function: str) -> Statement:
    """Read a permission on a function, which is a statement of the function's policy."""
    properties = resource.properties
    conditions = {
        operator: {key: properties[name]}
        for operator, key, name in (
            ("ArnLike", "aws:SourceArn", "SourceArn"),
            ("StringEquals", "aws:SourceAccount", "SourceAccount"),
        )
        if name in properties
    }
    return Statement(
        place=f"{resource}[0]",
        effect="Allow",
        actions=(properties["Action"],),
        resources=(function,),
        conditions=conditions,
        principals=(properties["Principal"],),
    )
