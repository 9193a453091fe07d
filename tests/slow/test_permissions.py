"""The mutation run: each action of each statement of the deployed templates is taken away, to see whether it is missed.

It prints which share is needed, and each right that neither the table of needs nor any call of a demonstration asks
for. The share may rise and must not fall.
"""

import json

import pytest

from c360_core.names import STACKS, stack_name
from config.settings import load
from tests.infrastructure.assembly import Assembly
from tests.infrastructure.estate import Estate
from tests.infrastructure.mutation import Findings, examine, names_of, translated
from tests.twin.conftest import demonstrated
from tools.build.staging import assembly_folder
from twin.emulator.decisions import FILE
from twin.emulator.emulator import Emulator
from twin.settings import BUILD, DEMONSTRATED

HOME = BUILD / "twin" / "mutation"
LEAST_SHARE = 0.9


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """What a whole demonstration needed."""
    with demonstrated(HOME, tmp_path_factory.mktemp("shoppers")) as demonstration:
        estate = deployed_estate()
        names = names_of(estate, deployed_names(demonstration.story.deployment.emulator))
    decisions = [json.loads(line) for line in (HOME / FILE).read_text(encoding="utf-8").splitlines()]
    return examine(estate, translated(decisions, names))


def deployed_estate() -> Estate:
    """Return the templates that were deployed, with their references resolved."""
    folder = assembly_folder(DEMONSTRATED)
    templates = {
        pillar: json.loads((folder / f"{stack_name(DEMONSTRATED, pillar)}.template.json").read_text(encoding="utf-8"))
        for pillar in STACKS
    }
    return Estate(
        Assembly(settings=load(DEMONSTRATED), folder=folder, templates=templates, report={}, messages=(), costs={})
    )


def deployed_names(emulator: Emulator) -> dict[tuple[str, str], str]:
    """Return the physical id of each deployed resource, by pillar and logical id."""
    stacks = emulator.client("cloudformation")
    return {
        (pillar, one["LogicalResourceId"]): one["PhysicalResourceId"]
        for pillar in STACKS
        for page in stacks.get_paginator("list_stack_resources").paginate(StackName=stack_name(DEMONSTRATED, pillar))
        for one in page["StackResourceSummaries"]
    }


def test_most_statements_are_needed(findings: Findings) -> None:
    print(findings.summary())  # noqa: T201  # the share is what the run is for
    assert findings.called
    assert findings.share >= LEAST_SHARE
