"""One line per event, the same trouble once a minute, no secret and no traceback."""

import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from midonet.projections.runtime import logfmt
from midonet.projections.runtime.logfmt import dead_threads


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, hook, levels = logging.getLogger(), threading.excepthook, {}
    before = root.handlers[:], root.level
    for library in ("kafka", "kazoo"):
        levels[library] = logging.getLogger(library).level
    yield
    root.handlers[:], root.level = before
    threading.excepthook = hook
    for library, level in levels.items():
        logging.getLogger(library).setLevel(level)


@pytest.fixture
def words(capfd: pytest.CaptureFixture[str]) -> Any:
    return lambda: [re.sub(r"^time=\S+Z ", "", line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_has_time_level_message_and_values(capfd: pytest.CaptureFixture[str]) -> None:
    logfmt.configure("info")
    logfmt.log(logging.INFO, "projection live", projection="nsdb", position=12, error=None)
    (line,) = capfd.readouterr().err.splitlines()
    pattern = (
        r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info msg="projection live" projection=nsdb position=12'
    )
    assert re.fullmatch(pattern, line)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b=c', r'"a\"b=c"'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines\r\x1b[31m", r'"two\nlines\r\x1b[31m"'),
        ("\u2028\u202e", r'"\u2028\u202e"'),
        ("grün", "grün"),
    ],
)
def test_written_text_stays_on_its_line(words: Any, value: str, shown: str) -> None:
    logfmt.configure("info")
    logfmt.log(logging.INFO, "event", value=value)
    assert words() == [f"level=info msg=event value={shown}"]


def test_the_same_words_come_once_a_minute(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logfmt.configure("info")
    for _ in range(3):
        logfmt.log(logging.WARNING, "the log is away", attempt="any")
        logfmt.log(logging.WARNING, "the log is away", attempt="other")
    assert len(words()) == 2
    monkeypatch.setattr(logfmt, "SILENCE", 0.0)
    logfmt.log(logging.WARNING, "the log is away", attempt="any")
    assert len(words()) == 1


def test_only_packages_of_the_project_are_logged(words: Any) -> None:
    logfmt.configure("info")
    logging.getLogger("midonet.projections.engine.feed").warning("the log cannot be followed")
    logging.getLogger("kazoo.client").error("Connection dropped")
    logging.getLogger("kafka.conn").error("refused")
    assert words() == ['level=warning msg="the log cannot be followed" logger=midonet.projections.engine.feed']


def test_levels_below_the_chosen_one_are_silent(words: Any) -> None:
    logfmt.configure("info")
    logfmt.log(logging.DEBUG, "detail")
    assert words() == []


def test_secrets_are_hidden(words: Any) -> None:
    logfmt.configure("info")
    logfmt.log(logging.INFO, "log", url="postgresql+psycopg://mn:secret@db/mn?sslpassword=secret")
    (line,) = words()
    assert "secret" not in line
    assert "mn:***@db" in line


def test_internal_error_prints_its_traceback_on_request_only(words: Any) -> None:
    logfmt.configure("info")
    try:
        int("x")
    except ValueError:
        logging.getLogger("midonet.projections.engine.runner").exception("unexpected error")
    (line,) = words()
    assert "invalid literal" in line
    assert "Traceback" not in line
    logfmt.configure("debug")
    try:
        int("x")
    except ValueError:
        logging.getLogger("midonet.projections.engine.runner").exception("unexpected error")
    (line,) = words()
    assert "Traceback" in line


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_crashed_thread_is_recorded(words: Any) -> None:
    logfmt.configure("info")
    thread = threading.Thread(target=int, args=("x",), name="unlucky")
    thread.start()
    thread.join()
    assert dead_threads() == ["unlucky"]
    (line,) = words()
    assert 'msg="thread ended" thread=unlucky' in line
