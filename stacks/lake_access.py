"""Who works with which zone of the lake, as Lake Formation has to know it."""

from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from c360_core.names import Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeAccess:
    """One role's work in one zone.

    Attributes:
        name: names the grant, unique in the environment.
        role: who works.
        zone: where.
        writes: changes the data of tables, beside reading them.
        creates: makes and drops tables and views.
    """

    name: str
    role: iam.IRole
    zone: Zone
    writes: bool = False
    creates: bool = False
