"""A task that waits is its machine's, and a refused start has the name that AWS gives it."""

import pytest

from twin.patches.task_tokens import machine_of, named, remembering

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:journey"


class TaskError(Exception):
    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error)
        self.error, self.cause = error, cause


def test_a_token_is_of_its_machine_as_long_as_the_task_waits() -> None:
    machines: dict[str, str] = {}
    seen: list[tuple[str, ...]] = []

    def perform(resource: str, request: object, token: str, state: object) -> str:
        seen.append(machine_of({"taskToken": token}, machines))
        return "done"

    assert remembering(perform, machines, lambda: MACHINE)("r", {}, "t", {}) == "done"
    assert seen == [(MACHINE,)]
    assert machine_of({"taskToken": "t"}, machines) == ()
    assert machine_of({"stateMachineArn": MACHINE}, machines) == ()


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        ("ExecutionAlreadyExists", "StepFunctions.ExecutionAlreadyExistsException"),
        ("ThrottlingException", "StepFunctions.ThrottlingException"),
        ("States.Runtime", "States.Runtime"),
    ],
)
def test_a_refused_start_has_the_name_of_the_integration(code: str, reported: str) -> None:
    def start(*_: object) -> None:
        raise TaskError(code, "why")

    with pytest.raises(TaskError) as refused:
        named(start, TaskError)("r", {})
    assert (refused.value.error, refused.value.cause) == (reported, "why")


def test_a_start_that_succeeds_is_left_alone() -> None:
    assert named(lambda *given: given, TaskError)("r", 1) == ("r", 1)
