"""IAM: MiniStack sees plain HTTP as an insecure transport, on loopback as well.

The bucket policies that ask for a secure transport would deny every request, and every engine would need certificates
to satisfy them. Nobody can listen on the way from one process of this machine to another, so loopback counts as secure.
"""

import ipaddress
from collections.abc import Callable

from twin.settings import TwinSettings


def install(_settings: TwinSettings) -> None:
    """Let the policies see requests over loopback as encrypted ones."""
    from ministack import app

    app.pin_request_origin = secured(app.pin_request_origin)


def secured(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """Return what notes a request's origin, with a secure transport where the address is this machine's own."""

    def noted(source_ip: str, secure_transport: bool) -> None:  # noqa: FBT001  # MiniStack's own signature
        pin(source_ip, secure_transport or ipaddress.ip_address(source_ip).is_loopback)

    return noted
