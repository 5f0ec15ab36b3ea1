"""Report an error: one line on standard error and an exit code, never a traceback.

Exit codes are contract §2. With `-o json` the line is a JSON object on standard error.
"""

import errno
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from midonet.cli.options.options import Settings
from midonet.cli.output.formats import FORMATS
from midonet.cli.output.output import OutputLost
from midonet.cli.output.sanitize import clean, shortened
from midonet.events import errors
from midonet.events.redaction import redact
from midonet.events.suggestions import suggest

INTERNAL = 1
USAGE = 2
INTERRUPTED = 128 + 2
BROKEN_PIPE = 128 + 13

_LONGEST = 1000
"""Characters of a message; longer ones are cut in the middle."""


class _Failure(NamedTuple):
    status: int
    code: str
    message: str
    details: Mapping[str, Any] = {}


def report(error: BaseException, settings: Settings, argv: Sequence[str], where: str | None = None) -> int:
    """Print an error on standard error, with `where` the command was read; return the exit code."""
    if settings.environ.get("MIDOCTL_DEBUG", "") not in ("", "0"):
        _print_traceback(error)
    failure = _classify(_missing_package(error) or error)
    if where is not None:
        failure = failure._replace(message=f"{where}: {failure.message}", details={**failure.details, "line": where})
    failure = failure._replace(message=shortened(clean(redact(failure.message)), _LONGEST))
    if failure.status != BROKEN_PIPE:  # `midoctl log | head` is no error
        _print(_line(failure, as_json=_format(settings, argv) == "json"))
    return failure.status


def _classify(error: BaseException) -> _Failure:
    match error:
        case errors.MidonetError():
            return _Failure(error.exit_status, error.code, error.message, error.details)
        case click.ClickException():
            return _Failure(USAGE, "usage", _usage_message(error), _usage_details(error))
        case KeyboardInterrupt() | click.Abort():
            return _Failure(INTERRUPTED, "interrupted", "interrupted")
        case OutputLost():
            status = BROKEN_PIPE if error.errno == errno.EPIPE else INTERNAL
            return _Failure(status, "output", f"the output cannot be written: {error.strerror}")
        case MemoryError():
            return _Failure(INTERNAL, "internal", "there is not enough memory")
        case _:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            return _Failure(
                INTERNAL, "internal", f"internal error, please report it ({what}); MIDOCTL_DEBUG=1 shows more"
            )


def _missing_package(error: BaseException) -> errors.Misconfigured | None:
    if not isinstance(error, ModuleNotFoundError):
        return None
    from midonet.events.config.extras import missing_package

    return missing_package(error)


def _usage_message(error: click.ClickException) -> str:
    if not isinstance(error, click.NoSuchOption):
        return error.format_message().rstrip(".")
    params = error.ctx.command.get_params(error.ctx) if error.ctx is not None else []
    known = [name for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")]
    return f"there is no option {error.option_name}{suggest(error.option_name, known)}"


def _usage_details(error: click.ClickException) -> dict[str, str]:
    context = getattr(error, "ctx", None)
    return {"help": f"{context.command_path} --help"} if context is not None else {}


def _line(failure: _Failure, *, as_json: bool) -> str:
    if not as_json:
        hint = failure.details.get("help") if failure.code == "usage" else None
        return f"midoctl: {failure.message}" + (f" (see {hint})" if hint else "")
    import json

    shown = {"code": failure.code, "message": failure.message, "details": dict(failure.details)}
    return redact(json.dumps({"error": shown}, default=str))


def _format(settings: Settings, argv: Sequence[str]) -> str:
    """Return the output format, also if the command line could not be parsed."""
    for place, word in enumerate(argv):
        if word in ("-o", "--output") and argv[place + 1 : place + 2]:
            found = argv[place + 1]
        elif word.startswith(("-o", "--output=")) and word != "-o":
            found = word.removeprefix("--output=").removeprefix("-o").removeprefix("=")
        else:
            continue
        if found in FORMATS:
            return found
    try:
        return str(settings.get("output"))
    except errors.MidonetError:
        return "table"


def _print_traceback(error: BaseException) -> None:
    import traceback

    _print(redact("".join(traceback.format_exception(error)).rstrip()))


def _print(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):  # the reader is gone; the exit code remains
            sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
            sys.stderr.flush()
