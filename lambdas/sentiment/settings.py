"""Environment of the sentiment function."""

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """The stream that scores go to, and the queue for positions of texts that cannot be analysed."""

    events_stream_name: Name
    dead_letter_queue_url: Name
