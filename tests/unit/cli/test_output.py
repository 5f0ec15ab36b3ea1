"""Untrusted text is escaped before it is printed."""

import io

import pytest
import yaml

from midonet.cli.output.formats import Printer
from midonet.cli.output.output import table
from midonet.cli.output.sanitize import clean
from midonet.events.redaction import redact
from midonet.events.suggestions import suggest


def test_text_stays_on_its_line() -> None:
    assert clean("a\nb\tc\r") == "a b c"
    assert clean("\x1b[31mred\u202e\x00") == "\\u001b[31mred\\u202e\\u0000"
    assert clean("hv1 → hv2, Zürich 日本") == "hv1 → hv2, Zürich 日本"
    assert clean("\udcff").isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:secret@db/x",
        "postgresql+psycopg://u:se:c@ret@db/x",
        "postgresql+psycopg://db/x?user=u&password=secret",
        "kafka://:secret@h:1",
    ],
)
def test_passwords_are_hidden(url: str) -> None:
    shown = redact(f"cannot reach {url}, sorry")
    assert "secret" not in shown
    assert "ret@" not in shown
    assert "***" in shown


def test_urls_without_passwords_are_unchanged() -> None:
    for url in ("sqlite:////tmp/a.db", "kafka://h1:9092,h2:9092/topic", "http://[::1]:8181/status"):
        assert redact(url) == url


def test_closest_word_is_suggested() -> None:
    assert suggest("brdge", ["bridge", "router"]) == "; did you mean bridge?"
    assert suggest("xyz", ["bridge", "router"]) == ""


def test_far_words_are_no_suggestions() -> None:
    assert suggest("lst", ["list", "cluster", "host"]) == "; did you mean list?"
    assert suggest("lst", ["cluster", "host"]) == ""
    assert suggest("p2", ["p1"]) == "; did you mean p1?"
    assert suggest("--no-cahe", ["--no-cache", "--ca"]) == "; did you mean --no-cache?"


HOSTILE = "\x1b]0;owned\x07\x9b31mred\u202e"


@pytest.mark.parametrize("form", ["table", "json", "yaml", "name"])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_format_prints_escape_sequences_of_data(
    form: str, *, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(buffer, write_through=True))
    monkeypatch.setattr("midonet.cli.output.output.on_terminal", lambda: terminal)
    value = {"name": HOSTILE, "plain": "Zürich 日本"}
    Printer(form).print(value, names=lambda: [HOSTILE], text=lambda: HOSTILE)
    shown = buffer.getvalue().decode()
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    if form in ("json", "yaml"):
        assert yaml.safe_load(shown) == value


def test_a_table_in_a_pipe_is_not_cut() -> None:
    assert table(["name", "id"], [["web", "1"], ["x" * 200, "2\n3"]]).splitlines()[1:] == [
        f"{'web':200}  1",
        f"{'x' * 200}  2 3",
    ]
    assert table([], [("a", "b")]) == "a  b"
