"""The shared Spark session: one process that runs Glue scripts one after another on one Spark context.

It runs in the Spark environment (pyspark, no package of the twin) and is started by `twin.engines.spark`, which sends
its settings as JSON in the first argument and each job as an HTTP request. A new session per job costs a second where
`spark-submit` costs fifteen; jobs still see only their own temporary views, configuration, arguments and libraries.
"""

import ast
import contextlib
import io
import json
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from py4j.java_gateway import JavaClass, JavaPackage, JVMView
from pyspark.sql import DataFrameWriter, DataFrameWriterV2, SparkSession

LOG = logging.getLogger("spark-server")
TRACEBACK_CHARACTERS = 6000
# Settings that Spark reads when it needs them, although it does not know them: of catalogs, and our own.
SETTABLE = ("spark.sql.catalog.", "spark.c360.")
LOGICAL = "org.apache.spark.sql.catalyst.plans.logical"
# What a session may ask beside queries: what there is, and settings and views of its own.
READING = ("Show", "Describe", "Explain", "Set", "Use", "Refresh", "Cache", "Uncache", "CreateViewCommand")
WRITERS = {
    DataFrameWriter: ("insertInto", "saveAsTable"),
    DataFrameWriterV2: ("append", "create", "createOrReplace", "overwrite", "overwritePartitions", "replace"),
}
# Java's names for the credentials, of both versions of the AWS SDK; each variable belongs to all of its names.
JAVA_NAMES = {
    "AWS_ACCESS_KEY_ID": ("aws.accessKeyId",),
    "AWS_SECRET_ACCESS_KEY": ("aws.secretKey", "aws.secretAccessKey"),
    "AWS_SESSION_TOKEN": ("aws.sessionToken",),
}


class JobRefused(Exception):  # noqa: N818  # a verdict on the job definition, not a fault of the server
    """The job requires a setting that a running session cannot change."""


def start_session(conf: dict[str, str]) -> SparkSession:
    """Start the Spark context with the given configuration."""
    builder = SparkSession.builder.appName("c360-glue")
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session


def remember_names() -> None:
    """Cache what a name such as `functions` resolves to in the JVM.

    Py4J asks at every use, and each time the JVM looks through all its jars for a class of that name in every imported
    package: a tenth of a job's processor time.
    """
    for view in (JVMView, JavaPackage):
        view.__getattr__ = _remembered(view.__getattr__)


def _remembered(look_up: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def found(owner: Any, name: str) -> Any:
        meaning = look_up(owner, name)
        if isinstance(meaning, (JavaPackage, JavaClass)):
            vars(owner)[name] = meaning
        return meaning

    return found


def child_session(base: SparkSession, conf: dict[str, str]) -> SparkSession:
    """Return a new session on the same context, with the job's own configuration, and make it the default one.

    Raises JobRefused for a setting that Spark only reads at start, unless it already has the value asked for.
    """
    child = base.newSession()
    for key, value in conf.items():
        if child.conf.isModifiable(key) or key.startswith(SETTABLE):
            child.conf.set(key, value)
        elif child.conf.get(key, None) != value:
            message = (
                f"--conf {key}={value}: Spark reads this only at start and the shared session has "
                f"{child.conf.get(key, None)!r}. Remove it from the job or set it in twin/engines/spark.py."
            )
            raise JobRefused(message)
    make_default(base, child)
    return child


def make_default(base: SparkSession, session: SparkSession) -> None:
    """Let `SparkSession.builder.getOrCreate()` in this thread return the given session."""
    jvm: Any = base._jvm  # pyspark has no public way to do this
    SparkSession._instantiatedSession = session
    jvm.SparkSession.setDefaultSession(session._jsparkSession)
    jvm.SparkSession.setActiveSession(session._jsparkSession)


@contextmanager
def libraries(base: SparkSession, archives: list[str]) -> Iterator[None]:
    """Put the job's archives on the path of the driver and of new Python workers; take them away afterwards.

    Workers are kept per environment, so another version of an archive, which has another file name, gets new workers.
    """
    path, modules = list(sys.path), set(sys.modules)
    workers: dict[str, str] = base.sparkContext.environment
    sys.path[:0] = archives
    workers["PYTHONPATH"] = os.pathsep.join(archives)
    try:
        yield
    finally:
        sys.path[:] = path
        workers.pop("PYTHONPATH", None)
        for name in set(sys.modules) - modules:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(tuple(archives) or ("\0",)):
                del sys.modules[name]


@contextmanager
def acting(base: SparkSession, credentials: dict[str, str], reader: dict[str, str] | None = None) -> Iterator[None]:
    """Let the process and its Python workers act with a job's credentials; afterwards it has none.

    A script owns the process while it runs, so these are the process's own: every client in Python and in the JVM
    finds them, as on a Glue worker. Workers are kept per environment, so another role's job gets others.

    Args:
        base: the session of the process.
        credentials: those of the job.
        reader: those with which the JVM reads tables, where it is another who reads them for the job.
    """
    system: Any = base._jvm.java.lang.System  # the JVM outlives the session
    workers: dict[str, str] = base.sparkContext.environment
    forget_credentials(system, workers)
    os.environ.update(credentials)
    workers.update(credentials)
    for variable, value in (reader or credentials).items():
        for name in JAVA_NAMES[variable]:
            system.setProperty(name, value)
    try:
        yield
    finally:
        forget_credentials(system, workers)


def forget_credentials(system: Any, workers: dict[str, str]) -> None:
    """Take the credentials from the process, and the session of boto3 that has read them."""
    for variable, names in JAVA_NAMES.items():
        os.environ.pop(variable, None)
        workers.pop(variable, None)
        for name in names:
            system.clearProperty(name)
    boto3: Any = sys.modules.get("boto3")
    if boto3 is not None:
        boto3.DEFAULT_SESSION = None


def run_job(base: SparkSession, job: dict[str, Any]) -> dict[str, str]:
    """Run one script as `__main__` and return its state, and for a failure the error and the end of its traceback."""
    arguments, directory = sys.argv, Path.cwd()
    try:
        child_session(base, job["conf"])
        with acting(base, job["credentials"]), libraries(base, job["libraries"]):
            sys.argv = [job["script"], *job["arguments"]]
            runpy.run_path(job["script"], run_name="__main__")
    except SystemExit as stop:
        if stop.code not in (None, 0):
            return {"state": "FAILED", "error": f"SystemExit: {stop.code}", "traceback": ""}
    except Exception as error:  # whatever a script raises is the outcome of its run
        LOG.exception("job %s failed", job["name"])
        text = "".join(traceback.format_exception(error))
        return {
            "state": "FAILED",
            "error": f"{type(error).__name__}: {error}",
            "traceback": text[-TRACEBACK_CHARACTERS:],
        }
    finally:
        sys.argv = arguments
        os.chdir(directory)
        if not is_stopped(base):
            make_default(base, base)
            base.catalog.clearCache()
    return {"state": "SUCCEEDED", "error": "", "traceback": ""}


class Notebooks:
    """The sessions of notebooks: each has a Spark session and its own names, from its first statement to its last.

    What a session may read are views in the catalog of the process. So they are made again whenever another session
    has had its turn.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[SparkSession, dict[str, Any]]] = {}
        self._views_of = ""

    def run(self, base: SparkSession, request: dict[str, Any]) -> dict[str, Any]:
        """Run one statement of a session, which the first statement opens; return what Livy shows of it."""
        name, printed = request["session"], io.StringIO()
        opened = self._open.get(name)
        if opened is None or is_stopped(opened[0]):
            if not request["first"]:
                return _failure(LookupError("the Spark session of this notebook has died: begin a new one"))
            opened = self._open[name] = (child_session(base, request["conf"]), {"__name__": "__main__"})
        session, names = opened
        make_default(base, session)
        names |= {"spark": session, "sc": session.sparkContext}
        try:
            if self._views_of != name:
                with acting(base, request["reader"]):
                    show_only(session, request["views"])
                self._views_of = name
            with (
                acting(base, request["credentials"], request["reader"]),
                only_reading(),
                contextlib.redirect_stdout(printed),
            ):
                value = evaluate(request["code"], names)
        except Exception as error:  # whatever a statement raises is what its cell shows
            LOG.exception("a statement of %s failed", name)
            return _failure(error)
        finally:
            make_default(base, base)
        text = printed.getvalue() + ("" if value is None else repr(value))
        return {"status": "ok", "data": {"text/plain": text.rstrip("\n")}}

    def end(self, name: str) -> dict[str, Any]:
        """Forget a session."""
        self._open.pop(name, None)
        return {"status": "ok"}


def show_only(session: SparkSession, views: dict[str, str]) -> None:
    """Make a view for each table that a session may read, with the columns that it may read, and no others.

    Args:
        session: of the notebook.
        views: the query of each view, by its database and name, as SQL quotes them.
    """
    for database in [one.name for one in session.catalog.listDatabases() if one.name != "default"]:
        session.sql(f"DROP DATABASE `{database}` CASCADE")
    for name, query in views.items():
        session.sql(f"CREATE DATABASE IF NOT EXISTS {name.partition('.')[0]}")
        session.sql(f"CREATE VIEW {name} AS {query}")


@contextmanager
def only_reading() -> Iterator[None]:
    """Refuse what would change a table while a statement runs: a grant to read gives no right to that.

    Spark would change a table through a view of some of its columns, with the rights of whoever reads it.
    """
    plain = SparkSession.sql

    def asked(session: SparkSession, query: str, *given: Any, **named: Any) -> Any:
        plan = session._jsparkSession.sessionState().sqlParser().parsePlan(query)
        kinds = [session._jvm.java.lang.Class.forName(f"{LOGICAL}.{one}") for one in ("Command", "ParsedStatement")]
        if changed := next(_changes(plan, kinds), None):
            raise _refusal(changed)
        return plain(session, query, *given, **named)

    def refused(method: str) -> Callable[..., Any]:
        def refuse(*_given: Any, **_named: Any) -> Any:
            raise _refusal(method)

        return refuse

    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(SparkSession, "sql", asked))
        for writer, methods in WRITERS.items():
            for method in methods:
                patches.enter_context(mock.patch.object(writer, method, refused(method)))
        yield


def _changes(plan: Any, kinds: Sequence[Any]) -> Iterator[str]:
    """Yield the names of what changes something in a statement, by Spark's names of its parts.

    Args:
        plan: of the statement, or of a part of it.
        kinds: Java's classes of what is no query.
    """
    name = str(plan.getClass().getSimpleName())
    if any(kind.isInstance(plan) for kind in kinds) and not name.startswith(READING):
        yield name
    children = plan.children()
    for number in range(children.size()):
        yield from _changes(children.apply(number), kinds)


def _refusal(what: str) -> PermissionError:
    return PermissionError(f"{what}: the role of this session may read tables, and change none")


def evaluate(code: str, names: dict[str, Any]) -> Any:
    """Run the code of a cell, and return the value of its last line, if that is an expression."""
    tree = ast.parse(code)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102  # a notebook is code
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307


def _failure(error: Exception) -> dict[str, Any]:
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": str(error)[:TRACEBACK_CHARACTERS],
        "traceback": traceback.format_exception(error)[-8:],
    }


def is_stopped(session: SparkSession) -> bool:
    """Say whether a script has stopped the context, as some do at their end."""
    return session.sparkContext._jsc is None


def serve(port: int, conf: dict[str, str]) -> None:
    """Answer job requests one at a time, for ever: a script owns the process while it runs."""
    sessions = [start_session(conf)]
    notebooks = Notebooks()

    def session() -> SparkSession:
        if is_stopped(sessions[0]):
            LOG.warning("a job stopped the Spark context; starting another")
            sessions[0] = start_session(conf)
        return sessions[0]

    class Handler(BaseHTTPRequestHandler):
        """POST /jobs runs a job and answers when it has ended; GET /health answers when none is running.

        POST /statements does the same with a statement of a notebook, and POST /ended ends a notebook's session.
        """

        def do_GET(self) -> None:  # the base class finds it by this name
            self._answer({"version": session().version})

        def do_POST(self) -> None:
            job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/statements":
                return self._answer(notebooks.run(session(), job))
            if self.path == "/ended":
                return self._answer(notebooks.end(job["session"]))
            LOG.info("job %s starts", job["name"])
            outcome = run_job(session(), job)
            LOG.info("job %s %s", job["name"], outcome["state"])
            return self._answer(outcome)

        def _answer(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *values: object) -> None:  # name given by the base class
            LOG.debug(format, *values)

    server = HTTPServer(("127.0.0.1", port), Handler)
    LOG.info("Spark %s answers on port %d", session().version, port)
    server.serve_forever()


def main() -> None:
    """Start the session, then answer."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    remember_names()
    settings = json.loads(sys.argv[1])
    serve(settings["port"], settings["conf"])


if __name__ == "__main__":
    main()
