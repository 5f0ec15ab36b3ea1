"""Help that is true: every example of a kind does what it says, on one log."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from midonet.cli.examples import examples
from midonet.cli.kinds import KIND_HELP
from midonet.cli.links import LINKS

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

BEFORE = [
    "host create hv2",
    "port create p2 --bridge web",
    "port create up --bridge web",
    "port create down --router edge --addresses 10.9.0.1/24",
]


def lines(text: str) -> list[str]:
    return [line.strip().removeprefix("midoctl ") for line in text.splitlines() if line.startswith("  midoctl ")]


def run(midoctl: Midoctl, line: str) -> Any:
    """Run an example; a word in capitals stands for some object of the kind for which it works."""
    words = shlex.split(line)
    if not any(re.fullmatch("[A-Z]{3,}", word) for word in words):
        return midoctl(*words)
    done = None
    for ref in midoctl(words[0], "list", "-o", "name").out.splitlines():
        done = midoctl(*(ref if re.fullmatch("[A-Z]{3,}", word) else word for word in words))
        if done.status == 0:
            break
    return done


def settled(midoctl: Midoctl, wanted: list[str]) -> Iterator[str]:
    """Run lines until each has worked, whatever they need of each other; yield those that never do, with the error."""
    while wanted:
        failed = {line: done.err for line in wanted if (done := run(midoctl, line)).status}
        if len(failed) == len(wanted):
            yield from (f"{line}: {error}" for line, error in failed.items())
            return
        wanted = list(failed)


@pytest.fixture
def everything(midoctl: Midoctl) -> Midoctl:
    """A log on which all examples of `create` have been run."""
    created = [line for kind in KIND_HELP for line in lines(examples(kind, "create"))]
    assert list(settled(midoctl, [*created, *BEFORE])) == []
    return midoctl


def test_every_example_of_a_kind_works(everything: Midoctl) -> None:
    head = everything("head", "-o", "name").out.strip()
    for verb in ("list", "show", "set", "clear", "delete"):
        for kind in KIND_HELP:
            found = lines(examples(kind, verb))
            assert found
            for line in found:
                trial = " --dry-run" if verb in ("set", "clear") else ""  # the next example finds what it names
                done = run(everything, line.replace("--at 12", f"--at {head}") + trial)
                refused = verb == "delete" and done.status == 3 and "in use" in done.err
                assert done.status == 0 or refused, f"{line}: {done.err}"


def test_every_example_of_a_link_works(everything: Midoctl) -> None:
    wanted = [line for commands in LINKS.values() for one in commands for line in lines(one.epilog or "")]
    back = [line for line in wanted if line.split()[1].startswith(("un", "remove"))]
    list(settled(everything, back))  # what the examples of `create` have tied already
    assert list(settled(everything, [line for line in wanted if line not in back])) == []
    assert list(settled(everything, back)) == []
