"""Environment of the profile writer."""

from lambdas.shared.settings import Days, EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Which table to write, how long a timeline lives, and where the positions of unreadable records go."""

    single_view_table: Name
    timeline_ttl_days: Days
    dead_letter_queue_url: Name
