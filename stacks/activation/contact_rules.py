"""The limits of contact as environment variables: the decision and the sender must use the same."""

from config.activation import ActivationSettings


def contact_rules(settings: ActivationSettings) -> dict[str, str | int]:
    """Return the environment variables of quiet hours and frequency cap."""
    return {
        "QUIET_HOURS_START": settings.quiet_hours_start,
        "QUIET_HOURS_END": settings.quiet_hours_end,
        "DEFAULT_TIME_ZONE": settings.default_time_zone,
        "FREQUENCY_CAP_MESSAGES": settings.frequency_cap_messages,
        "FREQUENCY_CAP_DAYS": settings.frequency_cap_days,
    }
