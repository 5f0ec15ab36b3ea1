"""Thousands of malformed invocations and files: each ends with an exit code of the contract and one line.

Every case is made from its own seed, so that a failure is repeated by `MIDONET_FUZZ_FIRST=<case> MIDONET_FUZZ_CASES=1`.
A refused command leaves the log as it was. Most cases run in this process through the same door as the console
script; some run as processes, where arguments are bytes.
"""

import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from midonet.cli.main import main
from midonet.events.model import KINDS, FieldSpec

CASES = int(os.environ.get("MIDONET_FUZZ_CASES", "1000"))
FIRST = int(os.environ.get("MIDONET_FUZZ_FIRST", "0"))
NIGHTLY_CASES = 10_000
PROCESSES = 60
SECONDS = 30
"""No single case may take longer."""
RENEWED = 100
"""Cases after which the log is reset: some mutations are valid and change it."""

MIDOCTL = Path(sys.executable).with_name("midoctl")
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 7}
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]")

NETWORK = """
- {kind: host, name: hv1}
- kind: bridge
  name: web
  ports: [{name: p1}, {name: up}]
  macs: [{name: mac-entry, mac: '02:00:00:00:00:01', port: p1}]
  arps: [{name: arp-entry, ip: 10.0.0.9, mac: '02:00:00:00:00:01'}]
- kind: router
  name: edge
  ports: [{name: gw, peer: up, addresses: [10.0.0.1/24]}]
  routes: [{name: route, dst: 10.0.0.0/24, port: gw}]
- {kind: chain, name: in, rules: [{name: rule, action: accept, tp_dst: 443, nw_proto: tcp}, {action: drop}]}
- {kind: tunnel-zone, name: fabric, type: vtep, members: [{host: hv1, address: 198.51.100.1}]}
- kind: vtep
  name: tor1
  management_ip: 127.0.0.1
  management_port: 1
  bindings: [{name: vtep-binding, physical_port: e1, bridge: web}]
"""
"""Names of objects by kind; others are named as their kind."""

NASTY: Sequence[str] = (
    *(
        "",
        " ",
        "-",
        "--",
        "---",
        "=",
        ",",
        "/",
        "\\",
        "'",
        '"',
        "`id`",
        "$(id)",
        "%s%n",
        "{",
        "}",
        "[",
        "]",
        "null",
        "~",
    ),
    *("0", "-0", "-1", "1.5", "1e309", "NaN", "-inf", "0x10", "010", "9" * 20, "-" + "9" * 20, "9" * 5000, str(2**63)),
    *("٣", "½", "true", "False", "yes please", "None", "undefined", "0.0.0.0/0", "::/129", "10.0.0.1/24/8", "1.2.3"),
    *("256.1.1.1", "02:00:00:00:00", "ff:ff:ff:ff:ff:ff", "0-65536", "5-1", "tcp;drop", "*", "../../etc/passwd", "/"),
    *(
        "\x00",
        "\x07bell",
        "\x1b[31mred",
        "a\nb",
        "a\r\nb",
        "\u202eevil",
        "\u2028",
        "\ufeff",
        "\udc80",
        "caf\udce9",
        "🧨",
    ),
    *("e\u0301", "x" * 300, "x" * 100_000, "web/", "/web", "web/p1/p1", "a|b", "port|bridge", "bridge/web", "00000000"),
    *(
        "'; DROP TABLE commits; --",
        '{"a": 1',
        '{"host": {"host": {}}}',
        "[[[[" * 5000,
        '[1, "2", null]',
        "host=hv1,host=x",
    ),
    *("2026-13-45T99:99:99Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "tomorrow", "@0", "-5"),
    *("--prune", "--cascade", "--dry-run", "--at", "--help", "--wait", "-o", "-m", "--name", "--id", "--no-such", "-z"),
    *("web", "p1", "up", "edge", "gw", "in", "fabric", "tor1", "hv1", "1", "2", "7", "nsdb", "vtep", "agents"),
)

YAMLS: Sequence[bytes] = (
    b"",
    b"\x00",
    b"\xff\xfe\x00",
    b"kind: bridge\nname: \xe9\n",
    NETWORK.encode("utf-16"),
    b"%YAML 9.9\n---\n{}\n",
    b"&a [*a]\n",
    b"&a {kind: bridge, name: x, ports: *a}\n",
    b"x: &x\n  y: *x\n",
    b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(12)),
    b"[" * 100_000,
    b"{a: " * 20_000,
    b"- " * 20_000 + b"x",
    b"? " * 5_000,
    b"!!python/object/apply:os.system ['id']\n",
    b"- !!binary aGVsbG8=\n",
    b"- !!timestamp 2026-01-01\n",
    b"{kind: bridge, name: 2026-01-01, name: x}\n",
    b"{kind: bridge, name: .nan}\n",
    b"{kind: bridge, name: x, tunnel_key: 99999999999999999999999}\n",
    b"{kind: bridge, name: x, id: 1}\n",
    b"{kind: [bridge], name: x}\n",
    b"{kind: {}, name: x}\n",
    b"{1: 2}\n",
    b"{kind: bridge, <<: {name: x}}\n",
    b"kind: bridge\n\tname: x\n",
    b"just text",
    b"7\n---\n8\n",
    b"- - - kind: bridge\n",
    b"{kind: port, name: lost}\n",
    b"{kind: port, name: p1, bridge: web, router: edge}\n",
    b"{kind: port, name: p1, bridge: web, peer: p1}\n",
    b"{kind: chain, name: in, rules: {action: drop}}\n",
    b"{kind: chain, name: c, rules: [{action: jump, jump_chain: c}]}\n",
    b"{kind: bridge, name: b, ports: [{name: p, kind: router}]}\n",
    b'{kind: bridge, name: "\\0"}\n',
    b'{kind: bridge, name: "\\ud800"}\n',
    b'{kind: bridge, name: "a\\nb"}\n',
    b"- {kind: bridge, name: twin}\n- {kind: bridge, name: twin}\n",
    b"#" * 1_000_000,
)


class Case(NamedTuple):
    """One invocation."""

    words: list[str]
    stdin: bytes = b""
    environ: Mapping[str, str] = MappingProxyType({})
    full_disk: bool = False


class Outcome(NamedTuple):
    """The result of an invocation."""

    status: int
    err: bytes


REFS = {
    "bridge": "web",
    "router": "edge",
    "port": "p1",
    "chain": "in",
    "host": "hv1",
    "vtep": "tor1",
    "tunnel-zone": "fabric",
}


def templates(kind: str) -> Iterator[list[str]]:
    """Yield valid invocations on a kind, from which mutations start."""
    ref = REFS.get(kind, kind)
    options = [f"--{name.replace('_', '-')}={_sensible(spec)}" for name, spec in KINDS[kind].writable.items()]
    required = [
        f"--{name.replace('_', '-')}={_sensible(spec)}" for name, spec in KINDS[kind].writable.items() if spec.required
    ]
    for option in options:
        yield [kind, "create", "new", *required, option]
        yield [kind, "set", ref, option]
        yield [kind, "list", "--filter", option[2:]]
    yield from ([kind, "show", ref], [kind, "clear", ref, "name"], [kind, "delete", ref, "--cascade"])
    yield [kind, "create", "new", *required, "--id=6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"]


def _sensible(spec: FieldSpec) -> str:
    if spec.choices:
        return str(spec.choices[0])
    if spec.ref is not None:
        return REFS.get(spec.ref.kind, "web")
    if spec.base in (bool, int):
        return "true" if spec.base is bool else "7"
    return SENSIBLE.get(spec.format.name, "x") if spec.format else "host=hv1,address=10.0.0.7"


SENSIBLE = {
    "mac": "02:00:00:00:00:07",
    "mac-mask": "ff:ff:ff:00:00:00",
    "ip": "10.0.0.7",
    "cidr": "10.7.0.0/16",
    "address/prefix": "10.7.0.1/16",
    "port-range": "7-77",
    "ip-protocol": "udp",
    "ethertype": "arp",
}
LINES = Path(__file__).with_name("lines.txt").read_text().splitlines()

OF_A_KIND = {kind: list(templates(kind)) for kind in KINDS}
OTHERS = [line.split() for line in LINES]
FILES = [line for line in OTHERS if "FILE" in line or "-" in line]


def case_of(seed: int, folder: Path) -> Case:
    """Return the case of a seed."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    start = random.choice((OTHERS, OTHERS, *([OF_A_KIND[random.choice(list(KINDS))]] * 3)))
    words = list(random.choice(FILES)) if random.random() < 0.2 else mutated(random, list(random.choice(start)))
    file = folder / "input.yaml"
    content = yaml_of(random)
    file.write_bytes(content)
    places = [str(file), str(file), str(file), "-", str(folder), str(folder / "absent"), "/proc/self/mem", "/dev/null"]
    words = [random.choice(places) if word == "FILE" else word for word in words]
    if random.random() < 0.7:
        words = ["-o", "json", *words] if random.random() < 0.8 else [*words, "-o", "json"]
    return Case(words, content, environ_of(random, folder), full_disk=random.random() < 0.02)


def mutated(random: Random, words: list[str]) -> list[str]:
    """Return words of which some are invalid: mostly values, sometimes the command itself."""
    for _ in range(random.choice((0, 1, 1, 1, 1, 2, 3))):
        first = 0 if random.random() < 0.1 else min(2, len(words))
        place = random.randrange(first, len(words) + 1)
        word = words[place] if place < len(words) else "--name=x"
        name, equals, _ = word.partition("=")
        wrong = f"{name}={random.choice(NASTY)}" if equals else random.choice(NASTY)
        match random.randrange(16):
            case 0:
                words.insert(place, wrong)
            case 1:
                del words[place : place + 1]
            case 2:
                words[place : place + 1] = [scrambled(random, word)]
            case 3:
                words.append(random.choice(random.choice(OTHERS)))
            case _:
                words[place : place + 1] = [wrong]
    return in_time(words)


def in_time(words: list[str]) -> list[str]:
    """Return words without valid ones that take long: --follow, demo, long waits."""
    waits = any("wait" in word for word in words)
    long = {word for word in words if len(word) > 3 and ("--follow".startswith(word) or word == "demo")}
    return [word for word in words if word not in long and not (waits and _number(word) > 1)] or ["x"]


def _number(word: str) -> float:
    try:
        return float(word.rpartition("=")[2])
    except ValueError:
        return 0


def scrambled(random: Random, word: str) -> str:
    letters = list(word)
    for _ in range(random.randrange(1, 3)):
        letters.insert(
            random.randrange(len(letters) + 1), chr(random.choice((*range(1, 128), 0x202E, 0xDC80, 0x1F9E8)))
        )
    return "".join(letters)


def yaml_of(random: Random) -> bytes:
    """Return an invalid file, or a valid one with some bytes changed."""
    if random.random() < 0.5:
        return random.choice(YAMLS)
    raw = bytearray(NETWORK.encode())
    for _ in range(random.randrange(1, 6)):
        place = random.randrange(len(raw))
        new = random.randbytes(2) if random.random() < 0.1 else random.choice(NASTY)[:40].encode("utf-8", "ignore")
        raw[place : place + random.randrange(6)] = new
    return bytes(raw)


def environ_of(random: Random, folder: Path) -> dict[str, str]:
    """Return options in the environment or in a file, mostly none."""
    if random.random() < 0.9:
        return {}
    name = random.choice(
        ("ACTOR", "OUTPUT", "AT", "DRY_RUN", "IF_HEAD", "COMMAND_ID", "WAIT", "CONFIG", "ROOT", "SERVER")
    )
    value = random.choice(NASTY).replace("\0", "")
    if name == "CONFIG":
        path = folder / "config.yaml"
        path.write_bytes(yaml_of(random))
        value = random.choice((str(path), str(folder), "/proc/nothing"))
    if name == "SERVER":
        value = random.choice(
            (value[:50], f"sqlite:///{folder}", "sqlite:///", f"sqlite:///{folder}/input.yaml", "http://[")
        )
    return {f"MIDOCTL_{name}": value}


@contextmanager
def alarm() -> Iterator[None]:
    """Fail if a case hangs."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _stdout(*, full: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(Path("/dev/full").open("wb") if full else io.BytesIO(), encoding="utf-8")


class Field:
    """A folder with a log, where cases run."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "USER": "alice", "LANG": "C.UTF-8"}
        self.log = folder / ".local/share/midoctl/topology.db"
        self.base = folder / "base.db"
        self._patch = patch
        patch.chdir(folder)
        made = self.run(Case(["apply", "-f", "-"], NETWORK.encode()))
        assert made.status == 0, made.err
        shutil.copy(self.log, self.base)

    def renew(self) -> None:
        """Put the log back to its start."""
        for suffix in ("-wal", "-shm"):
            self.log.with_name(self.log.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.base, self.log)

    def content(self) -> list[tuple[Any, ...]]:
        """Return every row of the log."""
        with closing(sqlite3.connect(self.log)) as database:
            return database.execute("SELECT * FROM commits").fetchall()

    def run(self, case: Case) -> Outcome:
        """Run a case in this process."""
        err = io.BytesIO()
        with self._patch.context() as patch, alarm(), _stdout(full=case.full_disk) as out:
            patch.setattr("os.environ", {**self.environ, **case.environ})
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(case.stdin)))
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", io.TextIOWrapper(err, encoding="utf-8", write_through=True))
            return Outcome(main(case.words), err.getvalue())

    def run_process(self, case: Case) -> Outcome:
        """Run a case as a user would."""
        words = [os.fsencode(word.replace("\0", "")) for word in case.words]
        with Path("/dev/full" if case.full_disk else "/dev/null").open("wb") as out:
            done = subprocess.run(
                [bytes(MIDOCTL), *words],
                env={**self.environ, **case.environ},
                input=case.stdin,
                stdout=out,
                stderr=subprocess.PIPE,
                timeout=SECONDS,
                check=False,
            )
        return Outcome(done.returncode, done.stderr)


def verdict(case: Case, outcome: Outcome) -> str | None:
    """Return the error of an outcome, or None."""
    err = outcome.err.decode()
    if outcome.status not in EXIT_CODES:
        return f"exit code {outcome.status}"
    if "Traceback" in err or '"internal"' in err or "internal error" in err:
        return "an unexpected error"
    if UNSAFE.search(err):
        return "control characters on the terminal"
    if outcome.status == 0:
        return None
    if outcome.status == 1 and not case.full_disk:
        return "exit code 1 is for internal errors"
    return _wrong_error(err, as_json=err.startswith("{"), wanted=asks_for_json(case))


def asks_for_json(case: Case) -> bool:
    return case.words[:2] == ["-o", "json"] and case.words.count("-o") == 1


def _wrong_error(err: str, *, as_json: bool, wanted: bool) -> str | None:
    if wanted and not as_json:
        return "the error should be JSON"
    if err.count("\n") != 1:
        return f"{err.count(chr(10))} lines instead of one"
    if not as_json:
        return None if err.startswith("midoctl: ") and len(err) < 3000 else "no short text"
    error = json.loads(err).get("error", {})
    if set(error) != {"code", "message", "details"} or not error["message"]:
        return "no code, message and details"
    return None


def attack(field: Field, cases: range, run: Callable[[Case], Outcome]) -> Counter[int]:
    """Run cases up to the first with an error; return the number of cases by exit code."""
    statuses: Counter[int] = Counter()
    for seed in cases:
        if seed % RENEWED == 0:
            field.renew()
        before = field.content()
        case = case_of(seed, field.folder)
        outcome = run(case)
        trouble = verdict(case, outcome)
        if outcome.status and field.content() != before and not case.full_disk:
            trouble = "refused, and yet the log changed"
        shown = [word[:100] for word in case.words]
        assert trouble is None, f"case {seed}: {trouble}: {shown} {case.environ} {outcome.status} {outcome.err[:500]!r}"
        statuses[outcome.status] += 1
    return statuses


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Field:
    return Field(tmp_path, monkeypatch)


def _check(statuses: Counter[int]) -> None:
    total = statuses.total()
    assert statuses[0] < total / 2, f"most cases should be wrong: {statuses}"
    assert not total > RENEWED or {2, 3, 4} <= set(statuses), f"of every sort: {statuses}"


@pytest.mark.timeout(600)
def test_malformed_invocations(field: Field) -> None:
    _check(attack(field, range(FIRST, FIRST + CASES), field.run))


@pytest.mark.timeout(600)
def test_malformed_invocations_as_processes(field: Field) -> None:
    _check(attack(field, range(10**6, 10**6 + PROCESSES), field.run_process))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_ten_thousand_malformed_invocations(field: Field) -> None:
    _check(attack(field, range(10**7, 10**7 + NIGHTLY_CASES), field.run))
