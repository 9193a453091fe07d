"""Checks: how one is registered, asked, and reported."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckFailedError, CheckSkippedError, CheckWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How a check ended.

    Attributes:
        outcome: `ok`, `warned`, `failed` or `skipped`. A warning is no failure.
        found: what it found, or why it was skipped.
        fix: what to do about it when it is not ok.
    """

    check: str
    outcome: str
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """The outcomes of all checks, in their order."""

    environment: str
    outcomes: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Say whether nothing failed."""
        return all(outcome.outcome != "failed" for outcome in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "environment": self.environment,
            "passed": self.passed,
            "checks": [asdict(outcome) for outcome in self.outcomes],
        }


CheckFunction = Callable[[DeployedEnvironment], str]
CHECKS: Final[list[tuple[str, str, CheckFunction]]] = []


def check(name: str, *, fix: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check under a name, with what to do when it fails."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.append((name, fix, function))
        return function

    return register


def ask(deployed: DeployedEnvironment) -> Iterator[CheckResult]:
    """Yield the outcome of each check."""
    for name, fix, function in CHECKS:
        try:
            yield CheckResult(check=name, outcome="ok", found=function(deployed))
        except CheckSkippedError as reason:
            yield CheckResult(check=name, outcome="skipped", found=str(reason), fix=reason.fix)
        except CheckWarning as reason:
            yield CheckResult(check=name, outcome="warned", found=str(reason), fix=fix)
        except (CheckFailedError, ClientError, BotoCoreError, httpx.HTTPError) as error:
            yield CheckResult(check=name, outcome="failed", found=str(error) or type(error).__name__, fix=fix)


def expect(wrong: list[str], found: str) -> str:
    """Return what a check found.

    Raises:
        CheckFailedError: something is wrong.
    """
    if wrong:
        raise CheckFailedError("; ".join(wrong))
    return found
