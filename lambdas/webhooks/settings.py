"""Environment of the function that tells subscribers."""

from pydantic import BaseModel, ConfigDict, IPvAnyNetwork, Json

from lambdas.shared.settings import EnvironmentSettings, Name


class Destination(BaseModel):
    """A subscriber, with the queue of its events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    url: Name
    secret_arn: Name
    queue_url: Name
    dead_letters_url: Name

    def has_queue(self, arn: str) -> bool:
        """Say whether this is the ARN of its queue; ARN and URL end with the queue's name."""
        return self.queue_url.rpartition("/")[2] == arn.rpartition(":")[2]


class Settings(EnvironmentSettings):
    """The subscribers, where circuits are kept, and which networks of ours may be called."""

    destinations: Json[tuple[Destination, ...]]
    deliveries_table: Name
    private_networks: Json[tuple[IPvAnyNetwork, ...]]
