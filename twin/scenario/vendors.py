"""A vendor's contacts arrive by their deployed flow, which runs twice; the vendor is busy, and its tokens expire."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from c360_core.names import Zone, database_name, flow_name
from twin.principals import Principal
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.waiting import until
from twin.vendors.salesforce import SalesforceServer

SOURCE: Final = "salesforce_contacts"
CONTACTS: Final = 3
SECONDS: Final = 180.0
KNOWN: Final = f"{CONTACTS} contacts, the last name of the first is Married"


def read(deployment: Deployment) -> str:
    """Let the flow run, change a contact, let it run again; return what the lake says of the contacts in the end.

    Nobody of them takes a consent back, so nothing but the raw table changes.

    Raises:
        StepFailedError: a run failed.
    """
    now = datetime.now(UTC)
    contacts = [_contact(number, now - timedelta(days=1)) for number in range(CONTACTS)]
    environment = deployment.emulator.settings.environment
    table = f"{database_name(environment, Zone.RAW)}.{SOURCE}"
    with SalesforceServer({"Contact": contacts}, calls_per_token=2, busy=1) as vendor:
        _connect(deployment, vendor)
        _run(deployment, flow_name(environment, SOURCE))
        _wait(deployment, table, "last_name <> ''", CONTACTS)
        contacts_held = vendor.objects["Contact"]
        contacts_held[0] |= {"LastName": "Married", "SystemModstamp": _text(datetime.now(UTC))}
        _run(deployment, flow_name(environment, SOURCE))
        _wait(deployment, table, "last_name = 'Married'", 1)
    changed = deployment.query(f"SELECT last_name FROM {table} WHERE contact_id = '{contacts[0]['Id']}'")  # noqa: S608
    return f"{deployment.count(table)} contacts, the last name of the first is {changed[0][0]}"


def _connect(deployment: Deployment, vendor: SalesforceServer) -> None:
    """Make the connection that the settings name, as an administrator does in the console."""
    flows = deployment.client("appflow")
    name = f"c360-{SOURCE.partition('_')[0]}"
    if flows.describe_connector_profiles(connectorProfileNames=[name])["connectorProfileDetails"]:
        flows.delete_connector_profile(connectorProfileName=name)
    flows.create_connector_profile(
        connectorProfileName=name,
        connectorType="Salesforce",
        connectionMode="Public",
        connectorProfileConfig={
            "connectorProfileProperties": {"Salesforce": {"instanceUrl": vendor.address}},
            "connectorProfileCredentials": {
                "Salesforce": {"accessToken": "an-old-one", "refreshToken": vendor.consent}
            },
        },
    )


def _run(deployment: Deployment, name: str) -> None:
    """Activate a flow anew, which lets it run, as the runbook says."""
    flows = deployment.client("appflow", Principal.OPERATOR)
    flows.stop_flow(flowName=name)
    flows.start_flow(flowName=name)
    ended = until(
        f"the flow {name} ended",
        lambda: flows.describe_flow_execution_records(flowName=name)["flowExecutions"][0],
        lambda seen: seen["executionStatus"] != "InProgress",
        seconds=SECONDS,
    )
    if ended["executionStatus"] != "Successful":
        raise StepFailedError(f"the flow {name} failed: {ended['executionResult']}")


def _wait(deployment: Deployment, table: str, where: str, count: int) -> None:
    until(
        f"{count} contacts are in the lake",
        lambda: deployment.count(table, where),
        lambda seen: seen == count,
        seconds=SECONDS,
    )


def _contact(number: int, changed: datetime) -> dict[str, Any]:
    return {
        "Id": f"003xx000000000{number}",
        "Customer_Number__c": f"C99000{number}",
        "FirstName": "Vera",
        "LastName": f"Vendor{number}",
        "Email": f"vendor{number}@example.net",
        "Phone": None,
        "MailingStreet": "1 Main St",
        "MailingCity": "Springfield",
        "MailingStateCode": "IL",
        "MailingPostalCode": "62701",
        "HasOptedOutOfEmail": False,
        "CreatedDate": _text(changed),
        "SystemModstamp": _text(changed),
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
