"""The only sender of messages."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.message_templates import load_templates
from config.activation import ActivationSettings
from stacks.activation.contact_rules import contact_rules
from stacks.activation.email.channel import Email
from stacks.activation.email.unsubscribe import Unsubscribe
from stacks.activation.in_app.channel import InApp
from stacks.activation.push.channel import Push
from stacks.activation.sms.channel import Sms
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import ItemAction, allow, lock_work, put_records, read_secret, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform


class MessageSender(Construct):
    """Sends one message if the rules still allow it, and publishes the outcome."""

    function: PythonFunction

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        email: Email,
        unsubscribe: Unsubscribe,
        sms: Sms | None,
        in_app: InApp | None,
        push: Push | None,
        single_view: dynamodb.ITableV2,
        idempotency: dynamodb.ITableV2,
        events_stream: DataStream,
        hash_secret: secretsmanager.ISecret,
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="message_sender",
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "IDEMPOTENCY_TABLE": idempotency.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "HASH_SECRET_ARN": hash_secret.secret_arn,
                "CONFIGURATION_SET": email.configuration_set.configuration_set_name,
                "SENDER_ADDRESS": settings.email.sender,
                "DEFAULT_LANGUAGE": default_language(settings),
                "SHOP_URL": settings.email.shop_url,
                "UNSUBSCRIBE_URL": unsubscribe.url,
                "UNSUBSCRIBE_SECRET_ARN": unsubscribe.secret.secret_arn,
                "UNSUBSCRIBE_DAYS": settings.email.unsubscribe_days,
                "MESSAGE_TTL_DAYS": settings.message_ttl_days,
                **contact_rules(settings),
                **({} if sms is None else sms.variables),
                **({} if in_app is None else in_app.variables),
                **({} if push is None else push.variables),
            },
            caller=Caller.STATE_MACHINE,
            writes=events_stream,
            calls=(
                ec2.InterfaceVpcEndpointAwsService.EMAIL,
                ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
                *(() if sms is None else (ec2.InterfaceVpcEndpointAwsService.PINPOINT_SMS_VOICE_V2,)),
                *(() if push is None else (ec2.InterfaceVpcEndpointAwsService.PINPOINT,)),
            ),
        )
        # A message in the app can be replaced by a newer one, and a device can be gone.
        replaced: tuple[ItemAction, ...] = () if in_app is None and push is None else ("DeleteItem",)
        items: tuple[ItemAction, ...] = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", *replaced)
        use_items(self.function.role, single_view, platform.key, items)
        lock_work(self.function.role, idempotency, platform.key)
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, hash_secret, unsubscribe.secret)
        self._allow_sending(email)
        email.follow(self.function.function)
        if sms is not None:
            sms.let_send(self.function.role)
        if push is not None:
            push.let_send(self.function.role)

    def _allow_sending(self, email: Email) -> None:
        """SES checks a send against the identity, the configuration set and the template."""
        prefix = email.identity_arn.rpartition("identity/")[0]
        templates = sorted(f"{prefix}template/{name}" for name in email.template_names)
        configuration_set = f"{prefix}configuration-set/{email.configuration_set.configuration_set_name}"
        allow(
            self.function.role,
            ("ses:SendEmail", "ses:SendTemplatedEmail"),
            email.identity_arn,
            configuration_set,
            *templates,
        )


def default_language(settings: ActivationSettings) -> str:
    """Return the language of messages to people of whom no other is known.

    Raises:
        ValueError: there are no templates in this language.
    """
    languages = load_templates().languages
    if settings.default_language not in languages:
        raise ValueError(
            f"activation.default_language: there are no messages in {settings.default_language!r}; name one of "
            f"{', '.join(languages)}, or add it to contracts/templates"
        )
    return settings.default_language
