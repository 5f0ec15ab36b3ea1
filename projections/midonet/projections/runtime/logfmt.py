"""The log of a process: one logfmt line per event on standard error.

Secrets are replaced by `***`. A traceback is written at the level `debug` only.
"""

import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from midonet.events.redaction import redact
from midonet.events.timestamps import utc

SILENCE = 60.0
"""Seconds during which the same line is not written again."""

_LIBRARIES = ("kafka", "kazoo", "aiokafka", "faust", "mode")
"""They log every attempt to connect; the daemon and the agent report changes of state."""

_ESCAPES = {'"': '\\"', "\\": "\\\\"}

_dead: list[str] = []

_logger = logging.getLogger("midonet")


def log(level: int, message: str, **fields: Any) -> None:
    """Write one line with a message and its fields; fields that are None are omitted."""
    _logger.log(level, message, extra={"fields": fields})


def configure(level: str, *, repeats: bool = False) -> None:
    """Write records of `level` (`debug`, `info`, `warning` or `error`) and above to standard error.

    With `repeats`, a line is written again within `SILENCE`: for a process that logs changes of state only.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    if not repeats:
        handler.addFilter(_Repeats())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    threading.excepthook = _log_crash


def dead_threads() -> list[str]:
    """Return the names of the threads that ended with an unhandled exception."""
    return list(_dead)


def _log_crash(crash: threading.ExceptHookArgs) -> None:
    _dead.append(crash.thread.name if crash.thread else "unknown")
    trace = (crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback)
    _logger.error("thread ended", exc_info=trace, extra={"fields": {"thread": _dead[-1]}})


class _Repeats(logging.Filter):
    """Drops a line that was written less than `SILENCE` seconds ago."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        line = record.name, f"{record.getMessage()}{getattr(record, 'fields', '')}"
        if record.created - self._written.get(line, 0.0) < SILENCE:
            return False
        self._written = {key: time for key, time in self._written.items() if record.created - time < SILENCE}
        self._written[line] = record.created
        return True


class _Logfmt(logging.Formatter):
    """Formats a record as `time=… level=… msg=… key=value …`, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = utc(datetime.fromtimestamp(record.created, UTC))
        fields: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "msg": record.getMessage()}
        fields |= getattr(record, "fields", None) or {"logger": record.name}
        if record.exc_info:
            fields["error"] = repr(record.exc_info[1])
            fields["traceback"] = self.formatException(record.exc_info) if _logger.isEnabledFor(logging.DEBUG) else None
        line = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)
        return str(redact(line))


def _value(value: Any) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=\\' for character in text):
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in text) + '"'
