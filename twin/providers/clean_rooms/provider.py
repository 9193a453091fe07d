"""Clean Rooms: the collaboration of the template, a partner in an account of its own, queries on Trino."""

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any, Final

from twin.emulator.provider import Provider, ResourceType
from twin.emulator.roles import assume, require
from twin.engines.trino import TrinoEngine
from twin.principals import Principal, RoleSession
from twin.providers.clean_rooms import service
from twin.providers.clean_rooms.reading import TwinReader
from twin.providers.clean_rooms.service import CleanRooms
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name
from twin.settings import ACCOUNT, PARTNER_ACCOUNT

SERVICE: Final = "cleanrooms.amazonaws.com"
SESSION: Final = "protected-query"
_OF_MEMBERSHIP: Final = "arn:aws:cleanrooms:{region}:{account}:membership/{MembershipIdentifier}"
# The laptop's noise is drawn anew in each run of the twin.
_OWNERS: Final = {ACCOUNT: Principal.EMULATOR, PARTNER_ACCOUNT: Principal.PARTNER}


class CleanRoomsProvider(Provider):
    """Clean Rooms."""

    types = (
        ResourceType(name=service.COLLABORATION),
        ResourceType(name=service.MEMBERSHIP),
        ResourceType(name=service.CONFIGURED),
        ResourceType(name=service.ASSOCIATION, arn=f"{_OF_MEMBERSHIP}/configuredtableassociation/{{name}}"),
        ResourceType(name=service.TEMPLATE, arn=f"{_OF_MEMBERSHIP}/analysistemplate/{{name}}"),
        ResourceType(name=service.BUDGET, arn=f"{_OF_MEMBERSHIP}/privacybudgettemplate/{{name}}"),
    )
    engines = (TrinoEngine,)

    def api(self) -> Mapping[str, object]:
        """Serve what a partner calls to join and to ask."""
        twin = self.twin
        reader = TwinReader(
            account=ACCOUNT,
            assume=self._assume,
            require=require,
            clients=twin.settings.client,
            owner=lambda name, account: twin.settings.client(name, as_=_OWNERS[account]),
            connect=self._connect,
            user_of=user_name,
            before_query=twin.provider(LakeFormationProvider).rules.before_query,
        )
        rooms = CleanRooms(
            deployed=twin.registry.of_type,
            account=ACCOUNT,
            caller=twin.caller,
            reader=reader,
            chance=Random(),  # noqa: S311  # the twin hides nobody real
        )
        return {"cleanrooms": rooms}

    def _assume(self, role_arn: str) -> RoleSession:
        """Open a session of an association's role, for the membership of the deployment."""
        [membership] = self.twin.registry.of_type(service.MEMBERSHIP)
        return partial(assume, service=SERVICE, session=SESSION)(role_arn, source=membership.attributes["Arn"])

    def _connect(self, user: str) -> Any:
        return self.twin.engines.get(TrinoEngine).connect(user)


PROVIDER = CleanRoomsProvider
