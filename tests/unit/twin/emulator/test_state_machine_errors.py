"""What a service refuses has, in a state machine, the name that AWS gives it: retries ask for that."""

import pytest
from ministack.services import glue, stepfunctions

from twin.emulator import state_machines


@pytest.mark.parametrize("service", ["Glue", "CodeBuild"])
def test_a_refusal_is_named_by_its_service(service: str) -> None:
    refusal = glue.error_response_json("ConcurrentRunsExceededException", "four are running", 400)

    with pytest.raises(stepfunctions._ExecutionError) as raised:
        state_machines.answer_of(service, refusal)

    assert (raised.value.error, raised.value.cause) == (
        f"{service}.ConcurrentRunsExceededException",
        "four are running",
    )
