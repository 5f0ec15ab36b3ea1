"""Run one command line: parse it, run its command, report an error, return the exit code."""

import os
import re

import click

from midonet.cli.framework.error_report import report
from midonet.cli.output import output
from midonet.cli.output.sanitize import shortened
from midonet.cli.session.invocation import Invocation
from midonet.events.errors import UsageError

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""NUL, and what Python decodes invalid UTF-8 to."""


def run(root: click.Command, words: list[str], invocation: Invocation, where: str | None = None) -> int:
    """Run one command line; return the exit code. An error message includes `where` the line was read."""
    try:
        status = _run(root, words, invocation)
        output.flush()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the user gets one clear line
        return report(error, invocation.settings, words, where)
    return status


def _run(root: click.Command, words: list[str], invocation: Invocation) -> int:
    if "_MIDOCTL_COMPLETE" in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(
            root, {"obj": invocation}, "midoctl", "_MIDOCTL_COMPLETE", os.environ["_MIDOCTL_COMPLETE"]
        )
    for word in words:
        if _NO_TEXT.search(word):
            raise UsageError(f"{shortened(repr(word), 100)} is not UTF-8 text")
    try:
        with root.make_context("midoctl", list(words), obj=invocation) as context:  # click eats its arguments
            root.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0
