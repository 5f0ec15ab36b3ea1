"""Commands that are generated from the model match it: kinds, options, examples; every command has help."""

import shlex
from collections.abc import Iterator

import click
import pytest

from midonet.cli.catalog.kinds import KIND_HELP, OTHER_WORDS
from midonet.cli.framework.command import DataOption, Group
from midonet.cli.main import root
from midonet.cli.options.options import EVERYWHERE, READ, SETTINGS, WRITE, Settings
from midonet.cli.session.invocation import Invocation
from midonet.events.model import KINDS


def commands(group: Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.known:
        found = group.get_command(click.Context(group), name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, Group):
            yield from commands(found, (*path, name))


ALL = dict(commands())


def test_the_kinds_are_those_of_the_model() -> None:
    assert {name: kind.help for name, kind in KINDS.items()} == KIND_HELP


def test_no_field_hides_a_shared_option() -> None:
    taken = {*SETTINGS.keys() - {"tenant"}, "help", "version", "cascade", "id", "index", "ref"}
    for kind in KINDS.values():
        assert taken.isdisjoint(set(kind.writable))
    assert not set(EVERYWHERE + READ + WRITE) & {"tenant"}, "only `list` has it besides the fields of that name"


def test_suggested_words_exist() -> None:
    known = {path[-1] for path in ALL} | {" ".join(path) for path in ALL}
    assert set(OTHER_WORDS.values()) <= known
    assert not set(OTHER_WORDS) & {path[-1] for path in ALL if len(path) == 1}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    found = ALL[path]
    context = click.Context(found, info_name=path[-1], obj=Invocation(Settings({})))
    text = found.get_help(context)
    assert (found.help or "").strip().endswith(".")
    assert "--help" in text
    for option in found.params:
        if isinstance(option, click.Option):
            assert option.help, f"{option.name} of {' '.join(path)}"


@pytest.mark.parametrize("path", [path for path in ALL if not isinstance(ALL[path], Group)], ids=" ".join)
def test_every_command_has_an_example_of_itself(path: tuple[str, ...]) -> None:
    lines = (ALL[path].epilog or "").splitlines()
    assert any(line.startswith("  ") and " ".join(path) in line for line in lines)


def test_every_read_of_the_network_takes_a_moment() -> None:
    taking = {path for path, found in ALL.items() if any(param.name == "at" for param in found.params)}
    reads = {(kind, verb) for kind in KIND_HELP for verb in ("list", "show")}
    assert taking >= reads | {(name,) for name in ("export", "log", "history", "blame", "head", "tag")}


def examples() -> Iterator[str]:
    for found in [root, *ALL.values()]:
        for line in (found.epilog or "").splitlines():
            if line.startswith("  midoctl "):
                yield line.strip()


@pytest.mark.parametrize("line", list(examples()))
def test_every_example_parses(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])[1:]
    invocation = Invocation(Settings({}))
    found: click.Command = root
    parent = None
    while True:
        context = found.make_context("midoctl", words, parent=parent, obj=invocation)
        if not isinstance(found, Group):
            return
        _, next_command, words = found.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001 - as click does
        assert next_command is not None
        found, parent = next_command, context


def test_every_option_but_the_fields_has_a_variable() -> None:
    for found in ALL.values():
        for option in found.params:
            if isinstance(option, click.Option) and option.name not in SETTINGS:
                assert (option.envvar is None) == isinstance(option, DataOption), option


def test_every_option_of_a_field_is_named_like_the_field() -> None:
    for kind in KINDS.values():
        names = {param.name: param.opts for param in ALL[kind.name, "set"].params}
        for field in kind.writable:
            assert names[field] == [f"--{field.replace('_', '-')}"]
