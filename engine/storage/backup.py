"""Backup and restore: the whole state is one database and one store of files.

The database is dumped first. Files are named by their content and never change, so the copy that
follows holds everything that the dump speaks of.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from engine.errors import BadFile, BadOption, DatabaseUnavailable
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import database_url, mapped_errors
from engine.storage.embedded_postgres import postgres_tool

DUMP, FILES = "database.dump", "files"
#: What Postgres' programs take from the environment: a password is no argument for all to see.
VARIABLES = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds."""

    folder: Path
    database_bytes: int
    files: int


def back_up(settings: Settings, folder: Path) -> Saved:
    """Writes database and files into a new folder. People may go on asking meanwhile.

    Raises `BadOption` where the folder holds something, `DatabaseUnavailable` and
    `StorageUnavailable`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadOption(f"{folder} is not empty; give a new folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    dump = folder / DUMP
    _run(settings, "pg_dump", "--format=custom", "--no-owner", f"--file={dump}")
    BlobStore(settings).save(folder / FILES)
    return _saved(folder)


def restore(settings: Settings, folder: Path) -> Saved:
    """Brings a backup into an empty database and its files into the store.

    Raises `BadFile` where the folder holds no backup, `BadOption` where the database is not empty,
    `DatabaseUnavailable` and `StorageUnavailable`.
    """
    dump = folder / DUMP
    if not dump.is_file():
        raise BadFile(f"{folder} holds no backup: there is no {DUMP} in it.")
    if not _is_empty(settings):
        raise BadOption("This database holds something already; restore into an empty one.")
    BlobStore(settings).load(folder / FILES)
    _run(settings, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", str(dump))
    return _saved(folder)


def _saved(folder: Path) -> Saved:
    files = sum(path.is_file() for path in (folder / FILES).rglob("*"))
    return Saved(folder, (folder / DUMP).stat().st_size, files)


def _is_empty(settings: Settings) -> bool:
    with mapped_errors(), psycopg.connect(database_url(settings)) as connection:
        row = connection.execute("select to_regclass('stylus.requests') is null").fetchone()
    return bool(row and row[0])


def _run(settings: Settings, tool: str, *arguments: str) -> None:
    known = conninfo_to_dict(database_url(settings))
    secret = {f"PG{name}": str(known[key]) for key, name in VARIABLES.items() if key in known}
    database = f"--dbname={known['dbname']}"
    done = subprocess.run(
        [postgres_tool(tool), database, *arguments],
        env=os.environ | secret,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DatabaseUnavailable(f"{tool} did not finish; it said: {said[:200]}")
