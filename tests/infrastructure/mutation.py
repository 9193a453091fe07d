"""Which rights something needs: each action of each statement is taken away, to see what would be refused then.

Two things show that a right is needed: the table of what AWS documents (`integrations.py`), and the calls that the
emulator allowed in a run, decided again without the right. Nothing is deployed again for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.infrastructure.assembly import CDKS_OWN, Resource
from tests.infrastructure.estate import Estate, arn, physical_name
from tests.infrastructure.integrations import allowing, calls
from tests.infrastructure.policies import Policies, Statement

# Policies name these by the name that `c360_core.names` gives them, not by a reference to the resource.
_NAMED_ALIKE: Final = ("AWS::Glue::Database", "AWS::Glue::Table")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """One action of one statement.

    Attributes:
        place: the statement: `collection/CleanRoleDefaultPolicy[3]`.
    """

    place: str
    action: str

    def __str__(self) -> str:
        return f"{self.place} {self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A call that was allowed in a run, with names as `Estate` gives them."""

    party: str
    action: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What taking every right away has shown.

    Attributes:
        rights: all of them.
        documented: those without which the table of needs is not met.
        called: those without which a recorded call is refused.
        judged: the statements of the policies of roles that made a recorded call.
        doubled: those that a documented or recorded call uses, and that another right could stand in for.
    """

    rights: frozenset[Right]
    documented: frozenset[Right]
    called: frozenset[Right]
    judged: frozenset[str]
    doubled: frozenset[Right]

    @property
    def needed(self) -> frozenset[Right]:
        """The rights whose loss makes something fail."""
        return self.documented | self.called

    @property
    def idle(self) -> list[Right]:
        """The rights whose loss nothing notices, and that nothing uses beside another."""
        return sorted(self.rights - self.needed - self.doubled)

    @property
    def unused(self) -> list[Right]:
        """The idle rights of the roles that were seen at work: these go, or get a row of the table."""
        return [right for right in self.idle if right.place in self.judged]

    @property
    def share(self) -> float:
        """The share of the statements in which something needs at least one action, from 0 to 1."""
        return len({one.place for one in self.needed}) / len({one.place for one in self.rights})

    def summary(self) -> str:
        """Say which share is needed, by statements and by actions, and name what nothing needs."""
        statements = {one.place for one in self.rights}
        held = {one.place for one in self.needed}
        lines = [
            f"statements needed: {len(held)} of {len(statements)} ({self.share:.0%})",
            f"actions needed: {len(self.needed)} of {len(self.rights)} ({len(self.needed) / len(self.rights):.0%}); "
            f"by the table {len(self.documented)}, by recorded calls {len(self.called)}",
            *(f"another right stands in for {one}" for one in sorted(self.doubled - self.needed)),
            *(
                f"nothing needs {one}{'' if one.place in self.judged else ' (its role was not seen at work)'}"
                for one in self.idle
            ),
        ]
        return "\n".join(lines)


def rights(policies: Policies) -> frozenset[Right]:
    """Return every right that a policy of the templates gives, but to what the CDK brings for itself."""
    return frozenset(
        Right(place=one.place, action=action)
        for one in policies.all()
        if one.effect == "Allow" and CDKS_OWN not in one.place
        for action in one.actions
    )


def examine(estate: Estate, recorded: Iterable[Recorded]) -> Findings:
    """Take each right away, one at a time, and see what fails."""
    policies = Policies(estate)
    made = set(recorded)
    by_table = [
        _rights_in(group, action)
        for _, call in calls(estate)
        for action in call.need.actions
        for group in allowing(policies, call, action)
    ]
    by_calls = [_rights_in(_covering(policies, call), call.action) for call in made]
    judged = {one.place for call in made for one in policies.of_roles.get(call.party, ())}
    return Findings(
        rights=rights(policies),
        documented=_alone(by_table),
        called=_alone(by_calls),
        judged=frozenset(judged),
        doubled=frozenset(right for group in (*by_table, *by_calls) if len(group) > 1 for right in group),
    )


def _covering(policies: Policies, call: Recorded) -> list[Statement]:
    """Return the statements that allow a recorded call: it says nothing of conditions, but it was allowed."""
    bare = (*policies.of_roles.get(call.party, ()), *policies.about(call.resource, call.party))
    return [one for one in bare if one.effect == "Allow" and one.names(call.action, call.resource)]


def _rights_in(group: Iterable[Statement], action: str) -> list[Right]:
    """Return the rights in a group of statements that allow an action."""
    return [
        Right(place=statement.place, action=one)
        for statement in group
        for one in statement.actions
        if statement.only(one).acts(action)
    ]


def _alone(groups: Iterable[list[Right]]) -> frozenset[Right]:
    """Return the rights that no other right of their group could stand in for."""
    return frozenset(group[0] for group in groups if len(group) == 1)


def translated(decisions: Iterable[Mapping[str, str]], names: Mapping[str, str]) -> list[Recorded]:
    """Return what a run allowed, in the names of an `Estate`.

    Args:
        decisions: as the emulator records them: `principal`, `action`, `resource`, `decision`.
        names: for each name of the run, that of the estate.
    """
    longest_first = sorted(names, key=len, reverse=True)

    def canonical(text: str) -> str:
        for name in longest_first:
            if name in text:
                return text.replace(name, names[name])
        return text

    return [
        Recorded(party=canonical(one["principal"]), action=one["action"], resource=canonical(one["resource"]))
        for one in decisions
        if one["decision"] == "Allow"
    ]


def names_of(estate: Estate, deployed: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Return for each physical name the estate's.

    Args:
        deployed: the physical id of each resource, by pillar and logical id.
    """
    resources = {(one.pillar, one.logical_id): one for one in estate.resources}
    return {
        _last(physical): _name(resources[place])
        for place, physical in deployed.items()
        if place in resources and resources[place].document["Type"] not in _NAMED_ALIKE and _last(physical)
    }


def _last(physical: str) -> str:
    """Return the name at the end of an ARN, a URL or a name."""
    return physical.rpartition("/")[2].rpartition(":")[2]


def _name(resource: Resource) -> str:
    try:
        return _last(arn(resource).removesuffix(":*"))
    except LookupError:
        return physical_name(resource)
