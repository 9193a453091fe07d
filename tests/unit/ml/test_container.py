"""The code needs no more than SageMaker's XGBoost container 3.0-5 has: Python 3.10, and these libraries."""

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "sagemaker"
LIBRARIES = {"numpy", "pandas", "pyarrow", "scipy", "xgboost", "setuptools"}
# Of the standard library, what came after 3.10.
NEWER = {"datetime.UTC", "enum.StrEnum", "typing.Self", "typing.assert_never", "tomllib", "typing.override"}
FILES = sorted(FOLDER.rglob("*.py"))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_file_is_python_3_10_and_imports_what_the_container_has(path):
    names = list(imported(ast.parse(path.read_text(), feature_version=(3, 10))))
    packages = {name.partition(".")[0] for name in names}
    own = {"c360_ml"}
    assert packages - own - LIBRARIES <= sys.stdlib_module_names
    assert not NEWER & set(names)


def test_the_folder_is_no_package():
    """It would hide AWS's own package of that name from whoever has the tree on the path."""
    assert not (FOLDER / "__init__.py").exists()
    assert len(FILES) > 20
