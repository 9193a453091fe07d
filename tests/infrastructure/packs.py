"""The rules of cdk-nag's packs, and the types of resources that each rule looks at, read from the package's source.

cdk-nag reports findings only: that a rule holds, or looks at nothing, leaves no trace in its report.
"""

import importlib
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from stacks.constructs.nag import Pack

_SOURCES: Final = {
    Pack.AWS_SOLUTIONS: "aws-solutions",
    Pack.HIPAA: "hipaa-security",
    Pack.NIST: "nist-800-53-r5",
    Pack.PCI: "pci-dss-321",
    Pack.SERVERLESS: "serverless",
}
_RULE: Final = re.compile(r"this\.applyRule\(\{(?P<body>.*?)\}\);", re.DOTALL)
_FUNCTION: Final = re.compile(r"\brule: \w+\.(\w+)")
_OWN_NAME: Final = re.compile(r"\bruleSuffixOverride: '(\w+)'")
_IMPORT: Final = re.compile(r'const (\w+) = require\("aws-cdk-lib/(aws-[\w-]+)"\)')
_LOOKS_AT: Final = re.compile(r"\bnode instanceof (\w+)\.(Cfn\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of a pack: the name in findings, the function that several packs share, and the types that it looks at."""

    name: str
    function: str
    types: frozenset[str]


@cache
def rules() -> Mapping[Pack, tuple[Rule, ...]]:
    """Return the rules of each pack.

    Raises:
        LookupError: cdk-nag's source has another form than this module reads.
    """
    sources = _sources()
    looked_at = {Path(name).stem: frozenset(_types(text)) for name, text in sources.items() if "/rules/" in name}
    return {
        pack: tuple(_rules(sources[f"package/lib/packs/{source}.js"], looked_at)) for pack, source in _SOURCES.items()
    }


def _rules(text: str, looked_at: Mapping[str, frozenset[str]]) -> Iterator[Rule]:
    for found in _RULE.finditer(text):
        function, own_name = _FUNCTION.search(found["body"]), _OWN_NAME.search(found["body"])
        if function is None or not looked_at.get(function[1]):
            raise LookupError(f"cdk-nag: cannot read which types a rule looks at: {found['body'][:200]}")
        name = own_name[1] if own_name else function[1]
        yield Rule(name=name, function=function[1], types=looked_at[function[1]])


def _types(text: str) -> Iterator[str]:
    """Yield the CloudFormation types of the classes that a rule tests its node for."""
    modules = dict(_IMPORT.findall(text))
    for alias, name in _LOOKS_AT.findall(text):
        module = importlib.import_module(f"aws_cdk.{modules[alias].replace('-', '_')}")
        yield getattr(module, name).CFN_RESOURCE_TYPE_NAME


def _sources() -> Mapping[str, str]:
    [package] = [path for path in files("cdk_nag").joinpath("_jsii").iterdir() if path.name.endswith(".jsii.tgz")]
    with tarfile.open(str(package)) as archive:
        members = [
            one for one in archive if re.fullmatch(r"package/lib/(packs|rules/\w+)/(?!index)[\w-]+\.js", one.name)
        ]
        return {one.name: found.read().decode() for one in members if (found := archive.extractfile(one)) is not None}
