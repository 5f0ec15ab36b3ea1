"""Untrusted text is escaped before it is printed."""

import pytest

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


def test_a_table_in_a_pipe_is_not_cut() -> None:
    assert table(["name", "id"], [["web", "1"], ["x" * 200, "2\n3"]]).splitlines()[1:] == [
        f"{'web':200}  1",
        f"{'x' * 200}  2 3",
    ]
    assert table([], [("a", "b")]) == "a  b"
