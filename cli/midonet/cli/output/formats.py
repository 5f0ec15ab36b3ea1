"""The output formats of `-o`: how each shows one value, and one commit of a stream of commits.

A new format is one entry of `FORMATS`. `midoctl --help` reads their names, so libraries load on first use.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from midonet.cli.output import output
from midonet.cli.output.sanitize import is_safe

if TYPE_CHECKING:
    from midonet.events.commit import Record


class Format(NamedTuple):
    """One format. Its functions compute of the names and of the text only what they print."""

    value: Callable[[Any, Callable[[], Iterable[str]], Callable[[], str]], Iterable[str]]
    """From a value, what gives its names, and what gives its text."""
    commit: Callable[["Record", Callable[[], str]], str]
    """From a commit, and what gives its text."""


def json_text(value: Any) -> str:
    """Return one line of JSON; indented on a terminal."""
    import msgspec

    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=2) if output.on_terminal() else raw).decode()


def yaml_text(value: Any) -> str:
    """Return a YAML document that `midonet.events.strict_yaml` reads back as the same value."""
    text = _dump(value, unicode=True)
    if not is_safe(text):
        text = _dump(value, unicode=False)  # escapes control and bidirectional characters
    return text.rstrip("\n").removesuffix("\n...")


def _dump(value: Any, *, unicode: bool) -> str:
    import msgspec
    import yaml

    text: str = yaml.dump(
        msgspec.to_builtins(value), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=unicode, width=10_000
    )
    return text


FORMATS: Mapping[str, Format] = {
    "table": Format(lambda _value, _names, text: [text()], lambda _record, text: text()),
    "json": Format(
        lambda value, _names, _text: [json_text(value)],
        lambda record, _text: " ".join(record.raw.decode().split("\n")),
    ),
    "yaml": Format(
        lambda value, _names, _text: [yaml_text(value)], lambda record, _text: f"---\n{yaml_text(record.commit)}"
    ),
    "name": Format(lambda _value, names, _text: names(), lambda record, _text: str(record.commit.position)),
}


class Printer:
    """Prints what a command returns in one format."""

    def __init__(self, form: str) -> None:
        self.form = form

    def print(self, value: Any, *, names: Callable[[], Iterable[str]], text: Callable[[], str]) -> None:
        """Print a value on standard output."""
        from midonet.cli.output.progress import progress  # loads threads, which `--help` does not need

        with progress("formatting"):
            parts = list(FORMATS[self.form].value(value, names, text))
        for part in parts:
            if part:
                output.write(part)

    def commit(self, record: "Record", text: Callable[[], str]) -> None:
        """Print one commit of a stream."""
        show = output.write if self.form != "json" or output.on_terminal() else output.write_raw  # contract: raw bytes
        show(FORMATS[self.form].commit(record, text))

    def warn(self, message: str) -> None:
        """Print a message on standard error that also a program must get, after all data so far."""
        output.flush()
        output.note(message)

    def note(self, message: str) -> None:
        """Print a message for people on standard error, after all data so far; nothing for programs."""
        output.flush()
        if self.form == "table":
            output.note(message)
