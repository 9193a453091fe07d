"""One writer of streams: whoever else asked Kinesis would have to know what it refuses, and what must not overtake."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RUNNING = ("lambdas", "glue_jobs", "c360_core", "c360_aws", "ops")
WRITER = ROOT / "c360_aws" / "kinesis.py"


def modules(tree: ast.AST) -> set[str]:
    """Return the names under which a file has imported something, such as a module with a function `put_records`."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in imports for alias in node.names}


def writes(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Yield where `put_records` of an object is taken, to be called or handed on."""
    imported = modules(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "put_records" and ast.unparse(node.value) not in imported:
            yield node


def test_no_other_code_puts_records_on_a_stream() -> None:
    found = {
        path: [node.lineno for node in writes(ast.parse(path.read_text(encoding="utf-8")))]
        for folder in RUNNING
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(found.pop(WRITER)) == 1
    assert {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines} == {}


def test_a_client_is_distinguished_from_a_module() -> None:
    lines = (
        "from glue_jobs.shared import streams",
        "streams.put_records(client)",
        "client.put_records()",
        "write = self.client.put_records",
    )
    assert {node.lineno for node in writes(ast.parse("\n".join(lines)))} == {3, 4}
