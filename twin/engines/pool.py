"""The engines of one emulator: each starts when the first request needs it, and all end with the emulator."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from twin.engines.engine import Engine, Running, Started
from twin.settings import TwinSettings

LOGGER: Final = logging.getLogger("twin.engines")
WATCH_SECONDS: Final = 0.5

Wanted = TypeVar("Wanted", bound=Started)


class UndeclaredEngineError(LookupError):
    """An engine that no provider declares; the message says where to declare it."""


class User(Protocol):
    """Who uses engines: a provider."""

    @property
    def engines(self) -> tuple[type[Engine[Any]], ...]:
        """The engines that it uses."""

    def close(self) -> None:
        """Stop using them."""


def _always(_engine: Any) -> bool:
    return True


class LazyEngine(Generic[Running]):
    """Starts an engine on first use, whoever asks first; others wait for it. One that has died is started again.

    Args:
        name: for the log.
        start: starts the engine.
        alive: tells whether a started engine still runs; what looks after itself needs none.
    """

    def __init__(self, name: str, start: Callable[[], Running], *, alive: Callable[[Running], bool] = _always) -> None:
        self._name = name
        self._start = start
        self._alive = alive
        self._lock = threading.Lock()
        self._engine: Running | None = None
        self._wanted = False

    def get(self) -> Running:
        """Return the engine, started and alive."""
        with self._lock:
            return self._living()

    def revive(self) -> None:
        """Start the engine again when it was started and has died."""
        with self._lock:
            if self._wanted:
                self._living()

    def stop(self) -> None:
        """Stop the engine when it was ever started."""
        with self._lock:
            self._wanted = False
            self._end()

    def _living(self) -> Running:
        if self._engine is not None and not self._alive(self._engine):
            LOGGER.warning("%s died; starting it again", self._name)
            self._end()
        if self._engine is None:
            self._engine = self._start()
            self._wanted = True
        return self._engine

    def _end(self) -> None:
        # Forgotten first: what cannot be ended cleanly must not be ended twice.
        ending, self._engine = self._engine, None
        if ending is not None:
            ending.stop()


class Watch:
    """Calls a function at regular intervals until it is stopped.

    Args:
        look: the function; an exception is logged and does not end the watch.
        pause: seconds between two calls.
    """

    def __init__(self, look: Callable[[], None], *, pause: float = WATCH_SECONDS) -> None:
        self._look = look
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")
        self._thread.start()

    def stop(self) -> None:
        """Stop the watch; returns when the last call has ended."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self._look()
            except Exception:  # whatever it is: the next look may find it mended
                LOGGER.exception("an engine that died could not be started again")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An engine's declaration and its lazily started instance."""

    kind: Engine[Any]
    lazy: LazyEngine[Any]


class EnginesPool:
    """All engines of one emulator. It knows them by their declarations alone.

    Args:
        settings: the run that the engines belong to.
        kinds: the engines that providers declare; those that these need come with them.
    """

    def __init__(self, settings: TwinSettings, kinds: Iterable[type[Engine[Any]]]) -> None:
        self._held: dict[type[Engine[Any]], _Held] = {}
        for kind in kinds:
            self._hold(kind, settings)
        watched = [held.lazy for held in self._held.values() if held.kind.watched]
        self._watches = [Watch(lazy.revive) for lazy in watched]

    def _hold(self, kind: type[Engine[Any]], settings: TwinSettings) -> None:
        if kind in self._held:
            return
        for needed in kind.needs:
            self._hold(needed, settings)
        engine = kind(settings, self)
        self._held[kind] = _Held(kind=engine, lazy=LazyEngine(kind.name, engine.start, alive=engine.alive))

    def get(self, kind: type[Engine[Wanted]]) -> Wanted:
        """Return a running engine; the first request starts it.

        Raises:
            UndeclaredEngineError: no provider declares it.
        """
        held = self._held.get(kind)
        if held is None:
            raise UndeclaredEngineError(
                f"no provider declares the engine {kind.__name__}: add it to `engines` of the provider that uses it"
            )
        running: Wanted = held.lazy.get()
        return running

    def warm(self) -> None:
        """Start in the background what every run needs: meanwhile the templates are deployed, which takes one core."""
        for held in self._held.values():
            if held.kind.used_by_every_run:
                threading.Thread(target=_logged, args=(_warm, held), daemon=True).start()

    def close(self, users: Sequence[User]) -> None:
        """Stop every engine that was started.

        An engine stops after those who use it; engines that do not depend on each other stop at the same time.

        Args:
            users: the providers; each stops using its engines first.
        """
        for watch in self._watches:
            watch.stop()
        steps: list[tuple[Any, Callable[[], None], tuple[type[Engine[Any]], ...]]] = [
            *((user, user.close, user.engines) for user in users),
            *((kind, held.lazy.stop, kind.needs) for kind, held in self._held.items()),
        ]
        stopped = {id(owner): threading.Event() for owner, _, _ in steps}

        def stop(owner: Any, action: Callable[[], None]) -> None:
            for other, _, needs in steps:
                if owner in needs:
                    stopped[id(other)].wait()
            _logged(action)
            stopped[id(owner)].set()

        with ThreadPoolExecutor(max_workers=max(1, len(steps))) as workers:
            for owner, action, _ in steps:
                workers.submit(stop, owner, action)


def _warm(held: _Held) -> None:
    held.kind.warm(held.lazy.get())


def _logged(step: Callable[..., Any], *arguments: Any) -> None:
    """Do one thing; a failure is logged, so that it does not keep the others from being done."""
    try:
        step(*arguments)
    except Exception:
        LOGGER.exception("an engine did not start or stop cleanly")
