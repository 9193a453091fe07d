"""SES."""

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment


@check(
    "e-mail",
    fix="put the identity's DKIM records into your DNS; ask AWS to lift the sandbox: step 8 of docs/deploying.md",
)
def email(deployed: DeployedEnvironment) -> str:
    """The sending domain is verified, and the account may write to anybody."""
    client = deployed.client("sesv2")
    waiting = [
        f"{name} is not verified yet"
        for name in deployed.ids("AWS::SES::EmailIdentity")
        if not client.get_email_identity(EmailIdentity=name).get("VerifiedForSendingStatus")
    ]
    if not client.get_account().get("ProductionAccessEnabled"):
        waiting.append("the account is in the SES sandbox")
    return expect(waiting, "the domain is verified, and the account is out of the sandbox")
