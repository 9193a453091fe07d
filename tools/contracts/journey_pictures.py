"""Pictures of journeys, in the language of mermaid, for the page about journeys."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from c360_core.journey import MINUTES_PER_DAY, Ask, Branch, Exit, Journey, Pause, Send, Split, Step, WaitFor

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "journeys.md"
BEGIN: Final = "<!-- journeys -->"
END: Final = "<!-- /journeys -->"
_PART: Final = re.compile(f"{BEGIN}\n.*?{END}", re.DOTALL)


def page_with(text: str, journeys: Sequence[Journey]) -> str:
    """Return the text of the page with the pictures of these journeys.

    Raises:
        ValueError: the page has no place for them.
    """
    if not _PART.search(text):
        raise ValueError(f"docs/journeys.md: write the lines `{BEGIN}` and `{END}` around the place for the pictures")
    heads = [f"### {one.name}, version {one.version}\n\n{one.description}" for one in journeys]
    parts = "\n\n".join(f"{head}\n\n{picture(one)}" for head, one in zip(heads, journeys, strict=True))
    return _PART.sub(lambda _: f"{BEGIN}\n{parts}\n\n{END}", text)


def picture(journey: Journey) -> str:
    """Return a journey as a flowchart."""
    lines = [f"  {_box(step)}" for step in journey.steps]
    for step in journey.steps:
        lines += [
            f"  {_id(step.name)} -->{f'|{label}|' if label else ''} {_id(target)}" for target, label in _ways(step)
        ]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def _id(name: str) -> str:
    """Return the id of a step: some names, such as `end`, are words of mermaid."""
    return f"s_{name}"


def _box(step: Step) -> str:  # noqa: PLR0911  # one for each kind
    match step:
        case Send():
            return f'{_id(step.name)}["message: {step.template}"]'
        case Pause():
            return f'{_id(step.name)}["wait {duration(step.minutes)}"]'
        case WaitFor():
            of = f" of {step.of}" if step.of else ""
            return f'{_id(step.name)}["wait for {" or ".join(step.happenings)}{of}"]'
        case Branch():
            return f'{_id(step.name)}{{"{step.name.replace("_", " ")}?"}}'
        case Split():
            return f'{_id(step.name)}{{"by lot"}}'
        case Ask():
            return f'{_id(step.name)}["task for {step.task}"]'
        case Exit():
            return f'{_id(step.name)}(["{step.ending}"])'


def _ways(step: Step) -> list[tuple[str, str]]:
    match step:
        case Send():
            return [(step.then, ""), *([] if step.otherwise is None else [(step.otherwise, "not sent")])]
        case WaitFor():
            return [(step.then, "yes"), (step.otherwise, f"not in {duration(step.minutes)}")]
        case Branch():
            arms = [(arm.then, f"condition {place}") for place, arm in enumerate(step.arms, 1)]
            return [*arms, (step.otherwise, "otherwise")]
        case Split():
            return [(share.then, f"{share.percent} %") for share in step.shares]
        case _:
            return [(target, "") for target in step.targets]


def duration(minutes: int) -> str:
    """Return a duration as people write it."""
    for unit, size in (("day", MINUTES_PER_DAY), ("hour", 60), ("minute", 1)):
        if minutes % size == 0:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise ValueError(f"{minutes} are no whole minutes")
