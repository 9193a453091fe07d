"""The running emulator as the tests see it: clients, queries, dbt."""

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import boto3

from tests.engines.trino import lake
from twin.settings import REGION, ROOT, TwinSettings, python_of


class QueryFailedError(RuntimeError):
    """A query did not succeed; the message is Athena's reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The running emulator with the lake."""

    settings: TwinSettings

    def session(self, credentials: dict[str, str] | None = None) -> Any:
        """A session of the account, or of an assumed role."""
        keys: dict[str, Any] = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.Session(region_name=REGION, **keys)

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        return self.session(credentials).client(service, endpoint_url=self.settings.endpoint)

    def assume(self, role: str) -> dict[str, str]:
        """Keys of a role."""
        arn = self.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="maria")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def query(
        self, sql: str, *, database: str = lake.PRODUCTS, credentials: dict[str, str] | None = None, **options: Any
    ) -> list[list[str | None]]:
        """Run a statement and return its rows, without the header."""
        athena = self.client("athena", credentials)
        started = athena.start_query_execution(
            QueryString=sql, WorkGroup=lake.WORKGROUP, QueryExecutionContext={"Database": database}, **options
        )
        execution = wait_for(athena, started["QueryExecutionId"])
        if execution["Status"]["State"] != "SUCCEEDED":
            raise QueryFailedError(execution["Status"]["StateChangeReason"])
        pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=started["QueryExecutionId"])
        rows = [row for page in pages for row in page["ResultSet"]["Rows"]]
        skipped = 1 if execution["StatementType"] == "DML" else 0
        return [[datum.get("VarCharValue") for datum in row["Data"]] for row in rows[skipped:]]


def wait_for(athena: Any, query: str) -> Any:
    """Wait for a query's end and describe it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        execution = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        if execution["Status"]["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return execution
        time.sleep(0.05)
    raise TimeoutError(f"query {query} did not end")


def furnish(stack: Stack) -> Stack:
    """Make the buckets, the analyst's role, the lake's tables, and insert the rows."""
    for bucket in (lake.LAKE, lake.RESULTS):
        stack.client("s3").create_bucket(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.client("iam").create_role(RoleName=lake.PERSONA, AssumeRolePolicyDocument=trust)
    formation = stack.client("cloudformation")
    formation.create_stack(StackName="lake", TemplateBody=lake.template())
    formation.get_waiter("stack_create_complete").wait(StackName="lake", WaiterConfig={"Delay": 1})
    for statement_text in lake.inserts():
        stack.query(statement_text)
    return stack


def run_dbt(variables: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run dbt as the build does, from its own environment."""
    command = [str(python_of("dbt").with_name("dbt")), *arguments, "--project-dir", "sql", "--profiles-dir", "sql"]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=900, check=False)


def let_dbt(variables: dict[str, str], *arguments: str) -> None:
    """Run dbt; fail with the end of what it said if it does not succeed."""
    done = run_dbt(variables, *arguments)
    assert done.returncode == 0, done.stdout[-4000:]
