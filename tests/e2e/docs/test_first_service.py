"""The tutorial's service, as its reader would make and run it: installed with pip, seen, disabled."""

import re
import subprocess
import sys
from pathlib import Path

from waiting import eventually

from midonet.events.commands.command import Command, Create, Enable
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.testbed import ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "first-service.md").read_text()
GREETER = DOCS / "examples" / "greeter"


def pip_install(words: list[str], into: Path) -> None:
    """Run the page's `pip install` line, but into a folder of the test's own."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "--target", str(into), "--no-index"]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


def test_the_greeter_comes_greets_and_goes(tmp_path: Path, zookeeper: ZooKeeper, zk_root: str) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    install = re.search(r"\$ pip (install .*)", PAGE)
    assert install
    addons = tmp_path / "addons"
    addons.mkdir()
    log = open_log(url)
    store = Store(log)
    options = ["--log", url, "--zookeeper", zookeeper.hosts, "--root", zk_root]
    with ClusterDaemon(*options, environ={"PYTHONPATH": str(addons)}) as daemon:
        assert '"greeter"' not in daemon.get("/status")[1]
        pip_install(install[1].split(), addons)
        store.execute(Command("bridge.create", [Create("bridge", {"name": "web"})]), Context(actor="test"))
        shown = re.search(r"^midonet_greeter_\S+ \S+$", PAGE, re.MULTILINE)
        assert shown
        eventually(lambda: shown[0] in daemon.get("/metrics")[1].splitlines())
        store.execute(Command("bridge.create", [Create("bridge", {"name": "db"})]), Context(actor="test"))
        eventually(lambda: "msg=hello service=greeter bridge=db" in daemon.log.read_text())
        store.execute(Command("service.disable", [Enable("greeter", enabled=False)]), Context(actor="test"))
        eventually(lambda: "midonet_greeter" not in daemon.get("/metrics")[1])
    with ClusterDaemon(*options, "--services", "{greeter: {word: hi}}", environ={"PYTHONPATH": str(addons)}) as daemon:
        eventually(lambda: "disabled by a command" in daemon.get("/status")[1])
        store.execute(Command("service.enable", [Enable("greeter")]), Context(actor="test"))
        eventually(lambda: "midonet_greeter_bridges_total 2.0" in daemon.get("/metrics")[1])
        store.execute(Command("bridge.create", [Create("bridge", {"name": "late"})]), Context(actor="test"))
        eventually(lambda: "msg=hi service=greeter bridge=late" in daemon.log.read_text())
    log.close()


def test_the_page_is_short_and_shows_the_files_as_they_are() -> None:
    assert len(PAGE.splitlines()) <= 40
    (entry,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert entry in (GREETER / "pyproject.toml").read_text()
