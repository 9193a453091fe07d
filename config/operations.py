"""Settings of operations: alarms and the budget."""

from typing import Self

from pydantic import Field, model_validator

from config.shared import Slice


class OperationsSettings(Slice):
    """Alarms and the budget."""

    alarms: bool = Field(default=True, description="About 0.10 USD per alarm and month beyond the first ten")
    iterator_age_minutes: int = Field(5, ge=1, le=1440, description="A reader further behind than this raises an alarm")
    rejected_events: int = Field(100, ge=1, description="More rejected events than this in five minutes raise an alarm")
    blocked_requests: int = Field(
        1000,
        ge=1,
        description="More requests in five minutes that the edge blocks, or that come past it, raise an alarm",
    )
    monthly_budget_usd: int | None = Field(None, ge=1, description="A budget with alerts at 80 and 100 %, when given")

    @model_validator(mode="after")
    def _alarms_carry_the_budget(self) -> Self:
        if self.monthly_budget_usd is not None and not self.alarms:
            raise ValueError("monthly_budget_usd needs alarms: true, since its alerts go to the alarm topic")
        return self
