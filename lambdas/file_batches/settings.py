"""Environment of the function that makes runs of landed files."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where lists of files are kept, and which state machine takes them."""

    results_bucket: Name
    ingest_machine_arn: Name
