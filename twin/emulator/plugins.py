"""Finds providers and patches by their place: a folder below `twin/providers`, a module below `twin/patches`."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import twin.patches
import twin.providers
from twin.emulator.provider import Provider
from twin.settings import TwinSettings


class PluginError(TypeError):
    """A folder or module that does not keep the interface; the message says what it lacks."""


def providers() -> Iterator[type[Provider]]:
    """Yield the class of every provider, by the names of their folders.

    Raises:
        PluginError: a folder has no module `provider`, or that has no `PROVIDER`.
    """
    for found in pkgutil.iter_modules(twin.providers.__path__):
        name = f"{twin.providers.__name__}.{found.name}"
        if not found.ispkg:
            raise PluginError(f"{name}: a provider is a folder with a module `provider`; make it one")
        try:
            module = importlib.import_module(f"{name}.provider")
        except ModuleNotFoundError as error:
            if error.name != f"{name}.provider":
                raise
            raise PluginError(f"{name}: the folder has no provider.py; add one that defines PROVIDER") from error
        kind = getattr(module, "PROVIDER", None)
        if not (isinstance(kind, type) and issubclass(kind, Provider)):
            raise PluginError(f"{name}.provider: set PROVIDER to the subclass of twin.emulator.provider.Provider")
        yield kind


def patches() -> Iterator[Callable[[TwinSettings], None]]:
    """Yield the function `install` of every patch, by the names of their modules.

    Raises:
        PluginError: a module has none.
    """
    for found in pkgutil.iter_modules(twin.patches.__path__):
        name = f"{twin.patches.__name__}.{found.name}"
        install = getattr(importlib.import_module(name), "install", None)
        if not callable(install):
            raise PluginError(f"{name}: a patch has a function `install(settings)`; add it")
        yield install
