"""Every example in help texts runs, on one log; and tables of all kinds fit the terminal."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.cells import cell_len

from midonet.cli.catalog.examples import examples, verb_examples
from midonet.cli.catalog.kinds import KIND_HELP
from midonet.cli.catalog.topics import TOPICS
from midonet.events.commands.verbs import VERBS
from midonet.events.model import KINDS

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
    """Run an example; a word in capitals stands for an object of the kind with which it succeeds."""
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
    """Run lines in any order that succeeds; yield those that fail in each, with the error."""
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
    wanted = [line for kind, verbs in VERBS.items() for verb in verbs for line in lines(verb_examples(kind, verb))]
    back = [line for line in wanted if line.split()[1].startswith(("un", "remove"))]
    list(settled(everything, back))  # what the examples of `create` have tied already
    assert list(settled(everything, [line for line in wanted if line not in back])) == []
    assert list(settled(everything, back)) == []


def test_help_has_three_equal_forms(midoctl: Midoctl) -> None:
    whole = midoctl("help").out
    assert whole.startswith(midoctl("--help").out)
    assert midoctl("help", "port", "bind").out == midoctl("port", "bind", "--help").out
    assert midoctl("shell", "-e", "help bridge").out == midoctl("bridge", "--help").out
    for topic, (title, text) in TOPICS.items():
        assert f"  {topic}" in whole
        assert title in whole
        assert midoctl("help", topic).out == f"{text}\n"
        assert max(map(len, text.splitlines())) <= 120
    assert "did you mean moments?" in midoctl.refused(2, "help", "moment")["message"]
    assert "did you mean bind" in midoctl.refused(2, "help", "port", "bin")["message"]
    assert midoctl.refused(2, "help", "head", "x")["code"] == "usage"


def test_examples_of_topics_run(network: Midoctl) -> None:
    network.ok("tag", "before-upgrade")
    for number in range(120):
        network.ok("bridge", "create", f"b{number}")
    shown = [line for _, text in TOPICS.values() for line in lines(text)]
    assert len(shown) >= 3
    assert [line for line in shown if network(*shlex.split(line)).status] == []
    filters = re.findall(r"^  (--filter \S+(?: \S+)*?)  ", TOPICS["filters"][1], re.MULTILINE)
    kinds = {"weight": "route", "members": "tunnel-zone"}
    for line in filters:
        words = shlex.split(line)
        kind = kinds.get(re.split("[.=<>!~]", words[1])[0], "bridge")
        assert network(kind, "list", *words).status == 0, line
    assert len(filters) == 7


def test_man_pages_have_the_texts_of_help(midoctl: Midoctl, tmp_path: Path) -> None:
    pages = midoctl.ok("man", f"{tmp_path}/man1")["pages"]
    assert {"midoctl", "midoctl-bridge", "midoctl-log"} <= set(pages)
    texts = {page: (tmp_path / "man1" / f"{page}.1").read_text() for page in pages}
    assert all(text.isascii() and text.startswith(".TH ") for text in texts.values())
    for page, text in texts.items():
        assert not [line for line in text.splitlines() if len(line) > 1 and line[0] == "'"], page
    bridge = texts["midoctl-bridge"].replace("\\-", "-")
    for word in (
        "--inbound-filter",
        "--if-head",
        'SS "midoctl bridge add-mac"',
        "midoctl bridge create web --tenant acme",
    ):
        assert word in bridge
    assert midoctl.refused(2, "man", "/proc/nowhere")["code"] == "usage"


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_table_fits_the_terminal(everything: Midoctl, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    everything.ok("tag", "a-tag-with-a-rather-long-name-" + "x" * 50, "-m", "why " * 20)
    everything.environ |= {"COLUMNS": str(width), "TERM": "xterm-256color"}
    monkeypatch.setattr("midonet.cli.output.output.on_terminal", lambda: True)
    shown = [[kind, "list"] for kind in KIND_HELP]
    for kind in KIND_HELP:
        first = everything(kind, "list", "-o", "name").out.splitlines()[0]
        shown += [[kind, "show", first], ["blame", first], [kind, "list", "--fields", ",".join(KINDS[kind].fields)]]
    shown += [["describe", kind] for kind in KIND_HELP if width > 40]
    for words in [*shown, [], ["head"], ["tag", "list"], ["projection", "list"], ["projection", "status"]]:
        done = everything(*words)
        assert done.status == 0, done.err
        assert done.out
        lines = re.sub(r"\x1b\[[0-9;]*m", "", done.out).splitlines()
        assert max(map(cell_len, lines)) <= width, f"{words}: {done.out}"


def test_every_read_has_every_output_format(everything: Midoctl) -> None:
    first = {kind: everything(kind, "list", "-o", "name").out.splitlines()[0] for kind in KIND_HELP}
    reads = [
        words for kind, ref in first.items() for words in ([kind, "list"], [kind, "show", ref], ["describe", kind])
    ]
    web = [["history", "bridge/web"], ["blame", "bridge/web"], ["bridge", "show", "web", "name", "tunnel-key"]]
    for words in [*reads, *web, ["head"], ["tag", "list"], ["diff", "1"], ["verify"], ["projection", "list"], []]:
        said = everything.ok(*words)
        assert yaml.safe_load(everything("-o", "yaml", *words).out) == said, words
        assert everything("-o", "name", *words).status == everything(*words).status == 0
    commits = [json.loads(line) for line in everything("log", "-o", "json").out.splitlines()]
    assert list(yaml.safe_load_all(everything("log", "-o", "yaml").out)) == commits
