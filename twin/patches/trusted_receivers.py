"""Lambda: functions call systems outside over HTTPS alone, and nobody in the world certifies a server on this machine.

An authority of the machine's own does. The functions, whose processes inherit the emulator's environment,
trust it beside those that the machine trusts, and verify names as on AWS.
"""

import os
import ssl
from pathlib import Path
from typing import Final

from twin.engines.databases import Certificate, certificate
from twin.settings import TwinSettings

VARIABLE: Final = "SSL_CERT_FILE"  # OpenSSL's, and so Python's


def install(settings: TwinSettings) -> None:
    """Make a certificate for servers on this machine, and let functions trust it."""
    made = certificate(settings.home / "receivers")
    known = ssl.get_default_verify_paths().cafile
    trusted = (settings.home / "receivers" / "trusted.pem").resolve()
    world = "" if known is None else Path(known).read_text(encoding="utf-8")
    trusted.write_text(f"{made.authority}\n{world}", encoding="utf-8")
    os.environ[VARIABLE] = str(trusted)


def certificate_of(settings: TwinSettings) -> Certificate:
    """Return the certificate that servers on this machine show to the functions of a running emulator."""
    folder = settings.home / "receivers"
    authority = (folder / "ca.pem").read_text(encoding="ascii")
    return Certificate(authority=authority, chain=folder / "server.pem", key=folder / "server.key")
