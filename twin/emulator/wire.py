"""The wire between an AWS client and a stand-in.

A stand-in is a plain class: one method per operation, named like boto3's, taking the request as one dictionary and
returning the response as another. This module does the rest from botocore's own model of the service: it finds the
operation, reads the input, checks it, calls the method, checks and writes the answer. An operation that the stand-in
does not have is refused by name, so that no call succeeds by accident.
"""

import asyncio
import base64
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

LOGGER: Final = logging.getLogger("twin.emulator.wire")

PROTOCOLS: Final = ("json", "rest-json")

Document = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Response]]

_PARSERS: Final[dict[str, Callable[[Any], Any]]] = {
    "blob": base64.b64decode,
    "timestamp": lambda value: datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else value,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}


class ServiceError(Exception):
    """An error that the service answers with, under AWS's own code; `fields` are what it says beside its message."""

    def __init__(self, code: str, message: str, status: int = 400, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})


class Wire:
    """Serves one stand-in over the protocol of its service (json and rest-json).

    Args:
        service: botocore's name of the service, for example `entityresolution`.
        stand_in: object with one method per operation.

    Raises:
        ValueError: the service speaks another protocol.
    """

    def __init__(self, service: str, stand_in: object) -> None:
        self._model = botocore.session.get_session().get_service_model(service)
        if self._model.metadata["protocol"] not in PROTOCOLS:
            raise ValueError(
                f"{service} speaks {self._model.metadata['protocol']}; the wire speaks {' and '.join(PROTOCOLS)}: "
                "teach it the protocol before a provider serves this API"
            )
        self._service = service
        self._stand_in = stand_in
        # An ARN in a path may have slashes, so that a longer path is looked at first.
        routes = (self._route(name) for name in self._model.operation_names)
        self._routes = sorted(routes, key=lambda route: -len(route[1].pattern))

    @property
    def service_id(self) -> str:
        """Return the name that the service gives itself, without spaces, for example `EntityResolution`."""
        return str(self._model.service_id).replace(" ", "")

    @property
    def signing_name(self) -> str:
        """Return the name under which clients sign their requests; the emulator routes by it."""
        return str(self._model.signing_name)

    def _route(self, name: str) -> tuple[str, "re.Pattern[str]", str]:
        http = self._model.operation_model(name).http
        path = str(http.get("requestUri", "/")).partition("?")[0]
        parts = re.split(r"(\{[^}]+\})", path.rstrip("/") or "/")
        pattern = "".join(_path_part(part) for part in parts)
        return str(http.get("method", "POST")), re.compile(pattern + "/?$"), name

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """Answer one HTTP request; the stand-in runs in a thread, so that it does not block other requests."""
        try:
            name, request = self._parse(method, path, {k.lower(): v for k, v in headers.items()}, body, query)
            answer = await asyncio.to_thread(self._call, name, request)
            if self._raw(self._model.operation_model(name).output_shape) is not None:
                return self._raw_response(name, answer)
            return self._response(200, self._body(name, self._write(name, answer)))
        except ServiceError as error:
            return self._error(error)
        except Exception as error:
            LOGGER.exception("%s: %s %s failed", self._service, method, path)
            return self._error(ServiceError("InternalServerException", f"{type(error).__name__}: {error}", 500))

    def serves(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request is one of the service's; services may share the name that signs requests."""
        if self._model.metadata["protocol"] == "json":
            return any(name.lower() == "x-amz-target" for name in headers)
        return any(verb == method and pattern.match(path) for verb, pattern, _ in self._routes)

    def parameters(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Document:
        """Return the parameters of an HTTP request.

        Raises:
            ServiceError: the service has no such operation.
        """
        return self._parse(method, path, {k.lower(): v for k, v in headers.items()}, body, query)[1]

    def in_pascal_case(self, operation: str) -> bool:
        """Return whether the parameters of an operation have names in Pascal case, as those of Data Exchange do."""
        name = self._named(operation)
        shape = self._model.operation_model(name).input_shape if name in self._model.operation_names else None
        return shape is not None and any(member[:1].isupper() for member in shape.members)

    def _named(self, operation: str) -> str:
        return next((n for n in self._model.operation_names if n.lower() == operation.lower()), operation)

    def invoke(self, operation: str, request: Document) -> Document:
        """Call an operation as Step Functions does: by its name, with a parsed request, without HTTP."""
        name = self._named(operation)
        if name not in self._model.operation_names:
            raise ServiceError("UnknownOperationException", f"{self._service} has no operation {operation}")
        return json.loads(json.dumps(self._write(name, self._call(name, request)), default=_plain))  # type: ignore[no-any-return]

    def _call(self, name: str, request: Document) -> Document:
        operation = self._model.operation_model(name)
        if operation.input_shape is not None:
            report = ParamValidator().validate(request, operation.input_shape)
            if report.has_errors():
                raise ServiceError("ValidationException", f"{name}: {report.generate_report()}")
        implementation = getattr(self._stand_in, xform_name(name), None)
        if implementation is None:
            raise ServiceError("NotImplemented", f"the laptop twin's {self._service} has no {name}", 501)
        answer: Document = implementation(request) or {}
        if operation.output_shape is not None:
            report = ParamValidator().validate(answer, operation.output_shape)
            if report.has_errors():
                raise ServiceError("InternalServerException", f"answer of {name}: {report.generate_report()}", 500)
        return answer

    def _parse(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> tuple[str, Document]:
        if self._model.metadata["protocol"] == "json":
            payload = json.loads(body) if body else {}
            name = headers.get("x-amz-target", "").rpartition(".")[2]
            if name not in self._model.operation_names:
                raise ServiceError("UnknownOperationException", f"{self._service} has no operation {name or path}")
            return name, self._read(self._model.operation_model(name).input_shape, payload)
        for verb, pattern, name in self._routes:
            found = pattern.match(path) if verb == method else None
            if found:
                raw = self._raw(self._model.operation_model(name).input_shape)
                payload = {raw: body} if raw else json.loads(body) if body else {}
                return name, self._read_rest(name, found, headers, payload, query)
        raise ServiceError("UnknownOperationException", f"{self._service} has no operation at {method} {path}")

    def _read_rest(
        self,
        name: str,
        found: "re.Match[str]",
        headers: Mapping[str, str],
        payload: Document,
        query: Mapping[str, Any],
    ) -> Document:
        shape = self._model.operation_model(name).input_shape
        if shape is None:
            return {}
        whole = self._whole(shape)
        request: Document = payload if self._raw(shape) else {} if whole else self._read(shape, payload)
        if whole:
            request[whole] = self._read(shape.members[whole], payload)
        for member, detail in shape.members.items():
            place, wire_name = detail.serialization.get("location"), detail.serialization.get("name", member)
            if place == "uri":
                request[member] = unquote(found.group(_group(wire_name)))
            elif place == "querystring" and wire_name in query:
                value = query[wire_name]
                one = isinstance(value, list) and detail.type_name != "list"
                request[member] = self._read(detail, value[0] if one else value)
            elif place == "header" and wire_name.lower() in headers:
                request[member] = self._read(detail, headers[wire_name.lower()])
        return request

    def _read(self, shape: Any, value: Any) -> Any:
        if shape is None or value is None:
            return {}
        kind = shape.type_name
        if kind == "structure":
            names = {detail.serialization.get("name", member): member for member, detail in shape.members.items()}
            known = {names[k]: self._read(shape.members[names[k]], v) for k, v in value.items() if k in names}
            unknown = {k: v for k, v in value.items() if k not in names}
            return {**known, **unknown}
        if kind == "list":
            return [self._read(shape.member, item) for item in value]
        if kind == "map":
            return {key: self._read(shape.value, item) for key, item in value.items()}
        return _PARSERS.get(kind, lambda plain: plain)(value)

    def _write(self, name: str, answer: Document) -> Document:
        shape = self._model.operation_model(name).output_shape
        written: Document = self._write_value(shape, answer) if shape is not None else {}
        return written

    def _body(self, name: str, written: Document) -> Document:
        shape = self._model.operation_model(name).output_shape
        whole = self._whole(shape)
        if shape is None or whole is None:
            return written
        body: Document = written[shape.members[whole].serialization.get("name", whole)]
        return body

    def _write_value(self, shape: Any, value: Any) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return {
                shape.members[k].serialization.get("name", k): self._write_value(shape.members[k], v)
                for k, v in value.items()
                if v is not None
            }
        if kind == "list":
            return [self._write_value(shape.member, item) for item in value]
        if kind == "map":
            return {key: self._write_value(shape.value, item) for key, item in value.items()}
        return _plain(value) if isinstance(value, (datetime, bytes)) else value

    def _response(self, status: int, data: Document) -> Response:
        version = self._model.metadata.get("jsonVersion")
        content = f"application/x-amz-json-{version}" if version else "application/json"
        return status, {"Content-Type": content}, json.dumps(data).encode()

    @staticmethod
    def _raw(shape: Any) -> str | None:
        """Return the member that is the whole body as it is, such as what a model is asked."""
        member: str | None = None if shape is None else shape.serialization.get("payload")
        return member if member and shape.members[member].type_name == "blob" else None

    @staticmethod
    def _whole(shape: Any) -> str | None:
        """Return the member whose own members are the body, such as the request of a push message."""
        member: str | None = None if shape is None else shape.serialization.get("payload")
        return member if member and shape.members[member].type_name == "structure" else None

    def _raw_response(self, name: str, answer: Document) -> Response:
        shape = self._model.operation_model(name).output_shape
        members = {} if shape is None else shape.members
        placed = {member: detail.serialization for member, detail in members.items()}
        headers = {
            str(place["name"]): str(answer[member])
            for member, place in placed.items()
            if place.get("location") == "header" and answer.get(member) is not None
        }
        body: bytes = answer[str(self._raw(shape))]
        return 200, headers, body

    def _error(self, error: ServiceError) -> Response:
        status, headers, body = self._response(
            error.status, {**error.fields, "__type": error.code, "message": error.message}
        )
        return status, {**headers, "x-amzn-errortype": error.code}, body


class SharedWire:
    """Several services of which clients sign the requests under one name, such as a service and its runtime.

    Args:
        wires: of the services.
    """

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._wires = wires

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """Let the service answer whose request it is."""
        return await self._of(method, path, headers).handle(method, path, headers, body, query)

    def parameters(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Document:
        """Return the parameters of a request."""
        return self._of(method, path, headers).parameters(method, path, headers, body, query)

    def _of(self, method: str, path: str, headers: Mapping[str, str]) -> Wire:
        return next((one for one in self._wires if one.serves(method, path, headers)), self._wires[0])


def _path_part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}")
    return f"(?P<{_group(name)}>{'.+' if name.endswith(('+', 'Arn')) else '[^/]+'})"


def _group(name: str) -> str:
    return re.sub(r"\W", "_", name.rstrip("+"))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"cannot write a {type(value).__name__} to the wire")
