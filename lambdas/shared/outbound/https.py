"""Calls of systems outside, over HTTPS, and only there: the address of a receiver is an operator's text.

A name is resolved here, and the connection goes to the very address that was judged. So a name that points into a
network of ours, or that points elsewhere a moment later, reaches nothing. No redirect is followed.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

HTTPS_PORT: Final = 443
SECONDS: Final = 10.0
MOST_ANSWER: Final = 16_384  # bytes that are read of an answer, so that the other side sees that it was taken

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UnsafeAddressError(ValueError):
    """An address that must not be called; the message says why, without the path and the query."""


class UnreachableError(RuntimeError):
    """Nobody answered; the message says what was seen instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answered.

    Attributes:
        retry_after: seconds after which it wants to be called again, if it says so.
    """

    status: int
    retry_after: float | None = None


class Caller(Protocol):
    """What calls a receiver."""

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return the answer.

        Raises:
            UnsafeAddressError: it must not be called.
            UnreachableError: nobody answered.
        """


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsCaller:
    """Calls receivers over HTTPS.

    Attributes:
        private_networks: networks whose addresses may be called although they are not public.
        resolver: returns the addresses of a host.
        clock: tells the present.
        trust: makes the TLS context; the authorities are the machine's.
    """

    private_networks: Sequence[Network] = ()
    resolver: Callable[[str, int], Sequence[str]] = resolve
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    trust: Callable[[], ssl.SSLContext] = field(default=ssl.create_default_context)

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to the address behind a name that was judged; return the answer, whatever its status."""
        place = urlsplit(url)
        address = self._judged(place)
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection = _Pinned(str(place.hostname), place.port or HTTPS_PORT, address, self.trust())
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            response.read(MOST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{place.hostname} does not answer: {type(error).__name__}") from error
        finally:
            connection.close()
        return Answer(status=response.status, retry_after=self._retry_after(response.getheader("Retry-After")))

    def _judged(self, place: SplitResult) -> str:
        """Return the first address of a host that may be called."""
        if place.scheme != "https" or not place.hostname or place.username is not None:
            raise UnsafeAddressError("the address of a receiver is not of the form https://host/path")
        try:
            found = self.resolver(place.hostname, place.port or HTTPS_PORT)
        except OSError as error:
            raise UnreachableError(f"{place.hostname} has no address: {type(error).__name__}") from error
        allowed = next((one for one in found if self._may_be_called(ipaddress.ip_address(one.partition("%")[0]))), None)
        if allowed is None:
            raise UnsafeAddressError(
                f"{place.hostname} has no public address; a receiver in a network of ours needs that network in the "
                "setting activation.outbound.private_networks"
            )
        return allowed

    def _may_be_called(self, address: Address) -> bool:
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self.private_networks):
            return True
        return address.is_global and not address.is_multicast and not _tunnels(address)

    def _retry_after(self, text: str | None) -> float | None:
        """Read the header: seconds, or a date."""
        if text is None:
            return None
        if text.strip().isdecimal():
            return float(text)
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None  # nothing that anybody could keep to
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - self.clock()).total_seconds())


def _tunnels(address: Address) -> bool:
    """Say whether an address of IPv6 stands for another of IPv4, which would have to be judged in its place."""
    return isinstance(address, ipaddress.IPv6Address) and (
        address.sixtofour is not None or address.teredo is not None or address in _NAT64
    )


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, on which the host is still asked for its own certificate."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=SECONDS, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        """Connect to the address, and verify the host's name."""
        bare = socket.create_connection((self._address, self.port), timeout=SECONDS)
        try:
            self.sock = self._tls.wrap_socket(bare, server_hostname=self.host)
        except OSError:
            bare.close()
            raise
