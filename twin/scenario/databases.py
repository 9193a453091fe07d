"""An order system and its accounts, in databases that nothing of the deployment knows but by their connections.

The databases run while they are read. What they hold in the end is known: rows in the lake, orders and spend.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from c360_core.names import Zone, connection_name, database_name
from twin.engines.databases import DatabaseServer, run_mariadb, run_postgresql, start_mariadb, start_postgresql
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.history import INGEST_SECONDS
from twin.scenario.waiting import until

ORDERS: Final = "erp_orders"
CUSTOMERS: Final = "erp_customers"
ORDERS_CONNECTION: Final = "erp"
CUSTOMERS_CONNECTION: Final = "erp_accounts"
PASSWORD: Final = "of-the-reader"  # noqa: S105  # of servers that live for a minute on the loopback interface
PRICE: Final = Decimal("20.25")
BUYERS: Final = 20
CANCELLED: Final = 1
GONE: Final = 1
CUSTOMER_NUMBERS: Final = ("D900001", "D900002", "D900003")
CREATE_ORDERS: Final = (
    "CREATE SCHEMA sales;",
    "CREATE TABLE sales.customer_orders (order_number text PRIMARY KEY, customer_number text, crm_id text, "
    "email text, phone text, order_status text, currency text, total numeric(14,2), lines jsonb, "
    "ordered_at timestamptz, cancelled_at timestamptz, updated_at timestamptz);",
)
DELETE_ORDER: Final = "DELETE FROM sales.customer_orders WHERE order_number = '{}';"
CREATE_CUSTOMERS: Final = (
    "CREATE TABLE customers (customer_number varchar(20) PRIMARY KEY, crm_id varchar(20), first_name varchar(100), "
    "last_name varchar(100), email varchar(320), phone varchar(64), street varchar(200), city varchar(100), "
    "state char(2), postal_code varchar(10), newsletter tinyint(1), newsletter_at timestamp NULL, "
    "updated_at timestamp NOT NULL DEFAULT current_timestamp)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read from the databases.

    Attributes:
        orders: orders that were placed there, also those that were taken back since.
        spend: what they add up to, less the orders that were taken back.
        rows: rows of each source in the lake.
        gone: rows of orders that are marked as gone.
    """

    orders: int
    spend: Decimal
    rows: Mapping[str, int]
    gone: int


def read(deployment: Deployment, crm_ids: Sequence[str], folder: Path) -> Read:
    """Let customers order in the order system, and read its databases, with what disappears from them meanwhile.

    Args:
        crm_ids: customers who order, each once; two at least.
        folder: where the databases keep their data.
    """
    raw = database_name(deployment.emulator.settings.environment, Zone.RAW)
    orders = folder / "orders"
    with _order_system(deployment, orders, *CREATE_ORDERS, *map(_order, range(len(crm_ids)), crm_ids)):
        _extract(deployment, ORDERS, "increment")
    with _accounts(deployment, folder / "accounts"):
        _extract(deployment, CUSTOMERS, "increment")
    _wait(deployment, f"{raw}.{ORDERS}", len(crm_ids))
    with _order_system(deployment, orders, DELETE_ORDER.format(_number(0))):
        _extract(deployment, ORDERS, "comparison")
    _wait(deployment, f"{raw}.{CUSTOMERS}", len(CUSTOMER_NUMBERS))
    gone = _wait(deployment, f"{raw}.{ORDERS}", GONE, where="deleted_at IS NOT NULL")
    return Read(
        orders=len(crm_ids),
        spend=PRICE * (len(crm_ids) - CANCELLED - GONE),
        rows={source: deployment.count(f"{raw}.{source}") for source in (ORDERS, CUSTOMERS)},
        gone=gone,
    )


def _extract(deployment: Deployment, source: str, mode: str) -> None:
    """Let the state machine of a source run, as its schedule does."""
    name = source.title().replace("_", "")
    deployment.execute(f"ExtractStateMachineArn{name}", {"mode": mode, "accept_deletions": "no"})


def _wait(deployment: Deployment, table: str, rows: int, *, where: str = "true") -> int:
    return until(
        f"{rows} rows of {table} are in the lake where {where}",
        lambda: deployment.count(table, where),
        lambda seen: seen >= rows,
        seconds=INGEST_SECONDS,
    )


def _number(index: int) -> str:
    return f"E{900_000 + index}"


def _order(index: int, crm_id: str) -> str:
    """Return the statement of an order of last week, which moves nobody to act now; the second one was cancelled."""
    cancelled = "now() - interval '6 days'" if index == 1 else "NULL"
    lines = json.dumps([{"product_id": "p1", "quantity": 1, "amount": str(PRICE)}])
    return (
        f"INSERT INTO sales.customer_orders VALUES ('{_number(index)}', '{CUSTOMER_NUMBERS[0]}', '{crm_id}', "  # noqa: S608  # our own values
        f"'orders-{index}@example.com', NULL, 'open', 'USD', {PRICE}, '{lines}', now() - interval '7 days', "
        f"{cancelled}, now());"
    )


@contextmanager
def _order_system(deployment: Deployment, folder: Path, *statements: str) -> Iterator[None]:
    """Keep PostgreSQL up where the deployed connection leads, after these statements."""
    place = _place(deployment, ORDERS_CONNECTION)
    if not folder.exists():
        start_postgresql(folder, database=place.database, password=PASSWORD, port=place.port).stop()
    run_postgresql(folder, *statements, database=place.database)
    with _up(deployment, start_postgresql(folder, database=place.database, password=PASSWORD, port=place.port), place):
        yield


@contextmanager
def _accounts(deployment: Deployment, folder: Path) -> Iterator[None]:
    """Keep MariaDB up where the deployed connection leads, with a few customers."""
    place = _place(deployment, CUSTOMERS_CONNECTION)
    server = start_mariadb(folder, database=place.database, password=PASSWORD, port=place.port)
    rows = ", ".join(f"('{number}', '{number.lower()}@example.com')" for number in CUSTOMER_NUMBERS)
    with _up(deployment, server, place):
        run_mariadb(folder, server, CREATE_CUSTOMERS, f"INSERT INTO customers (customer_number, email) VALUES {rows}")  # noqa: S608  # our own values
        yield


@contextmanager
def _up(deployment: Deployment, server: DatabaseServer, place: "Place") -> Iterator[None]:
    """Keep a server up; whoever runs it has put its account and its authority into the secret of the settings."""
    secrets = deployment.client("secretsmanager")
    held = {"username": server.user, "password": server.password, "certificate": server.authority}
    try:
        _keep(secrets, place.secret, json.dumps(held))
        yield
    finally:
        server.stop()


def _keep(secrets: Any, name: str, text: str) -> None:
    try:
        secrets.create_secret(Name=name, SecretString=text)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a deployed connection leads, and the name of the secret with its account."""

    port: int
    database: str
    secret: str


def _place(deployment: Deployment, name: str) -> Place:
    wanted = connection_name(deployment.emulator.settings.environment, name)
    properties = deployment.client("glue").get_connection(Name=wanted)["Connection"]["ConnectionProperties"]
    address = urlsplit(properties["JDBC_CONNECTION_URL"].removeprefix("jdbc:"))
    if address.port is None:
        raise StepFailedError(f"the connection {wanted} names no port: {properties['JDBC_CONNECTION_URL']}")
    return Place(port=address.port, database=address.path.removeprefix("/"), secret=properties["SECRET_ID"])
