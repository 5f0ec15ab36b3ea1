"""Lines of a shell: their words, the short name of a log, and the word at the cursor."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from midonet.cli.shell.line_runner import words_of
from midonet.cli.shell.prompt import last_word, log_name
from midonet.events.errors import UsageError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bridge list", ["bridge", "list"]),
        ("  midoctl bridge list  \n", ["bridge", "list"]),
        ("", []),
        ("# bridge list", []),
        ("   # it's a comment", []),
        ("bridge list # it's a comment", ["bridge", "list"]),
        ("bridge create web#1", ["bridge", "create", "web#1"]),
        ("bridge create '# web'", ["bridge", "create", "# web"]),
        ('bridge create "a \\" # b" #c', ["bridge", "create", 'a " # b']),
        ("bridge create \\#web", ["bridge", "create", "#web"]),
        ("bridge create a\\ #b", ["bridge", "create", "a #b"]),
        ("bridge create ''", ["bridge", "create", ""]),
        ("bridge set web -m 'ticket #7' #8", ["bridge", "set", "web", "-m", "ticket #7"]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert words_of(line) == words


@pytest.mark.parametrize("line", ["bridge create 'web", 'bridge create "web', "bridge create web\\"])
def test_an_open_quote_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        words_of(line)


@given(some.text(max_size=60))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    with suppress(UsageError):
        assert all(isinstance(word, str) for word in words_of(line))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////var/lib/midonet/log.db", "log.db"),
        ("sqlite:///log.db", "log.db"),
        ("kafka://k1:9092,k2:9092/midonet.topology", "midonet.topology@k1:9092"),
        ("postgresql+psycopg://me:secret@db:5432/midonet?sslmode=require", "midonet@db:5432"),
        ("postgresql+psycopg:///midonet", "midonet"),
        ("nonsense", ""),
    ],
)
def test_short_name_of_a_log(url: str, name: str) -> None:
    assert log_name(url) == name


@pytest.mark.parametrize(
    ("text", "word"),
    [("bridge sh", "sh"), ("bridge ", ""), ("bridge show 'my br", "'my br"), ('a "b c" d\\ e', "d\\ e"), ("", "")],
)
def test_the_word_at_the_cursor(text: str, word: str) -> None:
    assert text[last_word(text) :] == word
