"""What one command line runs with; the object of its click context."""

from typing import TYPE_CHECKING, NamedTuple

from midonet.cli.options.options import Settings

if TYPE_CHECKING:
    from midonet.cli.session.shell_cache import ShellCache


class Invocation(NamedTuple):
    """One command line: its options, and the cache of the shell that runs it."""

    settings: Settings
    cache: "ShellCache | None" = None
    """None outside of a shell."""
