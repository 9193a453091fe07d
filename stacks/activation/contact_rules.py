"""The limits of contact as environment variables: the decision and the sender must use the same."""

import json

from config.activation import LIMITS, ActivationSettings


def contact_rules(settings: ActivationSettings) -> dict[str, str | int]:
    """Return the environment variables of quiet hours, frequency cap, and what makes somebody too unhappy."""
    return {
        **_unhappy(settings),
        "QUIET_HOURS_START": settings.quiet_hours_start,
        "QUIET_HOURS_END": settings.quiet_hours_end,
        "DEFAULT_TIME_ZONE": settings.default_time_zone,
        "FREQUENCY_CAP_MESSAGES": settings.frequency_cap_messages,
        "FREQUENCY_CAP_DAYS": settings.frequency_cap_days,
    }


def _unhappy(settings: ActivationSettings) -> dict[str, str]:
    if settings.unhappy_at_most is None:
        return {}
    but = LIMITS.unhappy.except_messages if LIMITS.unhappy else ()
    return {"UNHAPPY": json.dumps({"at_most": str(settings.unhappy_at_most), "except_messages": list(but)})}
