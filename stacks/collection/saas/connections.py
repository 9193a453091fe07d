"""Connections to vendors, made from a secret: no template has a credential."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from aws_cdk import aws_appflow as appflow
from constructs import Construct

from c360_core.names import Connector, connection_name
from config.collection import SaasSettings
from stacks.shared.platform import Platform

# Google Analytics 4 is a custom connector to AppFlow, which the label names.
CUSTOM: Final = "CustomConnector"
_GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"

Secret = Callable[[str], str]


def connection(
    scope: Construct, id_: str, *, name: str, connector: Connector, settings: SaasSettings, platform: Platform
) -> appflow.CfnConnectorProfile:
    """Make the connection from a secret, which CloudFormation reads: no template has its values."""

    def secret(key: str) -> str:
        return f"{{{{resolve:secretsmanager:{settings.secret}:SecretString:{key}}}}}"

    is_custom = connector is Connector.GOOGLE_ANALYTICS_4
    return appflow.CfnConnectorProfile(
        scope,
        id_,
        connector_profile_name=connection_name(platform.environment, name),
        connector_type=CUSTOM if is_custom else connector.value,
        connector_label=connector.value if is_custom else None,
        connection_mode="Public",
        kms_arn=platform.key.key_arn,
        connector_profile_config=_PROFILES[connector](settings, secret),
    )


_Profile = appflow.CfnConnectorProfile
_Config = appflow.CfnConnectorProfile.ConnectorProfileConfigProperty


def _config(properties: Mapping[str, Any], credentials: Mapping[str, Any]) -> _Config:
    return _Config(
        connector_profile_properties=_Profile.ConnectorProfilePropertiesProperty(**properties),
        connector_profile_credentials=_Profile.ConnectorProfileCredentialsProperty(**credentials),
    )


def _salesforce(settings: SaasSettings, secret: Secret) -> _Config:
    """AppFlow asks for the client of a connected app of one's own by the ARN of a secret; its own app needs none."""
    return _config(
        {"salesforce": _Profile.SalesforceConnectorProfilePropertiesProperty(instance_url=settings.address)},
        {
            "salesforce": _Profile.SalesforceConnectorProfileCredentialsProperty(
                access_token=secret("access_token"), refresh_token=secret("refresh_token")
            )
        },
    )


def _sap(settings: SaasSettings, secret: Secret) -> _Config:
    return _config(
        {
            "sapo_data": _Profile.SAPODataConnectorProfilePropertiesProperty(
                application_host_url=settings.address,
                application_service_path=settings.sap.service_path,
                client_number=settings.sap.client,
                logon_language=settings.sap.language,
                port_number=settings.sap.port,
            )
        },
        {
            "sapo_data": _Profile.SAPODataConnectorProfileCredentialsProperty(
                basic_auth_credentials=_Profile.BasicAuthCredentialsProperty(
                    username=secret("username"), password=secret("password")
                )
            )
        },
    )


def _marketo(settings: SaasSettings, secret: Secret) -> _Config:
    return _config(
        {"marketo": _Profile.MarketoConnectorProfilePropertiesProperty(instance_url=str(settings.address))},
        {
            "marketo": _Profile.MarketoConnectorProfileCredentialsProperty(
                client_id=secret("client_id"), client_secret=secret("client_secret")
            )
        },
    )


def _google(settings: SaasSettings, secret: Secret) -> _Config:
    tokens = f"{settings.address}/token" if settings.address else _GOOGLE_TOKENS
    return _config(
        {
            "custom_connector": _Profile.CustomConnectorProfilePropertiesProperty(
                o_auth2_properties=_Profile.OAuth2PropertiesProperty(
                    o_auth2_grant_type="AUTHORIZATION_CODE", token_url=tokens
                )
            )
        },
        {
            "custom_connector": _Profile.CustomConnectorProfileCredentialsProperty(
                authentication_type="OAUTH2",
                oauth2=_Profile.OAuth2CredentialsProperty(
                    client_id=secret("client_id"),
                    client_secret=secret("client_secret"),
                    access_token=secret("access_token"),
                    refresh_token=secret("refresh_token"),
                ),
            )
        },
    )


_PROFILES: Final = {
    Connector.SALESFORCE: _salesforce,
    Connector.SAP_ODATA: _sap,
    Connector.MARKETO: _marketo,
    Connector.GOOGLE_ANALYTICS_4: _google,
}
