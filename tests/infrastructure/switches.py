"""Which settings an environment leaves off."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from config.settings import ENVIRONMENTS_FOLDER, Settings, load

# What only an operator can name, because AWS wants it to exist.
NAMED: Final[dict[str, Any]] = {
    "analytics": {
        "dashboards": {
            "embedding": {
                "domains": ["https://portal.example.com"],
                "user": "arn:aws:quicksight:us-east-1:000000000000:user/default/portal",
            },
            "row_rules": [
                {
                    "column": "state",
                    "values": ["CA"],
                    "principals": ["arn:aws:quicksight:us-east-1:000000000000:group/default/marketing"],
                }
            ],
        },
    },
    "collection": {
        "edge": {
            "domain": "events.example.com",
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        },
    },
    "activation": {
        "sms": {
            "origination_identity": "arn:aws:sms-voice:us-east-1:123456789012:pool/pool-0123456789abcdef",
        },
        "loyalty": {
            "secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:loyalty-AbCdEf",
            "consent_purpose": "personalisation",
        },
        "push": {"apple_secret": "c360/apple-push", "google_secret": "c360/google-push"},
        "clean_room": {
            "partner_account": "210987654321",
            "partner_id_namespace": "arn:aws:entityresolution:us-east-1:210987654321:idnamespace/people",
        },
    },
    "governance": {
        "admin_role_arns": ["arn:aws:iam::123456789012:role/LakeAdministrator"],
        "marketing_analyst_role_arns": ["arn:aws:iam::123456789012:role/Analysts"],
    },
}
# Of these, what the laptop has a stand-in for, so that `everything` names it.
ON_THE_LAPTOP: Final = frozenset(
    {
        "activation.clean_room.partner_account",
        "activation.push.apple_secret",
        "activation.push.google_secret",
        "activation.sms.origination_identity",
    }
)


def named(settings: dict[str, Any] = NAMED, path: str = "") -> Iterator[str]:
    """Yield the paths of what only an operator can name."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from named(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def switched_off(model: BaseModel, path: str = "") -> Iterator[str]:
    """Yield the settings, with their paths, that ask for nothing."""
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from switched_off(value, f"{path}{name}.")
        elif value is None or value is False or value in ((), {}):
            yield f"{path}{name}"


def merged(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file with others in their places."""
    both = {
        key: merged(settings.get(key, {}), value) if isinstance(value, dict) else value for key, value in more.items()
    }
    return {**settings, **both}


def with_names(environment: str, folder: Path, more: Mapping[str, Any] = NAMED) -> Settings:
    """Return the settings of an environment that also names what only an operator can name.

    Args:
        folder: where they are written to be read.
    """
    file = f"{environment}.yaml"
    values = yaml.safe_load((ENVIRONMENTS_FOLDER / file).read_text(encoding="utf-8"))
    (folder / file).write_text(yaml.safe_dump(merged(values, more)), encoding="utf-8")
    return load(environment, folder)
