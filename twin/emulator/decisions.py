"""What the emulator has allowed and refused: one line of JSON for each principal, action, resource and decision.

`decisions.jsonl` in the folder of the run says which permissions were used and who was refused; the emulator's log
warns of each refusal.
"""

import json
import logging
import threading
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

LOGGER: Final = logging.getLogger("twin.decisions")
FILE: Final = "decisions.jsonl"


class Outcome(StrEnum):
    """How a request was decided."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision.

    Attributes:
        principal: the ARN of the role, user or root that asked; of a session, its role's; a service's own name.
        action: for example `kinesis:PutRecords`.
        resource: the ARN that the request is about, or `*`.
        decision: how it was decided.
    """

    principal: str
    action: str
    resource: str
    decision: Outcome


@dataclass(slots=True)
class DecisionRecord:
    """The decisions of one run, each kept once.

    Attributes:
        path: where they are written; nowhere as long as no emulator runs in this process.
    """

    path: Path | None = None
    _known: set[Decision] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, principal: str, action: str, resource: str, *, allowed: bool) -> None:
        """Keep a decision, and warn of a refusal, when it is the first of its kind."""
        outcome = Outcome.ALLOW if allowed else Outcome.DENY
        made = Decision(principal=role_of(principal), action=action, resource=resource, decision=outcome)
        with self._lock:
            if made in self._known:
                return
            self._known.add(made)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(asdict(made))}\n")
        if not allowed:
            LOGGER.warning("refused: %s may not %s on %s", made.principal, action, resource)


# Of the emulator in this process; the patch `decisions` says where it is written.
RECORD: Final = DecisionRecord()


def role_of(principal: str) -> str:
    """Return the ARN of the role of a session, and any other principal as it is."""
    place, kind, rest = principal.partition(":assumed-role/")
    if not kind:
        return principal
    return f"{place.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}"


def read(home: Path) -> tuple[Decision, ...]:
    """Return the decisions of the run in a folder, in the order in which they were first made."""
    lines = (home / FILE).read_text(encoding="utf-8").splitlines()
    held = (json.loads(line) for line in lines)
    return tuple(Decision(**{**one, "decision": Outcome(one["decision"])}) for one in held)
