"""The notebooks run on the deployment as their persona: on Athena, and on Spark through the application's endpoint."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials

from c360_core.names import Zone, database_name, stack_name
from c360_core.personas import MARKETING_ANALYST
from ops.deployed_stacks import resources
from ops.notebooks.livy import LivySession, SessionFailedError, endpoint_of
from ops.notebooks.run import APPLICATION, answer
from ops.persona_session import persona_session
from tools.console import Steps
from tools.laptop.demonstrate import Demonstration
from tools.operate import notebook
from twin.principals import Principal
from twin.scenario.deployment import Deployment
from twin.settings import REGION


@pytest.fixture(scope="module")
def deployment(run: Demonstration) -> Deployment:
    return run.story.deployment


@pytest.fixture(scope="module")
def said(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Run a notebook by its command, and return what it says at its end."""
    settings, folder = deployment.emulator.settings, tmp_path_factory.mktemp("executed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.client_environment().items():
            patch.setenv(name, value)
        yield lambda name: answer(notebook.run(Steps(machine=True), settings.environment, name, folder))


def total(deployment: Deployment, sql: str) -> str:
    environment = deployment.emulator.settings.environment
    names = {zone.value: database_name(environment, zone) for zone in (Zone.CURATED, Zone.PRODUCTS)}
    [[found]] = deployment.query(sql.format(**names))
    return str(found)


def test_what_there_is_is_the_same_on_athena_and_on_spark(
    deployment: Deployment, said: Callable[[str], dict[str, Any]]
) -> None:
    """One asks in SQL through Athena, the other in data frames through Livy, and a third here what both are made of."""
    athena, spark = said("explore"), said("explore_spark")
    for name in ("interactions", "orders", "net_amount"):
        assert athena[name] == spark[name]
    events = total(deployment, "SELECT sum(events) FROM {products}.interactions_by_key_day")
    orders = total(deployment, "SELECT sum(orders) FROM {products}.interactions_by_key_day")
    amount = total(deployment, "SELECT sum(amount) FROM {products}.interactions_by_key_day")
    assert (str(spark["interactions"]), str(spark["orders"])) == (events, orders)
    assert sum(map(Decimal, spark["net_amount"].values())) == Decimal(amount)
    persons = "SELECT count(DISTINCT person_id) FROM {curated}.identity_map WHERE valid_to IS NULL"
    assert str(spark["persons"]) == total(deployment, persons)


def test_persons_and_their_worth_are_those_of_the_marts(
    deployment: Deployment, said: Callable[[str], dict[str, Any]]
) -> None:
    identity, value = said("identity_quality"), said("customer_value")
    persons = "SELECT count(DISTINCT person_id) FROM {curated}.identity_map WHERE valid_to IS NULL"
    assert str(identity["persons"]) == total(deployment, persons)
    spent = (
        "SELECT sum(s.spend) FROM {products}.spend_by_currency AS s INNER JOIN {products}.person_activity AS p "
        "ON s.person_id = p.person_id AND s.currency = p.currency "
        f"WHERE p.orders > 0 AND s.currency = '{value['currency']}'"
    )
    assert Decimal(value["spent"]) == Decimal(total(deployment, spent))
    # How good the forecast is, tests/figures works out again: so few people prove nothing.
    assert value["held"] > 0


def session_of(deployment: Deployment, credentials: Credentials) -> LivySession:
    settings = deployment.emulator.settings
    return LivySession(
        endpoint=endpoint_of(deployment.outputs[APPLICATION], REGION, settings.endpoint),
        region=REGION,
        role=deployment.outputs[MARKETING_ANALYST.spark_role_output],
        credentials=credentials,
    )


@pytest.fixture(scope="module")
def spark(deployment: Deployment) -> Iterator[LivySession]:
    """A session of the analyst's own."""
    settings = deployment.emulator.settings
    role = deployment.outputs[MARKETING_ANALYST.role_output]
    persona: Any = persona_session(settings.session(), role, endpoint=settings.endpoint)
    session = session_of(deployment, persona.get_credentials())
    session.open()
    yield session
    session.close()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("spark.table('{curated}.profiles').select('email').first()", "UNRESOLVED_COLUMN"),
        (
            "spark.sql('SELECT first_name FROM {curated}.identity_records')",
            "cannot be found|UNRESOLVED_COLUMN|NOT_FOUND",
        ),
        ("spark.table('{raw}.interactions').first()", "NOT_FOUND"),
        ("spark.table('{quarantine}.rejected').first()", "NOT_FOUND"),
        ("spark.table('{curated}.profiles.files').first()", "NOT_FOUND|REQUIRES_SINGLE_PART|cannot be found"),
        ("import boto3; boto3.client('s3').list_objects_v2(Bucket='{bucket}')", "AccessDenied"),
        ("import boto3; boto3.client('glue').delete_table(DatabaseName='{curated}', Name='profiles')", "AccessDenied"),
        ("spark.sql('DELETE FROM {curated}.profiles')", ""),
    ],
)
def test_a_session_reads_what_the_persona_may_read_and_nothing_else(
    deployment: Deployment, spark: LivySession, asked: str, said: str
) -> None:
    environment = deployment.emulator.settings.environment
    names: dict[str, str] = {zone.value: database_name(environment, zone) for zone in Zone}
    found = spark.run(asked.format(**names, bucket=deployment.outputs["CuratedBucketName"]))
    assert found.error
    assert not said or any(part in found.error for part in said.split("|")), found.error


def test_a_session_sees_its_columns_and_keeps_its_names(deployment: Deployment, spark: LivySession) -> None:
    curated = database_name(deployment.emulator.settings.environment, Zone.CURATED)
    assert spark.run(f"profiles = spark.table('{curated}.profiles')").error == ""
    columns = spark.run("print(*profiles.columns)").text.split()
    assert "person_id" in columns
    assert not {"email", "phone", "first_name", "birth_date"} & set(columns)
    count = total(deployment, "SELECT count(*) FROM {curated}.profiles")
    assert spark.run("profiles.count()").text == count


def test_nobody_else_begins_a_session_or_uses_one(deployment: Deployment, spark: LivySession) -> None:
    keys = deployment.emulator.settings.credentials(Principal.OPERATOR)
    operator = session_of(deployment, Credentials(keys.access_key, keys.secret_key, keys.token))
    with pytest.raises(SessionFailedError, match="403"):
        operator.open()
    mine = spark.credentials
    stranger = session_of(deployment, Credentials("AKIAUNKNOWN", mine.secret_key))
    with pytest.raises(SessionFailedError, match="403"):
        stranger.open()


def test_the_profile_has_its_canvas(deployment: Deployment) -> None:
    """What CloudFormation cannot say of a profile, the function behind the custom resource has said."""
    sagemaker = deployment.client("sagemaker")
    domain = deployment.outputs["StudioDomainId"]
    profile = sagemaker.describe_user_profile(DomainId=domain, UserProfileName="ada")["UserSettings"]
    canvas = profile["CanvasAppSettings"]
    bucket = deployment.outputs["NotebookHomesBucketName"]
    assert canvas["WorkspaceSettings"]["S3ArtifactPath"] == f"s3://{bucket}/marketing-analyst/canvas"
    assert profile["ExecutionRole"] == deployment.outputs[MARKETING_ANALYST.notebook_role_output]


def test_before_a_profile_goes_the_deployed_function_ends_what_runs_in_it(deployment: Deployment) -> None:
    """CloudFormation asks it before the profile and its space are deleted, which SageMaker would refuse."""
    sagemaker, domain = deployment.client("sagemaker"), deployment.outputs["StudioDomainId"]
    mine = {"OwnershipSettings": {"OwnerUserProfileName": "ada"}, "SpaceSharingSettings": {"SharingType": "Private"}}
    sagemaker.create_space(DomainId=domain, SpaceName="mine", **mine)
    for space in ("ada", "mine"):
        sagemaker.create_app(DomainId=domain, SpaceName=space, AppType="JupyterLab", AppName="default")
    sagemaker.create_app(DomainId=domain, UserProfileName="ada", AppType="Canvas", AppName="default")
    properties = {"Domain": domain, "Profile": "ada", "Space": "ada", "Home": "", "Key": ""}
    with answers_to_cloudformation() as (url, answers):
        event = {
            "RequestType": "Delete",
            "ResponseURL": url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Ada",
            "ResourceProperties": properties,
        }
        deployment.client("lambda").invoke(FunctionName=function_of(deployment), Payload=json.dumps(event).encode())
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]
    assert {app["Status"] for app in sagemaker.list_apps(DomainIdEquals=domain)["Apps"]} == {"Deleted"}
    assert [one["SpaceName"] for one in sagemaker.list_spaces(DomainIdEquals=domain)["Spaces"]] == ["ada"]


def function_of(deployment: Deployment) -> str:
    """Return the name of the function behind the custom resources of profiles."""
    stack = stack_name(deployment.emulator.settings.environment, "analytics")
    found = resources(deployment.client("cloudformation"), stack)
    [name] = [name for kind, name in found if kind == "AWS::Lambda::Function" and "StudioProfiles" in name]
    return name


@contextmanager
def answers_to_cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give an address that takes the answers of custom resources, and the answers that it has taken."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", taken
    finally:
        server.shutdown()
        thread.join()
