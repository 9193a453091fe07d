"""Queries that people find ready in the console."""

from pathlib import Path

from aws_cdk import aws_athena as athena
from constructs import Construct

from c360_core.names import Zone, database_name
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform


class NamedQueries(Construct):
    """Frequent queries on the marts, from `sql/named_queries`, in the workgroup of those who ask them."""

    def __init__(self, scope: Construct, id_: str, *, folder: Path, workgroup: Workgroup, platform: Platform) -> None:
        super().__init__(scope, id_)
        for path in sorted(folder.glob("*.sql")):
            name, description, statement = read_query(path)
            query = athena.CfnNamedQuery(
                self,
                pascal_case(path.stem),
                name=name,
                description=description,
                database=database_name(platform.environment, Zone.PRODUCTS),
                query_string=statement,
                work_group=workgroup.name,
            )
            query.add_resource_dependency(workgroup.resource)


def read_query(path: Path) -> tuple[str, str, str]:
    """Return a query's name, description and statement.

    Raises:
        ValueError: the file does not begin with its name and description.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    headings = ("-- name: ", "-- description: ")
    if len(lines) < len(headings) or not all(map(str.startswith, lines, headings)):
        raise ValueError(f"{path}: begin the file with the lines `-- name: ...` and `-- description: ...`")
    name, description = (line.removeprefix(heading) for line, heading in zip(lines, headings, strict=False))
    return name, description, "\n".join(lines[len(headings) :]).strip()
