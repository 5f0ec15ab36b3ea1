"""A process is gone only if its number is free or reused in the same boot and PID namespace."""

from subprocess import Popen

import pytest
from msgspec.structs import replace

from midonet.events.commit import canonical
from midonet.projections.runtime.process_identity import ProcessIdentity, current_process, decode_identity


@pytest.fixture
def dead() -> int:
    """Number of a process that has ended."""
    process = Popen(["true"])
    process.wait()
    return process.pid


def test_this_process_runs() -> None:
    identity = current_process("me")
    assert identity.local
    assert identity.current
    assert not identity.gone
    assert decode_identity(canonical(identity)) == identity


def test_a_process_that_ended_here_is_gone(dead: int) -> None:
    assert replace(current_process(), pid=dead).gone


def test_a_process_whose_number_was_reused_is_gone() -> None:
    identity = replace(current_process(), begun="1")
    assert identity.gone
    assert not identity.current


def test_a_zombie_is_gone() -> None:
    process = Popen(["true"])
    identity = replace(current_process(), pid=process.pid)
    while not identity.gone:
        pass
    process.wait()


@pytest.mark.parametrize("machine", ["", "another boot", "another-boot pid:[4026531836]"])
def test_a_process_elsewhere_is_not_gone(dead: int, machine: str) -> None:
    identity = replace(current_process(), pid=dead, machine=machine)
    assert not identity.local
    assert not identity.gone
    assert not identity.current


def test_a_record_without_identity_is_not_gone(dead: int) -> None:
    assert not decode_identity(canonical({"hostname": "hv1", "pid": dead})).gone
    assert decode_identity(b"dave@elsewhere") == ProcessIdentity("dave@elsewhere")
    assert decode_identity(b"").who == "an unknown process"
