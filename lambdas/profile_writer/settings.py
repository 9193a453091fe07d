"""Environment of the profile writer."""

from lambdas.shared.settings import Days, EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """The table to write, how long a timeline entry lives, and the queue for positions of unreadable records."""

    single_view_table: Name
    timeline_ttl_days: Days
    dead_letter_queue_url: Name
