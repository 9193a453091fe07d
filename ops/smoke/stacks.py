"""The stacks themselves, and the state machines in them."""

from c360_core.names import STACKS, stack_name
from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment


@check("stacks", fix="deploy again; the stack's events in CloudFormation say what stopped it")
def stacks(deployed: DeployedEnvironment) -> str:
    """All stacks are there, and done."""
    wanted = {stack_name(deployed.environment, stack) for stack in STACKS}
    wrong = [f"{name} is not deployed" for name in sorted(wanted - set(deployed.stacks))]
    wrong += [
        f"{name} is {stack['StackStatus']}"
        for name, stack in deployed.stacks.items()
        if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    ]
    return expect(wrong, f"{len(deployed.stacks)} complete, {len(deployed.outputs)} outputs")


@check("state machines", fix="deploy again")
def state_machines(deployed: DeployedEnvironment) -> str:
    """All state machines can be started."""
    client, arns = deployed.client("stepfunctions"), deployed.ids("AWS::StepFunctions::StateMachine")
    wrong = [
        f"{arn.rpartition(':')[2]} is {state}"
        for arn in arns
        if (state := client.describe_state_machine(stateMachineArn=arn)["status"]) != "ACTIVE"
    ]
    return expect(wrong, f"{len(arns)} ACTIVE")
