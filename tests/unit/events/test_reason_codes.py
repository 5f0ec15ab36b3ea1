"""Every refusal says why in a word for machines, and the list of these words is complete."""

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random

from random_commands import random_command

import midonet.events.errors
import midonet.simulation
from midonet.events.commands.command import Command
from midonet.events.commands.decide import decide
from midonet.events.errors import Conflict, InUse, InvalidValue, NotFound, Rejected
from midonet.events.reason_codes import REASONS
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology

SOURCE = Path(midonet.events.errors.__file__).parent
FOLDERS = (".", "access", "commands", "model", "queries", "system", "topology")
DECIDING = [path for folder in FOLDERS for path in SOURCE.glob(f"{folder}/*.py")]
DECIDING += Path(midonet.simulation.__file__).parent.rglob("*.py")
REFUSALS = {"InvalidValue", "Conflict", "InUse"}


def raised(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield every refusal that the source raises."""
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in REFUSALS:
            yield call


def test_every_refusal_in_the_source_has_a_reason() -> None:
    for path in DECIDING:
        if path.name in ("errors.py", "describe.py"):
            continue
        for call in raised(ast.parse(path.read_text())):
            assert {"reason", None} & {keyword.arg for keyword in call.keywords}, f"{path.name}:{call.lineno}"


def test_every_reason_is_used() -> None:
    words = {
        node.value
        for path in DECIDING
        if path.name != "reason_codes.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    formats = {
        reason for reason in REASONS if reason.removeprefix("bad-").replace("address-prefix", "address/prefix") in words
    }
    assert set(REASONS) - words == formats - words


def test_every_refusal_has_a_listed_reason() -> None:
    rng, topology, seen = Random(20261122), Topology(), set()  # noqa: S311 - a seed, not a secret
    for number in range(3000):
        command: Command = random_command(rng, topology)
        try:
            events = decide(topology, command, f"command-{number}").events
        except (InvalidValue, Conflict, InUse) as refused:
            seen.add(refused.details["reason"])
            continue
        except (Rejected, NotFound):
            continue
        for event in events:
            evolve(topology, event, number)
    assert seen <= set(REASONS)
    assert len(seen) > 20
