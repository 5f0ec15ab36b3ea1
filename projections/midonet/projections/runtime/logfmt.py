"""The daemon's own words: one logfmt line per event on standard error, and never the same trouble again and again.

Nothing is written anywhere else. No secret is written at all, a traceback only at the level `debug`.
"""

import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from midonet.events.config.settings import hidden

SILENCE = 60.0
"""Seconds for which a line that was just written is not written again."""

_LIBRARIES = ("kafka", "kazoo", "aiokafka", "faust", "mode")
"""They say on every attempt what the daemon says once a minute."""

_ESCAPES = {'"': '\\"', "\\": "\\\\"}

_dead: list[str] = []

_logger = logging.getLogger("midonet.services")


def note(level: int, message: str, **fields: Any) -> None:
    """Write one line: what happened, then the values behind it (those that are None left out)."""
    _logger.log(level, message, extra={"fields": fields})


def set_up(level: str) -> None:
    """Send what is at least as grave as `level` (`debug` … `error`) to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    handler.addFilter(_Repeats())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    threading.excepthook = _note_crash


def dead_threads() -> list[str]:
    """Return the names of threads that ended by an exception that nobody expected."""
    return list(_dead)


def _note_crash(crash: threading.ExceptHookArgs) -> None:
    _dead.append(crash.thread.name if crash.thread else "unknown")
    trace = (crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback)
    _logger.error("thread ended", exc_info=trace, extra={"fields": {"thread": _dead[-1]}})


class _Repeats(logging.Filter):
    """Lets the same words through once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the words are new."""
        words = record.name, f"{record.getMessage()}{getattr(record, 'fields', '')}"
        if record.created - self._written.get(words, 0.0) < SILENCE:
            return False
        self._written = {key: time for key, time in self._written.items() if record.created - time < SILENCE}
        self._written[words] = record.created
        return True


class _Logfmt(logging.Formatter):
    """`time=… level=… msg=… key=value …`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "msg": record.getMessage()}
        fields |= getattr(record, "fields", None) or {"logger": record.name}
        if record.exc_info:
            fields["error"] = repr(record.exc_info[1])
            fields["traceback"] = self.formatException(record.exc_info) if _logger.isEnabledFor(logging.DEBUG) else None
        line = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)
        return str(hidden(line))


def _value(value: Any) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=\\' for character in text):
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in text) + '"'
