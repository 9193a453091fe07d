"""Lambda: MiniStack's Node.js runtime lacks the client of EC2, which AWS ships with its own.

The CDK's function that closes the default security group of a VPC uses it. EC2 speaks AWS's query protocol: a form in,
XML out.
"""

from pathlib import Path
from typing import Final

from twin.settings import TwinSettings

CLIENT: Final = Path(__file__).with_suffix(".js")
CLIENTS: Final = "  const _SPECIFIC_STUBS = {\n"
REGISTERED: Final = '    "@aws-sdk/client-ec2": _makeEc2ClientModule(),\n'


def install(_settings: TwinSettings) -> None:
    """Give the runtime the client.

    Raises:
        RuntimeError: the runtime has no list of clients where it is looked for.
    """
    from ministack.core import lambda_runtime

    script = lambda_runtime._NODEJS_WORKER_SCRIPT
    if REGISTERED in script:
        return
    before, found, after = script.partition(CLIENTS)
    if not found:
        raise RuntimeError(f"MiniStack's Node.js runtime changed: {CLIENTS.strip()!r} is not in it; adapt {__name__}")
    client = CLIENT.read_text(encoding="utf-8")
    lambda_runtime._NODEJS_WORKER_SCRIPT = f"{before}{client}{found}{REGISTERED}{after}"
