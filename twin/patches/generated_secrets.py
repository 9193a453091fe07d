"""Secrets Manager: MiniStack's CloudFormation generates secrets of characters that the template forbids.

It looks at the length and the excluded characters only and ignores, for example, ExcludePunctuation: one key in a
hundred began with a brace and was taken for JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from twin.settings import TwinSettings

STRING_TEMPLATE: Final = "SecretStringTemplate"
STRING_KEY: Final = "GenerateStringKey"
HTTP_ERROR: Final = 400


def install(_settings: TwinSettings) -> None:
    """Let the emulator's own GetRandomPassword make the secrets of templates, as the service does."""
    from ministack.services.cloudformation import provisioners

    provisioners._sm_secret_string = secret_string


def secret_string(properties: Mapping[str, Any]) -> str:
    """Return the secret that the properties of an `AWS::SecretsManager::Secret` state or ask for.

    Raises:
        ValueError: no password can be made as it is asked for.
    """
    asked = properties.get("GenerateSecretString")
    stated = properties.get("SecretString", "")
    if stated or not asked:
        return str(stated)
    password = _password({key: value for key, value in asked.items() if key not in {STRING_TEMPLATE, STRING_KEY}})
    if STRING_TEMPLATE not in asked:
        return password
    return json.dumps({**json.loads(asked[STRING_TEMPLATE]), asked[STRING_KEY]: password})


def _password(asked: Mapping[str, Any]) -> str:
    from ministack.services import secretsmanager

    status, _, body = secretsmanager._get_random_password(asked)
    answer = json.loads(body)
    if status >= HTTP_ERROR:
        raise ValueError(f"GenerateSecretString: {answer.get('message') or answer}")
    return str(answer["RandomPassword"])
