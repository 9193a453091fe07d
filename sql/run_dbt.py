"""`dbt`, with one memory of what boto3 reads from its own files.

dbt-athena opens a boto3 session for every model and every test, and each session reads and parses the addresses of all
AWS services anew, more than a megabyte of JSON: half of the processor time that dbt itself takes. Nobody changes what
was read, so one reading is enough for all sessions of a run. Arguments and exit status are those of `dbt`.
"""

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from dbt.cli.main import cli


class RememberingLoader(JSONFileLoader):
    """Reads each file once."""

    def load_file(self, file_path: str) -> Any:
        """Return what is in a file of botocore's data, named without its ending; None where there is no such file."""
        return _read_once(file_path)


@cache
def _read_once(file_path: str) -> Any:
    return JSONFileLoader().load_file(file_path)


if __name__ == "__main__":
    Loader.FILE_LOADER_CLASS = RememberingLoader  # botocore's own place for another way to read
    cli()
