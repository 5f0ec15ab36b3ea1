"""`midonet-cluster`: the command line of the cluster daemon.

Every error is one line on standard error and an exit code of contract §2. Modules of the daemon are imported only by
`run`.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import click
from msgspec.structs import replace

from midonet.events import errors
from midonet.events.config.click_options import with_settings
from midonet.events.config.connection_security import use
from midonet.events.config.extras import require_extra
from midonet.events.config.settings import load, read_file, render
from midonet.events.redaction import redact
from midonet.services.settings import Settings, effective

_INTERNAL = 1
_INTERRUPTED = 130

_STOP = (signal.SIGTERM, signal.SIGINT)
_STOP_SECONDS = 9.0
_GC_THRESHOLD = 200_000
"""Allocations between two automatic garbage collections. The objects of a large commit and of the start live long, so
frequent collections would find nothing."""
_FULL_GC_TICKS = 600
"""Collections of the middle generation after which the oldest is collected, too."""
_SWITCH_INTERVAL = 0.001
"""Seconds between thread switches; short, so that threads that serve clients wait less for threads that compute."""
_TICK = 1.0
"""Seconds between two polls of the daemon."""
_STOP_CHECK_SECONDS = 0.05
"""Seconds between two checks whether it has stopped."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return the exit code."""
    try:
        result = command.main(argv, prog_name="midonet-cluster", standalone_mode=False)
    except errors.MidonetError as error:
        return _fail(error.message, error.exit_status)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - every error is one line
        return _fail(f"internal error, please report it ({type(error).__name__}: {error})", _INTERNAL)
    return result if isinstance(result, int) else 0


def _fail(message: str, status: int) -> int:
    click.echo(f"midonet-cluster: {redact(' '.join(message.split()))}", err=True)
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="midonet", prog_name="midonet-cluster")
def command() -> None:
    """Keep the views of the network equal to its log: in ZooKeeper for agents, in OVSDB for hardware VTEPs.

    Every setting is an option, an environment variable and a key of the configuration file, in this order of
    precedence.
    """


@command.command()
@with_settings(Settings)
@click.option("--print-config", is_flag=True, help="Print the effective settings as YAML, secrets hidden, and exit.")
def run(settings: Settings, *, print_config: bool) -> int:
    """Run the services until SIGTERM."""
    in_use = effective(settings)
    use(in_use)
    if print_config:
        click.echo(render(replace(settings, node=in_use.node)), nl=False)
        return 0
    return _serve(in_use)


@command.command()
@click.option("--data", metavar="DIR", help="Folder of all data. Default: ~/.local/state/midonet/dev.")
@click.option("--http", metavar="HOST:PORT", help="Address of the API. Default: the one in DIR/cluster.yaml.")
def dev(data: str | None, http: str | None) -> int:
    """Run everything on this machine, for a trial: ZooKeeper, the log in SQLite, the API, an emulated switch.

    ZooKeeper needs Java 17 or newer, and Maven at the first start. The switch needs Open vSwitch. The first start
    writes the settings to DIR/cluster.yaml; later starts continue with the same data.
    """
    from midonet.services.dev.folder import default_folder, settings_file
    from midonet.services.dev.switch import start_switch
    from midonet.services.zookeeper.ensemble_check import check_ensemble
    from midonet.services.zookeeper.jars import find_jars, find_java

    folder = Path(data).absolute() if data else default_folder(os.environ)
    settings = effective(load(Settings, flags={"http": http}, environ={}, file=read_file(settings_file(folder))))
    use(settings)
    require_extra("cluster")
    find_java(os.environ)
    find_jars(settings.zookeeper_jars, os.environ)
    check_ensemble(settings)  # a second one in the same folder must not touch the switch of the first
    switch = start_switch(folder / "switch")
    return _serve(settings, lambda url: click.echo(_dev_summary(settings, folder, switch, url)))


def _dev_summary(settings: Settings, folder: Path, switch: int | None, url: str) -> str:
    found = f"127.0.0.1:{switch} (tor1, ports swp1 and swp2)" if switch else "none: Open vSwitch is not installed"
    return (
        f"API        {url}\nZooKeeper  {settings.zookeeper}\nswitch     {found}\ndata       {folder}\n\n"
        f"In another terminal:\n  export MIDOCTL_SERVER={url}\n  midoctl bridge create web\n"
    )


def _serve(settings: Settings, announce: Callable[[str], None] = click.echo) -> int:
    require_extra("cluster")
    gc.set_threshold(_GC_THRESHOLD)
    from midonet.projections.runtime import logfmt
    from midonet.services.daemon import Daemon
    from midonet.services.zookeeper.ensemble_check import check_ensemble

    check_ensemble(settings)

    signal.pthread_sigmask(
        signal.SIG_BLOCK, _STOP
    )  # `sigtimedwait` below receives them; every thread inherits the mask
    sys.setswitchinterval(_SWITCH_INTERVAL)
    logfmt.configure(settings.log_level)
    daemon = Daemon(settings)
    announce(daemon.http.url)
    daemon.start(daemon.http.url)
    frozen = False  # gc.get_freeze_count() takes 10 ms
    while not _stop_requested(_TICK):
        daemon.poll()
        if daemon.views_ready:
            if not frozen:
                gc.freeze()  # objects of the start live as long as the process
                frozen = True
            gc.collect(2 if gc.get_count()[2] > _FULL_GC_TICKS else 1)
    return _stop(daemon.stop)


def _stop_requested(seconds: float) -> bool:
    """Wait up to so many seconds for SIGTERM or SIGINT; return whether one came.

    After SIGSTOP and SIGCONT CPython may return another signal number if the time is over; it is ignored.
    """
    info = signal.sigtimedwait(_STOP, seconds)
    return info is not None and info.si_signo in _STOP


def _stop(stop: Callable[[], Any]) -> int:
    """Stop cleanly, or at once after a second signal; then end the process, even if threads are left."""
    stopping = Thread(target=stop, daemon=True)
    stopping.start()
    status, deadline = 0, monotonic() + _STOP_SECONDS
    while stopping.is_alive() and monotonic() < deadline and not status:
        status = _INTERRUPTED if _stop_requested(_STOP_CHECK_SECONDS) else 0
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
