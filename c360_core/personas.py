"""The personas: groups of people who query the lake, each through a role of its own."""

from dataclasses import dataclass
from typing import Final

from c360_core.names import PiiClass, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaDefinition:
    """What a group of people may read.

    Attributes:
        name: in Pascal case; names the construct and the outputs.
        classes: of the columns that it reads.
        zones: the zones that it reads.
    """

    name: str
    classes: tuple[PiiClass, ...]
    zones: tuple[Zone, ...]

    @property
    def role_output(self) -> str:
        """The output of the governance stack that has the ARN of the persona's role."""
        return f"{self.name}RoleArn"


MARKETING_ANALYST: Final = PersonaDefinition(
    name="MarketingAnalyst",
    classes=(PiiClass.NONE, PiiClass.PSEUDONYMOUS),
    zones=(Zone.CURATED, Zone.PRODUCTS),
)
PERSONAS: Final = (MARKETING_ANALYST,)
