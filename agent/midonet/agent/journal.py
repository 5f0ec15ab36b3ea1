"""The agent's own words: one logfmt line per change of state on standard error, and never the same one again and again.

Nothing is written anywhere else; a traceback only at the level `debug`.
"""

import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_logger = logging.getLogger("midonet.agent")


def note(level: int, message: str, **fields: Any) -> None:
    """Write one line: what happened, then the values behind it."""
    _logger.log(level, message, extra={"fields": fields})


def set_up(level: str) -> None:
    """Send what is at least as grave as `level` (`debug` … `error`) to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("kazoo").setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    threading.excepthook = _note_crash


def _note_crash(crash: threading.ExceptHookArgs) -> None:
    note(logging.ERROR, "thread ended", thread=crash.thread and crash.thread.name, error=repr(crash.exc_value))


class _Logfmt(logging.Formatter):
    """`time=… level=… msg=… key=value …`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "msg": record.getMessage()}
        fields |= getattr(record, "fields", {"logger": record.name})
        return " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)


def _value(value: Any) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=' for character in text):
        return text
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{escaped}"'
