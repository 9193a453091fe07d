"""Two databases outside of a deployment arrive in its lake, and what is gone from them is said there."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyiceberg.catalog import load_catalog

from c360_core.names import Zone, database_name
from config.settings import ENVIRONMENTS_FOLDER, load
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.engines.databases import (
    DatabaseServer,
    run_mariadb,
    run_postgresql,
    start_mariadb,
    start_postgresql,
)
from twin.principals import Principal
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION

ORDERS, CUSTOMERS = "erp_orders", "erp_customers"
COUNT = 50
PATIENCE_SECONDS = 300
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
    """An emulator with `dev`, to which two databases were given, and the two servers."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running, self.folder = running, folder
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
        secrets = self.running.client("secretsmanager")
        if name in {each["Name"] for each in secrets.list_secrets()["SecretList"]}:
            secrets.put_secret_value(SecretId=name, SecretString=json.dumps(values))
        else:
            secrets.create_secret(Name=name, SecretString=json.dumps(values))

    def _deploy(self) -> None:
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        assets = placeholder_assets(self.folder / "assets")
        for part in ("glue_lib", "lambdas"):
            shutil.rmtree(assets.root / part)
            (assets.root / part).symlink_to(BUILD / "assets" / part)
        ec2 = self.running.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
        network = {"vpc_id": vpc, "subnet_id": subnet, "availability_zone": f"{REGION}a"}
        values = yaml.safe_load((ENVIRONMENTS_FOLDER / "dev.yaml").read_text(encoding="utf-8"))
        values["collection"]["databases"] = {
            "erp": {"host": "127.0.0.1", "port": self.orders.port, "secret": "c360/erp", "network": network},
            "erp_accounts": {
                "host": "127.0.0.1", "port": self.accounts.port, "secret": "c360/accounts", "network": network,
            },
        }  # fmt: skip
        settings = self.folder / "settings"
        settings.mkdir()
        (settings / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        synthesize(load("dev", settings), assets, self.folder / "out")
        self._keep_secret("c360/erp", self.orders)
        self._keep_secret("c360/accounts", self.accounts)
        account = self.running.client("sts").get_caller_identity()["Account"]
        self._cdk("bootstrap", f"aws://{account}/{REGION}")
        self._cdk("deploy", "--all", "--require-approval", "never")

    def _cdk(self, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(self.folder / "out")], log_path=log, variables=variables)

    def extract(self, source: str, mode: str) -> dict[str, Any]:
        """Run the state machine of a source to its end."""
        states = self.running.client("stepfunctions")
        name = source.title().replace("_", "")
        [machine] = [
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if "Databases" in each["name"] and f"{name}Run" in each["name"]
        ]
        given = json.dumps({"mode": mode, "accept_deletions": "no"})
        execution = states.start_execution(stateMachineArn=machine, input=given)["executionArn"]
        ended = until(
            f"{source} was read",
            lambda: states.describe_execution(executionArn=execution),
            lambda seen: seen["status"] != "RUNNING",
            seconds=PATIENCE_SECONDS,
        )
        assert ended["status"] == "SUCCEEDED", ended
        return dict(ended)

    def rows(self, source: str) -> list[dict[str, Any]]:
        """Return the rows of a raw table."""
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        catalog = load_catalog(
            "lake", type="glue",
            **{f"{part}.{name}": value for part in ("glue", "s3") for name, value in
               {**held, "endpoint": settings.endpoint}.items()},
        )  # fmt: skip
        return list(catalog.load_table((database_name("dev", Zone.RAW), source)).scan().to_arrow().to_pylist())

    def arrived(self, source: str, count: int, *, gone: int = 0) -> Sequence[dict[str, Any]]:
        """Wait until a raw table has so many rows, of which so many are marked as gone."""
        return until(
            f"{count} rows of {source} are in the lake, {gone} of them gone",
            lambda: self.rows(source),
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
