"""Jars and JVM flags of the Java servers."""

import os
from pathlib import Path

from midonet.events.errors import Unavailable

_PROJECT = Path(__file__).resolve().parents[3]

# One compiler tier and the serial collector: test servers run for seconds.
_FLAGS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def java(server: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that runs a main class on the jars of `server`.

    The jars are in `MIDONET_JARS` or in the checkout's `.cache/jars`, one folder per server; `Unavailable`
    where they are missing. Beside them lies the class archive that set-up makes, if it has.
    """
    folder = jars(server)
    archive = folder / "classes.jsa"
    mapped = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    return [_executable(), *_FLAGS, *mapped, "-cp", f"{folder}/*", *arguments]


def _executable() -> str:
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin/java" if home else "java"


def jars(server: str) -> Path:
    """Return the folder of a server's jars; `Unavailable` where they are missing."""
    folder = Path(os.environ.get("MIDONET_JARS", _PROJECT / ".cache" / "jars")) / server
    if not any(folder.glob("*.jar")):
        raise Unavailable(f"no jars of {server} in {folder}: run `make setup`, or set MIDONET_JARS", folder=str(folder))
    return folder
