"""The shell: lines from a file or a pipe, and the prompt on a real terminal."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from waiting import HEARS_CTRL_C

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

SCRIPT = """
# two racks
host create hv1
midoctl bridge create web --tenant acme   # midoctl may be written
bridge create "my # bridge"

port create p#1 --bridge web
"""


def test_lines_of_a_file(midoctl: Midoctl, tmp_path: Path) -> None:
    script = tmp_path / "rack.midoctl"
    script.write_text(SCRIPT)
    run = midoctl("-m", "ticket 7", "shell", "-f", str(script))
    assert (run.status, run.err) == (0, "")
    assert [bridge["name"] for bridge in midoctl.ok("bridge", "list")] == ["my # bridge", "web"]
    assert midoctl.ok("port", "show", "p#1")["name"] == "p#1"
    assert midoctl("log", "-o", "json").out.count('"reason":"ticket 7"') == 4
    run = midoctl("shell", stdin=SCRIPT.encode())
    assert (run.status, run.err[:18]) == (3, "midoctl: stdin:7: "), "by now two bridges are called web"
    assert midoctl.ok("head")["position"] == 7


def test_the_first_failing_line_ends_the_shell(midoctl: Midoctl) -> None:
    text = b"bridge create a\n\nbridge show b\nbridge create c\nbridge create d --vlan x\n"
    run = midoctl("shell", stdin=text)
    assert run.status == 4
    assert run.err == "midoctl: stdin:3: there is no bridge 'b'\n"
    assert midoctl.ok("head")["position"] == 1
    run = midoctl("shell", "--keep-going", stdin=text)
    assert run.status == 4
    assert [line.partition(": ")[2].partition(":")[0] for line in run.err.splitlines()] == [
        "stdin",
        "stdin",
        "2 lines failed",
    ]
    assert midoctl.ok("head")["position"] == 3
    run = midoctl("-o", "json", "shell", "--keep-going", stdin=text)
    assert [json.loads(line)["error"]["code"] for line in run.err.splitlines()] == ["not-found", "usage"]
    run = midoctl("-o", "json", "shell", stdin=text)
    assert json.loads(run.err)["error"]["details"]["line"] == "stdin:3"


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("bridge create 'open", 2, "no closing quotation"),
        ("shell", 2, "already in a shell"),
        ("sett", 2, "write: sett TENANT"),
        ("bridg list", 2, "did you mean bridge?"),
        ("apply -f -", 2, "a shell reads its lines from it"),
        ("bridge create \udcff", 2, "is not UTF-8 text"),
        ("--server nonsense bridge list", 2, "unknown form of a log's URL"),
    ],
)
def test_invalid_lines_are_refused(midoctl: Midoctl, line: str, status: int, message: str) -> None:
    run = midoctl("shell", stdin=b"#\n" + line.encode("utf-8", "surrogateescape"))
    assert run.status == status
    assert run.err.startswith("midoctl: stdin:2: ")
    assert message in run.err
    assert run.err.count("\n") == 1


def test_lines_on_the_command_line(midoctl: Midoctl, tmp_path: Path) -> None:
    run = midoctl("shell", "-e", "bridge create web", "-e", "bridge list -o name", "-e", "exit", "-e", "bridge show x")
    assert (run.status, run.out.splitlines()[-1]) == (0, "web")
    assert midoctl.refused(2, "shell", "-e", "head", "-f", "x")["code"] == "usage"
    assert midoctl.refused(2, "shell", "-f", str(tmp_path / "none"))["code"] == "usage"
    for place in (str(tmp_path), "/proc/self/mem", "/dev/zero"):
        assert midoctl.refused(2, "shell", "-f", place)["code"] == "usage"
    assert midoctl("shell", "-e", "bridge list extra").err.startswith("midoctl: -e:1: ")


def test_other_writers_and_other_logs_are_seen(midoctl: Midoctl, tmp_path: Path) -> None:
    other = f"--server sqlite:///{tmp_path}/other.db"
    lines = f"bridge create a\n{other} bridge create b --create\n{other} bridge list -o name\n"
    lines += "bridge list -o name\nhead -o name\n"
    assert midoctl("shell", stdin=lines.encode()).out.splitlines()[2:] == ["b", "a", "1"]


def test_the_chosen_tenant(midoctl: Midoctl) -> None:
    lines = """
        bridge create none
        sett acme
        bridge create web
        bridge create other --tenant blue
        port create p1 --bridge web
        port create p2 --bridge none
        qos-policy create gold --shared --tenant blue
        host create hv1
    """
    assert midoctl("shell", stdin=lines.encode()).status == 0

    def names(*words: str) -> list[str]:
        return [found["name"] for found in midoctl.ok(*words)]

    assert names("bridge", "list") == ["none", "other", "web"]
    assert names("bridge", "list", "--tenant", "acme") == names("--tenant", "acme", "bridge", "list") == ["web"]
    midoctl.environ["MIDOCTL_TENANT"] = "acme"
    assert names("bridge", "list") == ["web"]
    assert names("port", "list") == ["p1"], "parts are whose what they are parts of is"
    assert names("port", "list", "--all-tenants") == ["p1", "p2"]
    assert names("qos-policy", "list") == ["gold"], "shared with all"
    assert names("host", "list") == ["hv1"], "hosts have no tenant"
    assert midoctl.ok("router", "create", "r")["object"]["tenant"] == "acme"
    assert midoctl.ok("router", "create", "s", "--tenant", "blue")["object"]["tenant"] == "blue"
    assert "only bridges of tenant acme" in midoctl("bridge", "list").err
    run = midoctl("shell", "-e", "cleart", "-e", "bridge list -o name")
    assert run.out.splitlines() == ["none", "other", "web"]


@pytest.fixture
def typist(network: Midoctl) -> Iterator[pexpect.spawn]:
    """A shell on a terminal, on a small network."""
    program, *words = *HEARS_CTRL_C, str(Path(sys.executable).with_name("midoctl")), "shell"
    environ = {**network.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    child = pexpect.spawn(program, words, env=environ, encoding="utf-8", timeout=10, dimensions=(40, 120))
    child.expect("`exit` leaves")
    yield child
    child.close(force=True)


def say(child: pexpect.spawn, line: str, *answers: str) -> None:
    """Type a line and wait for its output, which the line itself must not hold."""
    child.sendline(line)
    for answer in answers:
        child.expect_exact(answer)


def test_the_prompt_on_a_terminal(typist: pexpect.spawn, network: Midoctl) -> None:
    typist.expect_exact(" 1>")
    say(typist, "bridge create db", "bridge db created", " 2>")
    say(typist, "bridge lst", "did you mean list")
    typist.send("bridge show no-such")
    typist.sendintr()
    typist.expect_exact("2>")
    typist.send("bridge li\t")
    typist.expect_exact("st")
    say(typist, "", "@1", "db", "@2", "web")
    say(typist, "bridge set @1 --tenant acme", "bridge db: tenant none → acme", " 3>")
    say(typist, "bridge set @3 --tenant acme", "the last list has 2 entries")
    network.ok("bridge", "create", "elsewhere")
    say(typist, "bridge list", "@2", "elsewhere", " 4>")
    say(typist, "sett acme", "[acme]>")
    say(typist, "bridge list", "@1", "only bridges of tenant")
    say(typist, "bridge show @2", "the last list has 1 entries")
    say(typist, "--server postgresql+psycopg://u:secret@127.0.0.1:1/x head", "midoctl:")
    say(typist, "exit")
    typist.expect(pexpect.EOF)
    history = (Path(network.environ["HOME"]) / ".local/state/midoctl/history").read_text()
    assert "bridge create db" in history
    assert "secret" not in history


def test_interrupting_a_command_keeps_the_shell(typist: pexpect.spawn) -> None:
    typist.expect_exact("1>")
    say(typist, "log --follow", "router edge created")
    typist.sendintr()
    typist.expect_exact("midoctl: interrupted")
    say(typist, "head", "hash")
    typist.expect_exact("1>")
    typist.sendeof()
    typist.expect(pexpect.EOF)
    typist.close()
    assert (typist.exitstatus, typist.signalstatus) == (0, None)


def test_a_name_with_blanks_is_completed_in_quotes(typist: pexpect.spawn) -> None:
    say(typist, "bridge create 'my bridge'", "bridge my bridge created", "2>")
    typist.send("bridge show my\t")
    typist.expect_exact("'my bridge'")
    say(typist, "", "tunnel_key")
