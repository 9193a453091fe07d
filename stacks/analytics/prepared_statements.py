"""Common questions that people ask by name and with values of their own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aws_cdk import aws_athena as athena
from constructs import Construct

from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case

_HEADINGS: Final = ("-- description: ", "-- parameters: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedQuery:
    """A question whose values are left open.

    Attributes:
        name: by which `EXECUTE` calls it, that of its file.
        parameters: what each `?` stands for, in their order.
        statement: names no database: `EXECUTE` takes it from whoever asks.
    """

    name: str
    description: str
    parameters: tuple[str, ...]
    statement: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a query from its file.

        Raises:
            ValueError: the file does not begin with its description and its parameters.
        """
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) < len(_HEADINGS) or not all(map(str.startswith, lines, _HEADINGS)):
            raise ValueError(f"{path}: begin the file with the lines `-- description: ...` and `-- parameters: ...`")
        described, parameters = (line.removeprefix(head) for line, head in zip(lines, _HEADINGS, strict=False))
        return cls(
            name=path.stem,
            description=described,
            parameters=tuple(one.strip() for one in parameters.split(",")),
            statement="\n".join(lines[len(_HEADINGS) :]).strip(),
        )

    @property
    def told(self) -> str:
        """The description with the parameters, as Athena keeps it: it has no other place for them."""
        return f"{self.description} Parameters: {', '.join(self.parameters)}."


class PreparedStatements(Construct):
    """The questions of a folder, in a workgroup. The arguments of `EXECUTE` are values, never SQL."""

    def __init__(self, scope: Construct, id_: str, *, folder: Path, workgroup: Workgroup) -> None:
        super().__init__(scope, id_)
        for path in sorted(folder.glob("*.sql")):
            query = PreparedQuery.read(path)
            prepared = athena.CfnPreparedStatement(
                self,
                pascal_case(query.name),
                statement_name=query.name,
                description=query.told,
                query_statement=query.statement,
                work_group=workgroup.name,
            )
            prepared.add_resource_dependency(workgroup.resource)
