"""A Spark job that a state machine runs every night."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.spark_job import SparkJob
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import ANY_RUNBOOK, StateMachine
from stacks.shared.platform import Platform

_PAUSE: Final = cdk.Duration.minutes(5)


def run_nightly(  # noqa: PLR0913  # each thing that it uses has a name
    scope: Construct,
    job: SparkJob,
    *,
    name: str,
    step: str,
    platform: Platform,
    description: str,
    subject: str,
    hour_utc: int,
    repeats: int,
    runbook: str = ANY_RUNBOOK,
    choices: Mapping[str, str] | None = None,
) -> sfn.StateMachine:
    """Create the state machine that runs a job, and the rule that starts it every night; return the machine.

    Args:
        scope: the system that owns them.
        job: what it runs. A run that failed is repeated, so the job must bear that.
        name: of the machine, without the environment.
        step: name of its only step.
        platform: of the environment.
        description: of the rule.
        subject: what the alarm of a failed execution says.
        hour_utc: when it starts, 0 to 23.
        repeats: how often a run that failed is repeated.
        runbook: what the alarm names for whoever reads it; a page of `docs/runbooks`.
        choices: arguments of the job that an execution chooses, with the values of the nightly one.
    """
    chosen = choices or {}
    paths = {f"--{argument}": sfn.JsonPath.string_at(f"$.{argument}") for argument in chosen}
    run = job.step(scope, step, arguments=paths)
    run.add_retry(errors=["States.TaskFailed"], interval=_PAUSE, max_attempts=repeats)
    machine = StateMachine(scope, "Run", name=name, platform=platform, steps=run, subject=subject, runbook=runbook)
    job.let_start(machine.machine.role)
    StartRules(scope, machine=machine, platform=platform).nightly(
        "Nightly",
        description=description,
        hour_utc=hour_utc,
        execution_input=events.RuleTargetInput.from_object(dict(chosen)) if chosen else None,
    )
    return machine.machine
