"""One small deployment of `dev` for the systems that need no demonstration: vendors, bought products, Spark jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.small_dev import SmallDev
from tests.factories import vendors
from twin.emulator import emulator
from twin.settings import BUILD
from twin.vendors.salesforce import SalesforceServer

CONTACTS, CASES = "salesforce_contacts", "salesforce_cases"
COUNT = 5
FAILURES = 2
SECRET = "c360/salesforce"  # its name
PRODUCTS = {
    "credit_bands": "d1e0cred1tbands00000000000000002",
    "advertising_audiences": "d1e0aud1ences0000000000000000003",
}
JOB = "remove_texts"


class Dev(SmallDev):
    """`dev` that reads an organization of Salesforce, subscribes to two products, and removes texts by a job."""

    def __init__(self, running: emulator.Emulator, folder: Path, salesforce: SalesforceServer) -> None:
        super().__init__(running, folder)
        self.salesforce = salesforce

    def deploy_with(self, service: str, *pillars: str) -> None:
        """Deploy with the Spark job on a service."""

        def change(values: dict[str, Any]) -> None:
            read = {"sources": [CONTACTS, CASES], "secret": SECRET, "address": self.salesforce.address}
            values["collection"] |= {
                "saas": {"salesforce": read},
                "failed_flow_runs": FAILURES,
                "data_exchange": {"products": PRODUCTS, "poll_seconds": 1, "retry_seconds": 1},
                "files": {"batch_seconds": 1},
                "texts": {"removed": True, "settled_minutes": 0},
            }
            values["runtime"]["spark"] = {"services": {JOB: service}}

        self.deploy(change, *pillars)


@pytest.fixture(scope="package")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    held = {
        "Contact": [vendors.contact(number) for number in range(1, COUNT + 1)],
        "Case": [vendors.case(1), vendors.case(2)],
    }
    with (
        SalesforceServer(held, calls_per_token=2, busy=1) as salesforce,
        emulator.running(BUILD / "twin" / "dev") as running,
    ):
        made = Dev(running, tmp_path_factory.mktemp("dev"), salesforce)
        secret = f'{{"access_token": "an old one", "refresh_token": "{salesforce.consent}"}}'
        running.client("secretsmanager").create_secret(Name=SECRET, SecretString=secret)
        made.deploy_with("glue")
        yield made
