"""Environment of the function that groups landed files into runs."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where file lists are stored, and the state machine that ingests them."""

    results_bucket: Name
    ingest_machine_arn: Name
