"""Who reads the warehouse: a role of the database for each persona."""

from collections.abc import Sequence

from c360_core.names import WAREHOUSE_SCHEMA
from c360_core.personas import PERSONAS
from stacks.analytics.warehouse.statements import Batch


def access_batches() -> Sequence[Batch]:
    """Return the batches that make the personas' roles, and let them read what there is by then.

    Every load grants anew, so that what was rebuilt is read again. Nobody may change anything.
    """
    roles = [persona.database_role for persona in PERSONAS if persona.reads_warehouse]
    made = [Batch(name=f"role_{role}", once=True, statements=[f"CREATE ROLE {role}"]) for role in roles]
    granted = [
        statement
        for role in roles
        for statement in (
            f"GRANT USAGE ON SCHEMA {WAREHOUSE_SCHEMA} TO ROLE {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {WAREHOUSE_SCHEMA} TO ROLE {role}",
        )
    ]
    return [*made, Batch(name="grants", once=False, statements=granted)]
