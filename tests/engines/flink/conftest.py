"""Tests of the Flink environment, with the deployed jar."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def pytest_configure(config: pytest.Config) -> None:
    """Give PyFlink's JVM the Python path of our code and its own, because thread mode runs inside the JVM."""
    site_packages = next(Path(path) for path in sys.path if (Path(path) / "pyflink").is_dir())
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site_packages)])
    # Of PyFlink's own dependencies; nothing that we could change.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:httplib2")
