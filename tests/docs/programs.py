"""Says what is wrong with a command, by asking the program itself or what describes it. No problem: an empty list."""

import ast
import importlib
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import botocore.session
import jmespath  # type: ignore[import-untyped]
import typer.main
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.validate import ParamValidator

from tests.docs.documents import ROOT
from tools.cli import APP
from tools.environments.bootstrap import ENVIRONMENTS
from tools.environments.groups import BENCHMARKS, CDK, ENGINES, SITE, TEST, TWIN
from tools.suites import runner

Words = Sequence[str]
Problems = list[str]

SNAPSHOTS: Final = ROOT / "tests" / "infrastructure" / "__snapshots__" / "test_templates"
# Commands of the AWS CLI that are no operation of a service.
AWS_CONVENIENCES: Final = {("s3", "cp")}
AWS_GLOBALS: Final = frozenset({"query", "output", "region", "profile"})
STACK: Final = re.compile(r"C360-\$\{?ENV\}?-(\w+)")
NO_CHECK: Final = ("export", "date")


def problems(words: Words) -> Problems:
    """Return what is wrong with a command."""
    program, *arguments = words
    if program in NO_CHECK:
        return []
    if program.endswith("/python") or program == "python":
        return [*_interpreter(program), *python(arguments)]
    check = CHECKS.get(program)
    return check(arguments) if check else [f"nobody knows the program {program}"]


def make(arguments: Words) -> Problems:
    """Check targets and variables against the Makefile, and what the targets run."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"^([a-z-]+):[^\n]*\n\t@(.*)$", text, re.MULTILINE))
    defaults = dict(re.findall(r"^([A-Z]+) \?= (\w+)", text, re.MULTILINE))
    found: Problems = []
    for name, is_set, _ in (argument.partition("=") for argument in arguments):
        if name not in (defaults if is_set else recipes):
            found.append(f"no {'variable' if is_set else 'target'} {name}")
        elif not is_set and recipes[name].startswith("./c360 "):
            found += c360(re.sub(r"\$\((\w+)\)", lambda v: defaults[v[1]], recipes[name]).split()[1:])
    return found


def c360(arguments: Words) -> Problems:
    """Let the tool parse the arguments, and look whether the module that does the work is there."""
    group: Any = typer.main.get_command(APP)
    name, *rest = arguments
    if name == "--help":
        return []
    if name not in group.commands:
        return [f"no command {name}"]
    functions: Any = APP
    command = group.commands[name]
    if hasattr(command, "commands"):
        functions = next(each.typer_instance for each in APP.registered_groups if each.name == name)
        if rest and rest[0] not in command.commands:
            return [f"no command {name} {rest[0]}"]
        command, name, rest = (command.commands[rest[0]], rest[0], rest[1:]) if rest else (command, "", [])
    if not rest and (not name or any(parameter.required for parameter in command.params)):
        return []  # a sentence names the command; what it needs is checked where it is typed
    try:
        # What the shell puts there is an environment, as the README sets it.
        words = ["dev" if word == "$ENV" else word for word in rest]
        parsed = command.make_context(name, words).params
    except Exception as error:  # the parser's own error, wherever the library keeps its class
        return [str(getattr(error, "message", error))]
    known = {part.suite for part in [*runner.checks(), *runner.tests()]}
    unknown = [f"no suite {only}" for only in parsed.get("only") or () if only not in known]
    return [*_missing_modules(functions, name), *unknown]


def _missing_modules(app: typer.Typer, command: str) -> Problems:
    """Commands import what does their work when they run."""
    functions = {c.name or c.callback.__name__: c.callback for c in app.registered_commands if c.callback}
    needed = re.findall(r"from (tools\.\w+) import (\w+)", inspect.getsource(functions[command]))
    return [
        f"{package} has no module {name}"
        for package, name in needed
        if importlib.util.find_spec(f"{package}.{name}") is None
    ]


def cdk(arguments: Words) -> Problems:
    """Check command and options against the help of the CDK command."""
    command, *rest = arguments
    known = cdk_options(command)
    if not known:
        return [f"no command {command}"]
    found = [f"no option {word}" for word in rest if word.startswith("-") and word not in known]
    named = [stack[1] for word in rest if (stack := STACK.fullmatch(word))]
    found += [f"no stack {pillar}" for pillar in named if not deployed(pillar.lower())["Resources"]]
    if command in {"deploy", "destroy"} and "--all" not in rest and not named:
        found.append("which stacks?")
    if command == "bootstrap" and not any(re.fullmatch(r"aws://[^/]+/[^/]+", word) for word in rest):
        found.append("bootstrap which account and region?")
    return found


@cache
def cdk_options(command: str) -> frozenset[str]:
    """Return the options of a CDK command; none when there is no such command."""
    folder = Path(sys.executable).parent
    variables = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "CDK_DISABLE_CLI_TELEMETRY": "1"}
    said = subprocess.run(
        [folder / "cdk", command, "--help"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    ).stdout
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", said)) if f"cdk {command}" in said else frozenset()


def aws(arguments: Words) -> Problems:
    """Check service, operation, parameters and query against the service's own description."""
    service, command, *rest = arguments
    if (service, command) in AWS_CONVENIENCES:
        return []
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return [f"no service {service}"]
    operation = next((model.operation_model(n) for n in model.operation_names if _dashed(n) == command), None)
    if operation is None:
        return [f"{service} has no operation {command}"]
    options = _options(rest)
    return [*_parameter_problems(operation.input_shape, options), *_query_problems(operation, options)]


def _parameter_problems(shape: Any, options: Mapping[str, list[str]]) -> Iterator[str]:
    members = {_dashed(name): name for name in (shape.members if shape else ())}
    given = {name for name in options if name not in AWS_GLOBALS}
    yield from (f"no parameter --{name}" for name in sorted(given - set(members)))
    required = {_dashed(name) for name in (shape.required_members if shape else ())}
    yield from (f"--{name} is missing" for name in sorted(required - given))
    for name in sorted(given & set(members)):
        for value in options[name]:
            if value.startswith(("{", "[")):
                report = ParamValidator().validate(json.loads(value), shape.members[members[name]])
                yield from ([report.generate_report()] if report.has_errors() else [])


def _query_problems(operation: Any, options: Mapping[str, list[str]]) -> Iterator[str]:
    query = " ".join(options.get("query", ()))
    if not query:
        return
    jmespath.compile(query)
    root = re.split(r"[.\[]", query)[0]
    if root not in operation.output_shape.members:
        yield f"the answer has no {root}"
    stack = STACK.fullmatch(" ".join(options.get("stack-name", ())))
    template = deployed(stack[1].lower()) if stack else {"Outputs": {}, "Resources": {}}
    types = {resource["Type"] for resource in template["Resources"].values()}
    known = {"OutputKey": set(template["Outputs"]), "ResourceType": types}
    for field, value in re.findall(r"(OutputKey|ResourceType)=='([^']+)'", query):
        if value not in known[field]:
            yield f"the stack has no {field} {value}"


def _options(words: Words) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            options[name] = []
        else:
            options.setdefault(name, []).append(word)
    return options


def _dashed(name: str) -> str:
    return str(xform_name(name, "-"))


@cache
def deployed(pillar: str) -> dict[str, Any]:
    """Return the reviewed template of a stack of `everything`; an unknown stack has none."""
    found = sorted(SNAPSHOTS.glob(f"*[[]{pillar}].json"))
    empty: dict[str, Any] = {"Outputs": {}, "Resources": {}}
    return {**empty, **json.loads(found[0].read_text(encoding="utf-8"))} if found else empty


def python(arguments: Words) -> Problems:
    """Check that a module is there and knows its options, or that the names and arguments of a `-c` text exist."""
    flag, text, *rest = arguments
    if flag == "-c":
        return list(_code_problems(ast.parse(text)))
    specification = importlib.util.find_spec(text) if flag == "-m" else None
    if specification is None or specification.origin is None:
        return [f"no module {text}"]
    source = Path(specification.origin).read_text(encoding="utf-8")
    return [f"no option {word}" for word in rest if word.startswith("--") and f'"{word}"' not in source]


def _code_problems(tree: ast.Module) -> Iterator[str]:
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            yield from (f"{node.module} has no {a.name}" for a in node.names if not hasattr(module, a.name))
            names |= {alias.name: getattr(module, alias.name, None) for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and callable(names.get(node.func.id)):
            try:
                inspect.signature(names[node.func.id]).bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
            except TypeError as error:
                yield f"{node.func.id}: {error}"


def _interpreter(program: str) -> Problems:
    known = {
        str((ENVIRONMENTS / name / "bin" / "python").relative_to(ROOT))
        for name in (*ENGINES, *BENCHMARKS, CDK, SITE, TEST, TWIN)
    }
    return [] if program == "python" or program in known else [f"no interpreter {program}"]


def curl(arguments: Words) -> Problems:
    """Check that the collector has the path."""
    routes = {r["Properties"]["RouteKey"] for r in deployed("collection")["Resources"].values()
              if r["Type"] == "AWS::ApiGatewayV2::Route"}  # fmt: skip
    base = "${COLLECTOR%/}"
    paths = [f"POST {word.removeprefix(base)}" for word in arguments if word.startswith(base)]
    return [f"no route {path}" for path in paths if path not in routes] or ([] if paths else ["call which address?"])


CHECKS: Final[Mapping[str, Callable[[Words], Problems]]] = {
    "make": make, "./c360": c360, "cdk": cdk, "aws": aws, "curl": curl
}  # fmt: skip
