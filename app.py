"""The Customer 360 on AWS: settings -> stacks, in deploy order. `cdk synth -c env=dev|staging|prod|everything`."""

import sys

import aws_cdk as cdk

from c360_core import contracts
from c360_core.names import CATALOGED_ZONES, PROJECT, stack_name, zone_stack
from config.settings import Settings, SettingsError, load
from stacks.activation.stack import ActivationStack
from stacks.analytics.stack import AnalyticsStack
from stacks.collection.stack import CollectionStack
from stacks.constructs import nag
from stacks.foundation.stack import FoundationStack
from stacks.governance.stack import GovernanceStack, ZoneGovernanceStack
from stacks.operations.stack import OperationsStack
from stacks.shared.assets import REPOSITORY, AssetMissingError, Assets
from stacks.shared.lake import Lake
from stacks.shared.lake_order import change_lake_in_order
from stacks.shared.platform import Platform
from stacks.unification.stack import UnificationStack


def build(app: cdk.App, settings: Settings, assets: Assets) -> OperationsStack:
    """Create all stacks of one environment, pass each what it needs of the earlier ones, and return the last."""
    agreed = contracts.load()

    def name(stack: str) -> str:
        return stack_name(settings.environment, stack)

    foundation = FoundationStack(app, name("foundation"), contracts=agreed, settings=settings)
    platform = Platform(
        environment=settings.environment,
        runtime=settings.runtime,
        assets=assets,
        key=foundation.key,
        alarm_topic=foundation.alarm_topic,
        removal=foundation.removal,
        network=foundation.network,
    )
    lake = Lake(
        buckets=foundation.buckets,
        contracts=agreed,
        job_security=foundation.job_security,
        maintenance=settings.foundation.maintenance,
        is_shared=settings.activation.clean_room.partner_account is not None,
        is_mapped=settings.activation.clean_room.partner_id_namespace is not None,
        advertised=sorted({audience.segment for audience in settings.activation.audiences}),
    )
    collection = CollectionStack(
        app,
        name("collection"),
        lake=lake,
        hash_secret=foundation.hash_secret,
        settings=settings.collection,
        remembered_days=settings.unification.unify.deduplication_days,
        platform=platform,
    )
    unification = UnificationStack(
        app,
        name("unification"),
        lake=lake,
        streams=collection.streams,
        hash_secret=foundation.hash_secret,
        settings=settings.unification,
        recommendations=settings.activation.recommendations,
        models=settings.analytics.models,
        stream_settings=settings.collection.streams,
        topics=collection.topics,
        platform=platform,
    )
    # A stream is referred to by name, so the CDK does not see the dependency: its users are deployed after it.
    unification.add_stack_dependency(collection)
    analytics = AnalyticsStack(
        app,
        name("analytics"),
        lake=lake,
        bus=foundation.bus,
        workplaces=foundation.workplaces,
        streams={**collection.streams, **unification.streams},
        single_view=unification.single_view,
        settings=settings.analytics,
        platform=platform,
    )
    # The warehouse reads a stream by its name, and scores go to another one.
    analytics.add_stack_dependency(collection)
    activation = ActivationStack(
        app,
        name("activation"),
        lake=lake,
        single_view=unification.single_view,
        idempotency=unification.idempotency,
        streams=collection.streams,
        bus=foundation.bus,
        hash_secret=foundation.hash_secret,
        training=foundation.workplaces.training,
        workgroups=analytics.workgroups,
        settings=settings.activation,
        platform=platform,
    )
    if lake.advertised:
        # The state machines of audiences ask in a workgroup by its name.
        activation.add_stack_dependency(analytics)
    if lake.is_shared:
        # Clean Rooms looks at the tables that it is told of, which it is by name.
        activation.add_stack_dependency(analytics)
    governance = GovernanceStack(
        app,
        name("governance"),
        lake=lake,
        places=analytics.places,
        single_view=unification.single_view,
        data_event_log=foundation.data_event_log,
        settings=settings.governance,
        platform=platform,
    )
    # These grant on the same zones, which must not happen at the same time.
    governance.add_stack_dependency(unification)
    governance.add_stack_dependency(analytics)
    if lake.is_mapped:
        governance.add_stack_dependency(activation)
    for zone in CATALOGED_ZONES:
        ZoneGovernanceStack(
            app,
            name(zone_stack(zone)),
            zone=zone,
            lake=lake,
            access=[
                *collection.lake_access,
                *unification.lake_access,
                *analytics.lake_access,
                *activation.lake_access,
                *(governance.retention.lake_access if governance.retention else ()),
            ],
            governance=governance,
            platform=platform,
        )
    operations = OperationsStack(app, name("operations"), settings=settings.operations, platform=platform)
    change_lake_in_order(app)
    cdk.Tags.of(app).add("project", PROJECT)
    cdk.Tags.of(app).add("environment", settings.environment)
    nag.check(app)
    return operations


def main() -> None:
    """Write the cloud assembly of the environment that the context names."""
    app = cdk.App(analytics_reporting=False)
    try:
        settings = load(app.node.try_get_context("env") or "dev")
        build(app, settings, Assets(root=REPOSITORY / "build" / "assets"))
    except (SettingsError, AssetMissingError) as error:
        sys.exit(f"error: {error}")
    app.synth()


if __name__ == "__main__":
    main()
