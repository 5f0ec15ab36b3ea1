"""The jars of the ZooKeeper server: from a given folder, or fetched by Maven with the coordinates of `pom.xml`.

Fetched jars are cached in the user's cache folder under a hash of `pom.xml`; the folder appears only when complete.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path

from midonet.events.errors import Misconfigured, Unavailable

_FETCH_SECONDS = 600.0


def find_java(environ: Mapping[str, str]) -> str:
    """Return the Java program, of `JAVA_HOME` or the PATH; `Misconfigured` if there is none."""
    home = environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java", path=environ.get("PATH"))
    if java is None:
        raise Misconfigured("Java was not found: install a Java runtime (17 or newer), or set JAVA_HOME")
    return java


def find_jars(named: str | None, environ: Mapping[str, str]) -> Path:
    """Return the folder with the server's jars, fetched if necessary. Raises `Misconfigured` or `Unavailable`.

    `named` is a folder of jars; the variable `MIDONET_JARS` names a folder with a subfolder `zookeeper`.
    """
    folder = (
        Path(named) if named else Path(environ["MIDONET_JARS"]) / "zookeeper" if environ.get("MIDONET_JARS") else None
    )
    if folder is None:
        return _from_maven(environ)
    if not any(folder.glob("zookeeper-*.jar")):
        raise Misconfigured(f"there are no jars of ZooKeeper in {folder}", folder=str(folder))
    return folder


def _from_maven(environ: Mapping[str, str]) -> Path:
    with as_file(files("midonet.services.zookeeper") / "pom.xml") as pom:
        digest = sha256(pom.read_bytes()).hexdigest()[:12]
        folder = _cache(environ) / f"zookeeper-{digest}"
        if not folder.exists():
            _fetch(pom, folder)
    return folder


def _cache(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen.startswith("/") else Path.home() / ".cache") / "midonet" / "jars"


def _fetch(pom: Path, folder: Path) -> None:
    """Let Maven copy the jars to a temporary folder, then rename it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as draft:
            _maven(pom, Path(draft) / "jars")
            (Path(draft) / "jars").rename(folder)
    except OSError as error:
        if not folder.exists():  # else another process has fetched them
            raise Unavailable(f"cannot keep jars in {folder}: {error.strerror}", folder=str(folder)) from None


def _maven(pom: Path, into: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={into}", "-DincludeScope=runtime"]
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(pom), *goal]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it takes too long"
        raise Unavailable(
            f"Maven cannot fetch the ZooKeeper server ({reason}): install Maven, or name a folder by --zookeeper-jars"
        ) from None
    if done.returncode != 0:
        reason = " ".join((done.stdout + done.stderr).split())[:500]
        raise Unavailable(f"Maven could not fetch the ZooKeeper server: {reason}")
