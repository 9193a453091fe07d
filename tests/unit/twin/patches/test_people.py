"""Each principal outside of the deployment may do what it is for, and nothing else."""

from collections.abc import Iterator

import pytest
from ministack.core.iam_evaluator import resolve_principal
from ministack.services import iam

from twin.emulator.roles import allows
from twin.patches import people
from twin.principals import Principal, RoleSession
from twin.settings import ACCOUNT, REGION, TwinSettings, account_of

EVENTS = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/c360-dev-events"
DEPLOYMENT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"
RELAY = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:C360-dev-Collection-StreamRelay5F2B"
COLLECTOR = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:C360-dev-Collection-Collector5F2B"
API = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/$default/GET/v1/customers"


@pytest.fixture(autouse=True)
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    people.install(TwinSettings(home=tmp_path_factory.mktemp("home"), port=1))
    yield
    for principal in Principal:
        iam._roles.pop_scoped(account_of(principal), None, principal.value, None)


@pytest.mark.parametrize("principal", Principal)
def test_the_emulator_knows_the_credentials_that_everybody_works_out(principal: Principal) -> None:
    account = account_of(principal)
    credentials = RoleSession.of_principal(account, principal)

    assert resolve_principal(credentials.access_key, account).arn == credentials.arn


@pytest.mark.parametrize(
    ("action", "resource", "who"),
    [
        ("sts:AssumeRole", DEPLOYMENT_ROLE, {Principal.DEPLOYER}),
        ("cloudformation:CreateStack", "*", set()),
        ("kinesis:PutRecords", EVENTS, {Principal.OPERATOR, Principal.SOURCE}),
        ("kinesis:GetRecords", EVENTS, set()),
        ("lambda:InvokeFunction", RELAY, {Principal.OPERATOR}),
        ("lambda:InvokeFunction", COLLECTOR, set()),
        ("execute-api:Invoke", API, {Principal.APPLICATION}),
        ("dynamodb:Scan", "*", set()),
        ("iam:CreateRole", "*", set()),
    ],
)
def test_only_those_may_who_need_to(action: str, resource: str, who: set[Principal]) -> None:
    limited = set(Principal) - {Principal.ADMINISTRATOR, Principal.EMULATOR}

    allowed = {one for one in limited if allows(RoleSession.of_principal(ACCOUNT, one).arn, action, resource)}

    assert allowed == who
