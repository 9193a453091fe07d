"""What CloudFormation knows of a deployed environment, and the ways to reach it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import httpx

from c360_core.names import STACKS, stack_name
from c360_core.personas import PersonaDefinition
from ops import deployed_stacks
from ops.smoke.errors import CheckFailedError, CheckSkippedError

HTTP_SECONDS: Final = 30.0


Clients = Callable[[str], Any]  # a boto3 client by the name of its service


@dataclass(kw_only=True)
class DeployedEnvironment:
    """What is deployed of an environment, as CloudFormation knows it.

    Attributes:
        client: gives the clients of whoever asks.
        clients_of_role: gives the clients of a role, by its ARN.
        signature: signs requests to an API as whoever asks.
        region: where the environment is.
        endpoint: of the emulator that stands for AWS; empty on AWS.
        send: send an event.
        sent: the id of the event that was sent.
        sent_at: when that event happened, as `c360_core.moments` writes it.
        sender: the key in the lake of the visitor who sent it; empty until it was found there.
    """

    environment: str
    client: Clients
    clients_of_role: Callable[[str], Clients]
    signature: httpx.Auth
    region: str
    endpoint: str = ""
    send: bool = False
    sent: str = ""
    sent_at: str = ""
    sender: str = ""
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=HTTP_SECONDS))

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """The stacks of the environment that are there, by name."""
        names = {stack_name(self.environment, stack) for stack in STACKS}
        found = deployed_stacks.stacks(self.client("cloudformation"))
        return {name: stack for name, stack in found.items() if name in names}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of all stacks, by their names in the templates."""
        return deployed_stacks.outputs(self.stacks.values())

    @cached_property
    def account(self) -> str:
        """The id of the account that is asked."""
        account: str = self.client("sts").get_caller_identity()["Account"]
        return account

    @cached_property
    def _resources(self) -> list[tuple[str, str]]:
        """The type and the physical id of every resource."""
        cloudformation = self.client("cloudformation")
        return [found for stack in self.stacks for found in deployed_stacks.resources(cloudformation, stack)]

    def ids(self, type_name: str) -> list[str]:
        """Return the physical ids of all resources of a type.

        Raises:
            CheckSkippedError: there is none.
        """
        found = [physical for kind, physical in self._resources if kind == type_name]
        if not found:
            raise CheckSkippedError(f"no {type_name} is deployed")
        return found

    @cached_property
    def _roles(self) -> dict[str, Clients]:
        return {}

    def as_role(self, role_arn: str) -> Clients:
        """Return what gives the clients of a role, which is assumed once.

        Raises:
            ClientError: it may not be assumed.
        """
        if role_arn not in self._roles:
            self._roles[role_arn] = self.clients_of_role(role_arn)
        return self._roles[role_arn]

    @property
    def operators_workgroup(self) -> str:
        """The workgroup in which operators ask."""
        return self.output("OperatorsWorkgroupName")

    def workgroup(self, persona: PersonaDefinition) -> str:
        """Return the workgroup in which a persona asks."""
        return self.output(persona.workgroup_output)

    def output(self, name: str) -> str:
        """Return an output.

        Raises:
            CheckFailedError: no stack has it.
        """
        if name not in self.outputs:
            raise CheckFailedError(f"no stack of {self.environment} has the output {name}")
        return self.outputs[name]

    def url(self, output: str) -> str:
        """Return the address of an HTTP API; on the emulator the path leads to it, not the name."""
        return deployed_stacks.api_address(self.output(output), endpoint=self.endpoint)
