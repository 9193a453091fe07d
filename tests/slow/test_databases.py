"""Two databases outside of a deployment arrive in its lake, and what is gone from them is said there."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from c360_core.names import Zone
from tests.deployments.small_dev import PATIENCE_SECONDS, SmallDev
from twin.emulator import emulator
from twin.engines.databases import (
    DatabaseServer,
    run_mariadb,
    run_postgresql,
    start_mariadb,
    start_postgresql,
)
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION

ORDERS, CUSTOMERS = "erp_orders", "erp_customers"
COUNT = 50
ORDER_TABLE = (
    "CREATE SCHEMA sales;",
    "CREATE TABLE sales.customer_orders (order_number text PRIMARY KEY, customer_number text, crm_id text, "
    "email text, phone text, order_status text, currency text, total numeric(14,2), lines jsonb, "
    "ordered_at timestamptz, cancelled_at timestamptz, updated_at timestamptz);",
    "INSERT INTO sales.customer_orders SELECT 'E' || lpad(n::text, 6, '0'), 'D000001', NULL, "
    "'buyer' || n || '@example.com', NULL, 'open', 'USD', n + 0.25, "
    """'[{"product_id": "p1", "quantity": 1, "amount": "1.00"}]', """
    "now() - interval '1 day' - n * interval '1 minute', NULL, now() - interval '1 hour' "
    f"FROM generate_series(1, {COUNT}) n;",
)
CUSTOMER_TABLE = (
    "CREATE TABLE customers (customer_number varchar(20) PRIMARY KEY, crm_id varchar(20), first_name varchar(100), "
    "last_name varchar(100), email varchar(320), phone varchar(64), street varchar(200), city varchar(100), "
    "state char(2), postal_code varchar(10), newsletter tinyint(1), newsletter_at timestamp NULL, "
    "updated_at timestamp NOT NULL DEFAULT current_timestamp)",
    "INSERT INTO customers (customer_number, email, newsletter, updated_at) VALUES "
    "('D000001', 'ann@example.com', 1, '2026-03-01 10:00:00'), "
    "('D000002', 'bob@example.com', 0, '2026-03-01 10:00:00')",
)


class World:
    """`dev`, to which two databases were given, and the two servers."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.dev, self.folder = SmallDev(running, folder), folder
        self.orders, self.accounts = self._orders(), self._accounts()
        self._deploy()

    def _orders(self) -> DatabaseServer:
        at = self.folder / "orders"
        start_postgresql(at, database="erp", password="of the reader").stop()
        run_postgresql(at, *ORDER_TABLE, database="erp")
        return start_postgresql(at, database="erp", password="of the reader")

    def _accounts(self) -> DatabaseServer:
        at = self.folder / "accounts"
        server = start_mariadb(at, database="accounts", password="of-the-reader")
        run_mariadb(at, server, *CUSTOMER_TABLE)
        return server

    def change_orders(self, *statements: str) -> None:
        """Change the orders while their server rests, and start it on its port again."""
        self.orders.stop()
        at = self.folder / "orders"
        run_postgresql(at, *statements, database="erp")
        self.orders = start_postgresql(at, database="erp", password="of the reader", port=self.orders.port)
        self._keep_secret("c360/erp", self.orders)

    def _keep_secret(self, name: str, server: DatabaseServer) -> None:
        values = {"username": server.user, "password": server.password, "certificate": server.authority}
        secrets = self.dev.client("secretsmanager")
        if name in {each["Name"] for each in secrets.list_secrets()["SecretList"]}:
            secrets.put_secret_value(SecretId=name, SecretString=json.dumps(values))
        else:
            secrets.create_secret(Name=name, SecretString=json.dumps(values))

    def _deploy(self) -> None:
        ec2 = self.dev.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
        network = {"vpc_id": vpc, "subnet_id": subnet, "availability_zone": f"{REGION}a"}
        here = {"host": "127.0.0.1", "network": network}
        self._keep_secret("c360/erp", self.orders)
        self._keep_secret("c360/accounts", self.accounts)

        def change(values: dict[str, Any]) -> None:
            values["collection"]["databases"] = {
                "erp": {**here, "port": self.orders.port, "secret": "c360/erp"},
                "erp_accounts": {**here, "port": self.accounts.port, "secret": "c360/accounts"},
            }

        self.dev.deploy(change)

    def extract(self, source: str, mode: str) -> None:
        """Run the state machine of a source to its end."""
        machine = self.dev.machine("Databases", f"{source.title().replace('_', '')}Run")
        self.dev.execute(machine, {"mode": mode, "accept_deletions": "no"})

    def arrived(self, source: str, count: int, *, gone: int = 0) -> Sequence[dict[str, Any]]:
        """Wait until a raw table has so many rows, of which so many are marked as gone."""
        return until(
            f"{count} rows of {source} are in the lake, {gone} of them gone",
            lambda: self.dev.rows(Zone.RAW, source),
            lambda rows: (len(rows), sum(row["deleted_at"] is not None for row in rows)) == (count, gone),
            seconds=PATIENCE_SECONDS,
        )

    def stop(self) -> None:
        self.orders.stop()
        self.accounts.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "databases") as started:
        made = World(started, tmp_path)
        yield made
        made.stop()


def test_what_two_databases_hold_arrives_and_what_they_lose_is_marked(world: World) -> None:
    world.extract(ORDERS, "increment")
    orders = world.arrived(ORDERS, COUNT)
    assert sum(row["total"] for row in orders) == sum(number + 0.25 for number in range(1, COUNT + 1))

    world.extract(CUSTOMERS, "increment")
    customers = {row["customer_number"]: row["newsletter"] for row in world.arrived(CUSTOMERS, 2)}
    assert customers == {"D000001": True, "D000002": False}

    world.change_orders("DELETE FROM sales.customer_orders WHERE order_number = 'E000007';")
    world.extract(ORDERS, "comparison")
    marked = [row for row in world.arrived(ORDERS, COUNT, gone=1) if row["deleted_at"] is not None]
    assert [row["order_number"] for row in marked] == ["E000007"]
