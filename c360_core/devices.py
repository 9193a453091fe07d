"""Devices on which the app of a person can be reached by push messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from c360_core.digests import digest
from c360_core.moments import moment, moment_text

MOST_DEVICES: Final = 20  # of one person that get a message, those that were heard of last


class Platform(StrEnum):
    """Whose service delivers to a device."""

    APPLE = "apple"
    GOOGLE = "google"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The app on one device.

    Attributes:
        token: the address that Apple or Google gave the app there.
        registered_at: when the app said so last.
        expires_at: until when it counts unless the app says so again.
    """

    token: str
    platform: Platform
    registered_at: datetime
    expires_at: datetime

    @property
    def key(self) -> str:
        """What the single view names it by; a token may be longer than a key."""
        return token_key(self.token)


def token_key(token: str) -> str:
    """Return the name of a token in keys."""
    return digest("device", token)


def device_to_item(device: Device) -> dict[str, object]:
    """Return a device as the single view stores it, without keys and expiry."""
    return {
        "token": device.token,
        "platform": str(device.platform),
        "registered_at": moment_text(device.registered_at),
        "forgotten_at": moment_text(device.expires_at),
    }


def device_from_item(item: Mapping[str, object]) -> Device:
    """Read a device from the single view."""
    return Device(
        token=str(item["token"]),
        platform=Platform(str(item["platform"])),
        registered_at=moment(str(item["registered_at"])),
        expires_at=moment(str(item["forgotten_at"])),
    )


def live_devices(devices: Iterable[Device], *, now: datetime) -> tuple[Device, ...]:
    """Return each device that still counts, once, the one that was heard of last first."""
    by_token: dict[str, Device] = {}
    for device in sorted(devices, key=lambda one: (one.registered_at, one.token), reverse=True):
        if device.expires_at > now:
            by_token.setdefault(device.token, device)
    return tuple(by_token.values())[:MOST_DEVICES]
