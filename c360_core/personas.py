"""The personas: groups of people who query the lake, each through a role of its own."""

from dataclasses import dataclass
from typing import Final

from c360_core.names import PiiClass, Querier, Zone

# Masked contact data, which the marts have of each customer: not everybody who looks at numbers needs it.
CONTACT_COLUMNS: Final = ("email_masked", "phone_masked")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaDefinition:
    """What a group of people may read.

    Attributes:
        name: in Pascal case; names the construct and the outputs.
        querier: has the workgroup in which it asks.
        classes: of the columns that it reads.
        zones: the zones that it reads.
    """

    name: str
    querier: Querier
    classes: tuple[PiiClass, ...]
    zones: tuple[Zone, ...]

    @property
    def role_output(self) -> str:
        """The output of the governance stack that has the ARN of the persona's role."""
        return f"{self.name}RoleArn"

    @property
    def reads_warehouse(self) -> bool:
        """Whether it may read the warehouse: whoever reads the marts, which that is loaded from."""
        return Zone.PRODUCTS in self.zones

    @property
    def reads_contact(self) -> bool:
        """Whether it reads masked contact data, which is pseudonymous."""
        return PiiClass.PSEUDONYMOUS in self.classes

    @property
    def database_role(self) -> str:
        """The role in the warehouse's database that its people have."""
        return str(self.querier).replace("-", "_")

    @property
    def notebook_role_output(self) -> str:
        """The output of the analytics stack that has the ARN of the role with which its notebooks run."""
        return f"{self.name}NotebookRoleArn"

    @property
    def spark_role_output(self) -> str:
        """The output of the analytics stack that has the ARN of the role with which its sessions of Spark run."""
        return f"{self.name}SparkRoleArn"

    @property
    def workgroup_output(self) -> str:
        """The output of the analytics stack that has the name of the persona's workgroup."""
        return f"{self.name}WorkgroupName"


MARKETING_ANALYST: Final = PersonaDefinition(
    name="MarketingAnalyst",
    querier=Querier.MARKETING_ANALYST,
    classes=(PiiClass.NONE, PiiClass.PSEUDONYMOUS),
    zones=(Zone.CURATED, Zone.PRODUCTS),
)
PERSONAS: Final = (MARKETING_ANALYST,)
