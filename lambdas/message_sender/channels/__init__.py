"""The channels that messages go through: one module per channel, found because it is in this folder.

A module defines two names: `CHANNEL`, the channel that it sends through, and `connect(environ)`, which reads the
channel's own settings from the environment and returns its `ChannelSender`, or None where the settings switch it off.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from c360_core.consent import Channel
from c360_core.profile import Profile
from lambdas.message_sender.message import Message, SendResult


class ChannelSender(Protocol):
    """Hands messages of one channel to the service that delivers them."""

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Hand a message over, once. An error means that the service certainly has not taken it: it may be retried."""


Connect = Callable[[Mapping[str, str]], ChannelSender | None]


class ChannelError(RuntimeError):
    """A module of this folder does not define a channel, or two define the same; the message names the module."""


def find_channels() -> dict[Channel, Connect]:
    """Return the `connect` of every channel in this folder.

    Raises:
        ChannelError: a module does not define a channel, or two modules define the same.
    """
    found: dict[Channel, Connect] = {}
    for entry in iter_modules(__path__):
        module = import_module(f"{__name__}.{entry.name}")
        channel, connect = getattr(module, "CHANNEL", None), getattr(module, "connect", None)
        if not isinstance(channel, Channel) or channel is Channel.ANY or not callable(connect):
            raise ChannelError(
                f"{module.__name__}: define CHANNEL, a member of `Channel` other than `any`, and connect(environ)"
            )
        if channel in found:
            raise ChannelError(f"{module.__name__}: another module already sends through `{channel}`; remove one")
        found[channel] = connect
    return found


def connect_channels(environ: Mapping[str, str]) -> dict[Channel, ChannelSender]:
    """Return the senders of the channels in this folder that are switched on, with settings from the environment.

    Raises:
        ChannelError: see `find_channels`.
        ConfigurationError: a channel's variable is missing or wrong.
    """
    connected = {channel: connect(environ) for channel, connect in find_channels().items()}
    return {channel: sender for channel, sender in connected.items() if sender is not None}
