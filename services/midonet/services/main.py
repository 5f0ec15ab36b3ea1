"""`midonet-cluster`: the command line of the cluster daemon.

Whatever goes wrong is one line on standard error and an exit code of contract §2, never a traceback. What only the
daemon needs is loaded when it runs.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from threading import Thread
from time import monotonic
from typing import Any

import click
from msgspec.structs import replace

from midonet.events import errors
from midonet.events.config.click_options import with_settings
from midonet.events.config.connection_security import use
from midonet.events.config.settings import redact, render
from midonet.services.settings import Settings, effective

_INTERNAL = 1
_INTERRUPTED = 130

_STOP = (signal.SIGTERM, signal.SIGINT)
_STOP_SECONDS = 9.0
_GC_THRESHOLD = 200_000
"""Objects after which garbage is looked for whatever else is to be done: nearly all that a large commit makes is needed
until it is in the views, and nearly all that is made while the daemon begins stays."""
_FULL_GC_TICKS = 600
"""Ticks after which it is also looked for among what is older than a second."""
_SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes lets others go on: those that serve clients wait for it."""
_TICK = 1.0
"""Seconds between two looks at how the daemon does."""
_STOP_CHECK_SECONDS = 0.05
"""Seconds between two looks at whether it has ended."""


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
    except Exception as error:  # noqa: BLE001 - a person gets one line, whatever it is
        return _fail(f"internal error, please report it ({type(error).__name__}: {error})", _INTERNAL)
    return result if isinstance(result, int) else 0


def _fail(message: str, status: int) -> int:
    click.echo(f"midonet-cluster: {redact(' '.join(message.split()))}", err=True)
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="midonet", prog_name="midonet-cluster")
def command() -> None:
    """Keep the views of the network equal to its log: in ZooKeeper for agents, in OVSDB for hardware VTEPs.

    Every setting is an option, an environment variable and a key of the configuration file; the first one given of
    these three counts.
    """


@command.command()
@with_settings(Settings)
@click.option("--print-config", is_flag=True, help="Print the effective settings as YAML, secrets hidden, and end.")
def run(settings: Settings, *, print_config: bool) -> int:
    """Run the services until SIGTERM."""
    in_use = effective(settings)
    use(in_use)
    if print_config:
        click.echo(render(replace(settings, node=in_use.node)), nl=False)
        return 0
    return _serve(in_use)


def _serve(settings: Settings) -> int:
    gc.set_threshold(_GC_THRESHOLD)
    from midonet.projections.runtime import logfmt
    from midonet.services.daemon import Daemon

    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # they are waited for below; every thread inherits this
    sys.setswitchinterval(_SWITCH_INTERVAL)
    logfmt.configure(settings.log_level)
    daemon = Daemon(settings)
    click.echo(daemon.http.url)
    daemon.start(daemon.http.url)
    frozen = False  # to ask how much is would count it all, which takes 10 ms
    while not _stop_requested(_TICK):
        daemon.poll()
        if daemon.views_ready:
            if not frozen:
                gc.freeze()  # what is there from the beginning is no garbage
                frozen = True
            gc.collect(2 if gc.get_count()[2] > _FULL_GC_TICKS else 1)
    return _stop(daemon.stop)


def _stop_requested(seconds: float) -> bool:
    """Wait so long for a signal that asks to end; return whether one came.

    After SIGSTOP and SIGCONT CPython returns what nobody sent, where the time was over meanwhile.
    """
    info = signal.sigtimedwait(_STOP, seconds)
    return info is not None and info.si_signo in _STOP


def _stop(stop: Callable[[], Any]) -> int:
    """Stop cleanly, or at once when asked for a second time; end the process, whatever threads are left."""
    stopping = Thread(target=stop, daemon=True)
    stopping.start()
    status, deadline = 0, monotonic() + _STOP_SECONDS
    while stopping.is_alive() and monotonic() < deadline and not status:
        status = _INTERRUPTED if _stop_requested(_STOP_CHECK_SECONDS) else 0
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
