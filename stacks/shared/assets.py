"""Where the built assets are. `tools/build/staging.py` fills the folder; tests use a small one of their own."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class AssetMissingError(FileNotFoundError):
    """An asset has not been built yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Folders and files that the templates ship.

    Attributes:
        root: the built folders `lambdas`, `glue_lib`, `flink` and `dbt`, and the archive `models.tar.gz`.
        sources: the repository, for files that ship unchanged: job scripts, named queries, statements of the warehouse,
            notebooks.
    """

    root: Path
    sources: Path = REPOSITORY

    @property
    def glue_library(self) -> str:
        """The folder of modules that every Spark job imports."""
        return self._existing(self.root / "glue_lib")

    @property
    def dbt_project(self) -> str:
        """The folder of the dbt project and its pinned requirements."""
        return self._existing(self.root / "dbt")

    @property
    def named_queries(self) -> str:
        """The folder of the named queries."""
        return self._existing(self.sources / "sql" / "named_queries")

    @property
    def prepared_statements(self) -> str:
        """The folder of the prepared statements."""
        return self._existing(self.sources / "sql" / "prepared_statements")

    @property
    def warehouse_statements(self) -> str:
        """The folder of the statements that load the warehouse."""
        return self._existing(self.sources / "sql" / "warehouse")

    @property
    def metrics(self) -> str:
        """The folder of the dbt project as it is in the repository, where the metrics stand."""
        return self._existing(self.sources / "sql")

    @property
    def models(self) -> str:
        """The archive of the code of the models."""
        return self._existing(self.root / "models.tar.gz")

    @property
    def notebooks(self) -> str:
        """The folder of the notebooks."""
        return self._existing(self.sources / "notebooks")

    def function_code(self, name: str) -> str:
        """The folder that becomes the zip of a Lambda function."""
        return self._existing(self.root / "lambdas" / name)

    def flink_application(self, name: str) -> str:
        """The folder that becomes the zip of a Flink application."""
        return self._existing(self.root / "flink" / name)

    def glue_script(self, job: str) -> str:
        """The entry point of a Spark job."""
        return self._existing(self.sources / "glue_jobs" / job / "main.py")

    @staticmethod
    def _existing(path: Path) -> str:
        if not path.exists():
            raise AssetMissingError(f"{path} does not exist; build the assets first: python -m tools.build")
        return str(path)
