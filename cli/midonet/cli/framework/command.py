"""Classes of click commands: shared options anywhere, suggestions in errors, groups that load commands on first use.

Imports neither the model nor a library beyond click.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import click

from midonet.cli.catalog.kinds import OTHER_WORDS
from midonet.cli.options.options import EVERYWHERE, SETTINGS, shared_option
from midonet.cli.output.output import write
from midonet.events.suggestions import suggest

_TRUTH = ("true", "false", "yes", "no", "on", "off", "1", "0")


class DataOption(click.Option):
    """An option for data of an object; it has no environment variable."""

    is_switch = False
    """Whether it is a yes/no option that may stand alone."""


class RefType(click.ParamType):
    """A reference to an object; in a shell, `@2` is the second of the last list."""

    name = "ref"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the reference, or several with commas; `@2` and the like are replaced by ids."""
        cache = ctx.obj.cache if ctx is not None else None
        if cache is None or not cache.numbered or not isinstance(value, str) or "@" not in value:
            return value
        return ",".join(self._listed(word, cache.listed, param, ctx) for word in value.split(","))

    def _listed(
        self, word: str, listed: Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        place = word[1:]
        if not word.startswith("@") or not (place.isascii() and place.isdigit()):
            return word
        if not 0 < int(place) <= len(listed):
            self.fail(f"there is no {word}: the last list has {len(listed)} entries", param, ctx)
        return listed[int(place) - 1]


REF = RefType()


class OneOf(click.Choice[str]):
    """One of many words; the error for another one suggests the closest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a word that is none of them."""
        del ctx
        hint = suggest(str(value), self.choices) or f"; there are {', '.join(self.choices)}"
        return f"{value!r} is none of them{hint}"


class Command(click.Command):
    """A command that takes the shared options as well; its help lists them in one line."""

    def __init__(self, name: str | None, *, params: Iterable[click.Parameter] = (), **attributes: Any) -> None:
        own: list[click.Parameter] = list(params)
        taken = {param.name for param in own}  # `log --actor` filters
        for param in own:
            if isinstance(param, click.Option) and not isinstance(param, DataOption) and param.name not in SETTINGS:
                param.envvar = f"MIDOCTL_{param.opts[-1].lstrip('-').replace('-', '_').upper()}"
        shared: list[click.Parameter] = [shared_option(name) for name in EVERYWHERE if name not in taken]
        super().__init__(name, params=own + shared, **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a yes/no option without a value, with true or false after it, or as `--no-…`."""
        switches = {name for opt in self.params if isinstance(opt, DataOption) and opt.is_switch for name in opt.opts}
        return super().parse_args(ctx, _join_switches(args, switches))

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that prints the help."""
        return _printed_safely(super().get_help_option(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the command's own options; of the shared ones only the names."""
        _format_options(self, ctx, formatter)


def _printed_safely(option: click.Option | None) -> click.Option | None:
    def show_help(ctx: click.Context, _: click.Parameter, wanted: Any) -> None:
        if wanted and not ctx.resilient_parsing:
            write(ctx.get_help())
            ctx.exit()

    if option is not None:
        option.callback = show_help
    return option


def _format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    shared = [param for param in command.get_params(ctx) if param.name in EVERYWHERE and not param.expose_value]
    own = [
        record
        for param in command.get_params(ctx)
        if param not in shared and (record := param.get_help_record(ctx)) is not None
    ]
    with formatter.section("Options"):
        formatter.write_dl(own)
    formatter.write_paragraph()
    names = ", ".join(param.opts[-1] if param.name != "output" else "-o" for param in shared)
    formatter.write_text(f"Common options, before or after the command: {names} (see midoctl --help).")


def _join_switches(args: Sequence[str], switches: Collection[str]) -> list[str]:
    """Join every yes/no option with its value, so that it never consumes another argument."""
    joined: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*joined, word, *rest]
        if word in switches:
            word += "=" + (rest.pop(0) if rest and rest[0].lower() in _TRUTH else "true")
        elif word.startswith("--no-") and "--" + word[5:] in switches:
            word = f"--{word[5:]}=false"
        joined.append(word)
    return joined


class Group(click.Group):
    """A group that loads its commands on first use and suggests one for an unknown word."""

    def __init__(
        self,
        name: str | None,
        *,
        sections: Mapping[str, Mapping[str, str]],
        load: Callable[[str], click.Command],
        params: Iterable[click.Parameter] = (),
        **attributes: Any,
    ) -> None:
        super().__init__(name, params=[*params, *map(shared_option, EVERYWHERE)], no_args_is_help=False, **attributes)
        self._sections = sections
        self._load = load

    @property
    def known(self) -> dict[str, str]:
        """Every command with its one line of help."""
        return {name: text for section in self._sections.values() for name, text in section.items()}

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that prints the help."""
        return _printed_safely(super().get_help_option(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        del ctx
        return list(self.known)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        return self._load(cmd_name) if cmd_name in self.known else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the error for an unknown word suggests one."""
        if args and args[0] not in self.known and not ctx.resilient_parsing:
            raise click.UsageError(self._unknown(ctx, args[0]), ctx)
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, word: str) -> str:
        other = OTHER_WORDS.get(word.lower())
        hint = f"; use {other}" if other in self.known else suggest(word, self.known)
        return f"{ctx.command_path} has no command {word!r}{hint}"

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the error for none lists them."""
        if not ctx._protected_args and not ctx.args and not self.invoke_without_command:  # noqa: SLF001 - as click.Group does
            raise click.UsageError(f"{ctx.command_path} needs a command: {', '.join(self.known)}", ctx)
        return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section."""
        del ctx
        width = max(map(len, self.known))
        for title, commands in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options; below the top level only the group's own."""
        if ctx.parent is None:
            click.Command.format_options(self, ctx, formatter)
        else:
            _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def group(name: str, *commands: Command, about: str) -> Group:
    """Return a group of commands that are loaded with it; `about` is its help."""
    known = {str(one.name): one for one in commands}
    return Group(name, sections={"Commands": short_helps(commands)}, load=known.__getitem__, help=about)


def short_helps(commands: Iterable[Command]) -> dict[str, str]:
    """Return the one line of help of each command, by name."""
    return {str(one.name): one.get_short_help_str(90) for one in commands}


def in_paragraphs(text: str) -> str:
    """Keep the line breaks of examples in a help text: an indented paragraph is one."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{part}" if part.startswith("  ") else part for part in paragraphs)


def command(
    name: str, *params: click.Parameter, shared: Sequence[str] = (), examples: str = ""
) -> Callable[[Callable[..., None]], Command]:
    """Create a command from a function of the session and the parameters; its docstring is the help."""

    def make(work: Callable[..., None]) -> Command:
        def run(**values: Any) -> None:
            from midonet.cli.session.session import Session

            with Session(click.get_current_context().obj) as session:
                work(session, **values)

        return Command(
            name,
            params=[*params, *map(shared_option, shared)],
            callback=run,
            help=work.__doc__,
            epilog=in_paragraphs(f"Examples:\n\n{examples}") if examples else None,
        )

    return make
