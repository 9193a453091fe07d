"""What roles may do, in the emulator process: the sessions that services open, and the calls that they make.

The emulator checks every request that arrives over HTTP. It does not check the calls that AWS makes itself with a
role's permissions, such as a state machine's task or a read of a stream. Those are checked here, against the policies
that are deployed.
"""

from collections.abc import Mapping
from typing import Any, Final

from twin.emulator.decisions import RECORD
from twin.emulator.encryption import KEYS
from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.settings import ACCOUNT, REGION

_ROOT: Final = f"arn:aws:iam::{ACCOUNT}:root"


def assume(role_arn: str, *, service: str, session: str, token: bool = True, source: str = "") -> RoleSession:
    """Open a session of a role as a service does, for example `glue.amazonaws.com`.

    The credentials do not expire, because the processes that use them cannot renew them. The same role and session
    name give the same credentials.

    Args:
        role_arn: of the role.
        service: the service that acts, for example `glue.amazonaws.com`.
        session: name of the session.
        token: False for a program that can be given a pair of keys and no token.
        source: the ARN of what the service assumes the role for, where it says so.

    Raises:
        ServiceError: the role does not exist, or its trust policy does not name the service.
    """
    require_trust(role_arn, service, source)
    opened = RoleSession.of(_account(role_arn), _role_name(role_arn), session, token=token)
    register(opened)
    return opened


def register(session: RoleSession) -> None:
    """Let the emulator know the credentials of a role's session."""
    from ministack.services import sts

    _, _, name = session.arn.partition(":assumed-role/")
    sts.register_session(
        session.access_key,
        {
            "Arn": session.arn,
            "UserId": name.replace("/", ":"),
            "AccountId": _account(session.arn),
            "PrincipalType": "AssumedRole",
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.token,
        },
    )


def require(principal: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None) -> None:
    """Refuse a call that the policies of a role do not allow.

    Args:
        principal: the ARN of the role, or of a session of it. The account's root may do everything.
        action: for example `states:StartExecution`.
        resource: the ARN that the call is about.
        context: condition keys and their values.

    Raises:
        ServiceError: `AccessDeniedException`, in AWS's words.
    """
    if not allows(principal, action, resource, context):
        raise ServiceError(
            "AccessDeniedException",
            f"User: {principal} is not authorized to perform: {action} on resource: {resource}",
            403,
        )


def allows(principal: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None) -> bool:
    """Say whether the policies of a role, and the resource's own policy, allow a call; see `require`."""
    from ministack.core import iam_evaluator

    if principal == _ROOT:
        return True
    asked = _asked(principal, "AssumedRole", action, resource, context or {})
    result = iam_evaluator.evaluate(
        asked, iam_evaluator._gather_role_policies(_role_name(principal), _account(principal))
    )
    service = action.partition(":")[0]
    if (policy := iam_evaluator._resource_policy(service, resource)) is not None:
        required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(result, asked, *policy, required=required)
    allowed = bool(result.decision == "Allow")
    RECORD.add(principal, action, resource, allowed=allowed)
    return allowed and all(
        allows(principal, use.action, use.resource, use.context) for use in KEYS.calls(action, resource)
    )


def service_may(service: str, action: str, resource: str, source: str, *, by_grant: bool = False) -> bool:
    """Say whether a resource's own policy lets a service act on it, as EventBridge does when it fills a queue.

    Args:
        service: for example `events.amazonaws.com`.
        action: for example `sqs:SendMessage`.
        resource: the ARN of the queue, topic or function.
        source: the ARN of what makes the service act, such as the rule.
        by_grant: the service uses keys under a grant, which it got from who set it up, and not by their policies.
    """
    from ministack.core import iam_evaluator

    policy = iam_evaluator._resource_policy(action.partition(":")[0], resource)
    context = {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT}
    asked = _asked(service, "Service", action, resource, context)
    allowed = bool(
        policy is not None
        and iam_evaluator.evaluate_resource_policy(policy[0], asked, service=service).decision == "Allow"
    )
    RECORD.add(service, action, resource, allowed=allowed)
    uses = () if by_grant else KEYS.calls(action, resource)
    return allowed and all(service_may(service, use.action, use.resource, source) for use in uses)


def require_trust(role_arn: str, service: str, source: str = "") -> None:
    """Refuse a service that the trust policy of a role does not name.

    Args:
        role_arn: of the role.
        service: for example `states.amazonaws.com`.
        source: the ARN of what the service assumes the role for, such as a state machine, where it says so.

    Raises:
        ServiceError: it does not, or the role does not exist.
    """
    from ministack.core import iam_evaluator
    from ministack.services import iam

    role = iam._roles.get_scoped(_account(role_arn), None, _role_name(role_arn))
    if role is None:
        raise ServiceError("NoSuchEntityException", f"the role {role_arn} does not exist", 404)
    context = {"aws:SourceAccount": ACCOUNT, **({"aws:SourceArn": source} if source else {})}
    asked = _asked(service, "Service", "sts:AssumeRole", role_arn, context)
    trust = role["AssumeRolePolicyDocument"]
    if iam_evaluator.evaluate_resource_policy(trust, asked, service=service).decision != "Allow":
        raise ServiceError(
            "AccessDeniedException", f"{service} may not assume the role {role_arn}: its trust policy names others", 403
        )


def _asked(principal: str, kind: str, action: str, resource: str, context: Mapping[str, Any]) -> Any:
    """Return a call as MiniStack's evaluator takes it; AWS's services call each other over TLS."""
    from ministack.core import iam_evaluator

    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=kind,
        principal_account=_account(principal) if principal.startswith("arn:") else ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=True,
        service_context={key.lower(): value for key, value in context.items()},
    )


def _account(arn: str) -> str:
    """Return the account of an ARN: that of the deployment, or a partner's."""
    return arn.split(":")[4]


def _role_name(arn: str) -> str:
    """Return the name of a role from its ARN, or from that of a session of it."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    return rest.split("/")[0] if kind == "assumed-role" else rest.rpartition("/")[2]
