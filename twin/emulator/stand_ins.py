"""CloudFormation types that the emulator lacks, as stand-ins that check and keep their resolved properties.

A stand-in resource proves the wiring of a template: its properties are complete and well-formed after every reference
is resolved, and whatever refers to it gets a value. It does not prove what AWS would do with the values. A stand-in
*service* (`twin/providers`) that does work finds the properties here, and nowhere else.
"""

import hashlib
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jsonschema
import regex
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

Properties = dict[str, Any]


def _matches(_: Any, pattern: str, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not regex.search(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _of_names(validator: Any, patterns: Any, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, schema in patterns.items():
        for name, one in value.items():
            if regex.search(pattern, name):
                yield from validator.descend(one, schema, path=name, schema_path=pattern)


def _of_others(
    validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [name for name in value if name not in named and not any(regex.search(one, name) for one in patterns)]
    if allowed is False and others:
        yield jsonschema.ValidationError(f"unknown properties {sorted(others)}")
    elif isinstance(allowed, dict):
        for name in others:
            yield from validator.descend(value[name], allowed, path=name)


# AWS writes patterns in a dialect that Python's own `re` cannot read, with classes such as \p{L}.
Validator: Final = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft7Validator,
    {"pattern": _matches, "patternProperties": _of_names, "additionalProperties": _of_others},
)
_UUID_LENGTH: Final = 36
SUFFIXES_OF_A_NAME: Final = ("Name", "Id", "Arn")


class PropertiesError(ValueError):
    """Resolved properties that AWS's published schema of the type refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A deployed stand-in resource with its resolved properties."""

    type_name: str
    physical_id: str
    logical_id: str
    stack: str
    properties: Properties
    attributes: Properties


Listener = Callable[[Resource], None]


@dataclass(slots=True)
class ResourceRegistry:
    """All stand-in resources of the running emulator; mirrored to a file for tests and for people."""

    path: Path
    _resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    _listeners: dict[str, list[tuple[Listener, Listener]]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def listen(self, type_name: str, *, deployed: Listener, removed: Listener) -> None:
        """Call these functions with every resource of a type that is kept or replaced, or removed, from now on."""
        self._listeners[type_name].append((deployed, removed))

    def put(self, resource: Resource) -> None:
        """Keep or replace a resource."""
        with self._lock:
            self._resources[resource.type_name, resource.physical_id] = resource
            self._save()
        for deployed, _ in self._listeners[resource.type_name]:
            deployed(resource)

    def remove(self, type_name: str, physical_id: str) -> None:
        """Forget a resource; an unknown one is not an error, as in CloudFormation."""
        with self._lock:
            forgotten = self._resources.pop((type_name, physical_id), None)
            self._save()
        if forgotten is not None:
            for _, removed in self._listeners[type_name]:
                removed(forgotten)

    def all(self) -> tuple[Resource, ...]:
        """Return every resource, in order of creation."""
        with self._lock:
            return tuple(self._resources.values())

    def of_type(self, type_name: str) -> tuple[Resource, ...]:
        """Return the resources of a type, in order of creation."""
        with self._lock:
            return tuple(r for (kind, _), r in self._resources.items() if kind == type_name)

    def properties(self, type_name: str) -> list[Properties]:
        """Return the resolved properties of the resources of a type, in order of creation."""
        return [resource.properties for resource in self.of_type(type_name)]

    def find(self, type_name: str, key: str, value: str) -> Properties | None:
        """Return the properties of the one resource of a type whose property `key` has this value."""
        return next((stated for stated in self.properties(type_name) if stated.get(key) == value), None)

    def _save(self) -> None:
        listing = [
            {"type": r.type_name, "id": r.physical_id, "stack": r.stack, "properties": r.properties}
            for r in self._resources.values()
        ]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(listing, indent=1, default=str), encoding="utf-8")
        temporary.replace(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInType:
    """The life cycle of one resource type: create, update, delete, each after a check against AWS's schema."""

    type_name: str
    schema: Mapping[str, Any]
    registry: ResourceRegistry
    account: str
    region: str
    fixed_while_used_by: str | None = None
    arn: str | None = None
    made_up: str | None = None

    def handlers(self) -> dict[str, Any]:
        """Return the entry for the emulator's table of resource handlers."""
        return {
            "create": self.create,
            "update": self.update,
            "update_with_logical_id": True,
            "delete": self.delete,
        }

    def create(self, logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        """Check and keep a new resource; return its physical id and its attributes."""
        self.check(logical_id, properties)
        physical_id = self._physical_id(logical_id, properties, stack)
        return self._keep(physical_id, logical_id, properties, stack)

    def update(
        self, physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> tuple[str, Properties]:
        """Check and keep the changed properties.

        The physical id stays, unless a property changes that AWS can only set at creation: then another resource
        replaces this one.

        Raises:
            PropertiesError: the properties are invalid, or AWS refuses the change while the resource is in use.
        """
        logical_id = logical_id or physical_id
        self.check(logical_id, new)
        fixed = [pointer.rpartition("/")[2] for pointer in self.schema.get("createOnlyProperties", ())]
        if any(old.get(name) != new.get(name) for name in fixed):
            made = self._keep(self._physical_id(logical_id, new, stack), logical_id, new, stack)
            if made[0] != physical_id:
                self.registry.remove(self.type_name, physical_id)
            return made
        if old != new:
            self._refuse_while_used(physical_id, logical_id)
        return self._keep(physical_id, logical_id, new, stack)

    def _refuse_while_used(self, physical_id: str, logical_id: str) -> None:
        user = self.fixed_while_used_by
        if user is None:
            return
        arn = f'"{self._arn(physical_id)}"'
        if any(arn in json.dumps(one.properties) for one in self.registry.of_type(user)):
            raise PropertiesError(
                f"{self.type_name} {logical_id}: {physical_id} is used by a resource of type {user}, so nothing of it "
                "can be changed; give it another name"
            )

    def delete(self, physical_id: str, _properties: Properties) -> None:
        """Forget the resource."""
        self.registry.remove(self.type_name, physical_id)

    def check(self, logical_id: str, properties: Properties) -> None:
        """Check resolved properties against AWS's schema.

        Raises:
            PropertiesError: the message names the resource, the property, and what the schema requires.
        """
        unknown = sorted(set(properties) - set(self.schema["properties"]))
        if unknown:
            raise PropertiesError(f"{self.type_name} {logical_id}: unknown properties {unknown}")
        rules = {key: self.schema[key] for key in ("properties", "definitions", "required") if key in self.schema}
        validator = Validator({"type": "object", **rules})
        for error in validator.iter_errors(properties):
            path = "/".join(str(step) for step in error.absolute_path) or "(top)"
            raise PropertiesError(f"{self.type_name} {logical_id}: {path}: {error.message}")

    def _keep(self, physical_id: str, logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        attributes = self._attributes(physical_id, properties)
        self.registry.put(
            Resource(
                type_name=self.type_name,
                physical_id=physical_id,
                logical_id=logical_id,
                stack=stack,
                properties=properties,
                attributes=attributes,
            )
        )
        return physical_id, attributes

    def _physical_id(self, logical_id: str, properties: Properties, stack: str) -> str:
        names = [pointer.rpartition("/")[2] for pointer in self.schema.get("primaryIdentifier", ())]
        given = [str(properties[name]) for name in names if isinstance(properties.get(name), str | int)]
        if given and len(given) == len(names):
            return "|".join(given)
        if names and self._is_uuid(names[0]):
            return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.account}/{stack}/{logical_id}"))
        digest = hashlib.sha256(f"{stack}/{logical_id}".encode()).hexdigest()[:12]
        if self.made_up is not None:
            return self.made_up.format(digest=digest)
        name = f"{logical_id}-{digest}".lower()
        return self._arn(name, properties) if names and names[0].endswith("Arn") else name

    def _is_uuid(self, name: str) -> bool:
        """Say whether AWS makes up a UUID for a property, by its schema."""
        stated = self.schema["properties"].get(name, {})
        if "$ref" in stated:
            stated = self.schema.get("definitions", {}).get(stated["$ref"].rpartition("/")[2], {})
        return (stated.get("minLength"), stated.get("maxLength")) == (_UUID_LENGTH, _UUID_LENGTH)

    def _attributes(self, physical_id: str, properties: Properties) -> Properties:
        read_only = {
            p.removeprefix("/properties/").replace("/", ".") for p in self.schema.get("readOnlyProperties", ())
        }
        named = {name for name in self.schema["properties"] if name.endswith(SUFFIXES_OF_A_NAME)}
        # An ARN names the account by itself.
        plain_id = "|".join(one for one in physical_id.rpartition("/")[2].split("|") if one != self.account)
        values = {n: self._arn(plain_id, properties) if n.endswith("Arn") else plain_id for n in read_only | named}
        return {**values, **{k: v for k, v in properties.items() if isinstance(v, str)}}

    def _arn(self, name: str, properties: Mapping[str, Any] = MappingProxyType({})) -> str:
        if self.arn is not None:
            return self.arn.format(**{**properties, "region": self.region, "account": self.account, "name": name})
        _, service, kind = self.type_name.split("::")
        return f"arn:aws:{service.lower()}:{self.region}:{self.account}:{kind.lower()}/{name}"


class StandInTypes(dict[str, Any]):
    """The emulator's table of resource handlers, extended by a stand-in for every type that AWS publishes.

    The schemas of some 1,700 types are large: each is read when a template first uses its type.

    Args:
        existing: the handlers that the emulator has.
        registry: keeps the resources of the stand-ins.
        account: for ARNs.
        region: for ARNs and schemas.
        fixed_while_used_by: by type, the type whose resources forbid a change while they refer to one.
        arns: by type, the form of its ARNs where it is not the usual one.
        made_up: by type, the form of the ids that AWS makes up, where it is not the usual one.
    """

    def __init__(
        self,
        existing: Mapping[str, Any],
        *,
        registry: ResourceRegistry,
        account: str,
        region: str,
        fixed_while_used_by: Mapping[str, str] = MappingProxyType({}),
        arns: Mapping[str, str] = MappingProxyType({}),
        made_up: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(existing)
        self._registry, self._account, self._region = registry, account, region
        self._fixed_while_used_by, self._arns, self._made_up = fixed_while_used_by, arns, made_up
        self._missing = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)) - set(existing)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._missing

    def get(self, name: str, default: Any = None) -> Any:
        """Return the handlers of a type, a stand-in's where the emulator has none."""
        try:
            return self[name]
        except KeyError:
            return default

    def __missing__(self, name: str) -> Any:
        if name not in self._missing:
            raise KeyError(name)
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(self._region, name).schema
        stand_in = StandInType(
            type_name=name,
            schema=schema,
            registry=self._registry,
            account=self._account,
            region=self._region,
            fixed_while_used_by=self._fixed_while_used_by.get(name),
            arn=self._arns.get(name),
            made_up=self._made_up.get(name),
        )
        self[name] = stand_in.handlers()
        return self[name]


def recorded(type_name: str, handlers: Mapping[str, Any], registry: ResourceRegistry) -> dict[str, Any]:
    """Wrap the emulator's own handlers of a type, so that the registry holds its resolved properties too."""

    def keep(physical_id: str, logical_id: str, properties: Properties, stack: str, attributes: Properties) -> None:
        resource = Resource(
            type_name=type_name,
            physical_id=physical_id,
            logical_id=logical_id,
            stack=stack,
            properties=properties,
            attributes=attributes,
        )
        registry.put(resource)

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        made: tuple[str, Properties] = handlers["create"](logical_id, properties, stack)
        keep(made[0], logical_id, properties, stack, made[1])
        return made

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> tuple[str, Properties]:
        extra = (logical_id,) if handlers.get("update_with_logical_id") else ()
        made: tuple[str, Properties] = handlers["update"](physical_id, old, new, stack, *extra)
        keep(made[0], logical_id or physical_id, new, stack, made[1])
        return made

    def delete(physical_id: str, properties: Properties) -> None:
        handlers["delete"](physical_id, properties)
        registry.remove(type_name, physical_id)

    updates = {"update": update, "update_with_logical_id": True} if "update" in handlers else {}
    return {**handlers, "create": create, "delete": delete, **updates}
