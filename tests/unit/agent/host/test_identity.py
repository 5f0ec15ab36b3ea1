"""A host's identity is made once, whole, and never replaced."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from midonet.agent.host import identity
from midonet.events.errors import InvalidValue, Misconfigured, NotFound

HOST = "6f1f0b3c-6f0f-4c68-8d3a-9b1a4a1f2e3d"


def test_made_on_the_first_start_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "host-id"
    host = identity.host_id({}, file)
    assert str(UUID(host)) == host
    assert identity.host_id({}, file) == host == identity.read(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["host-id"]


def test_written_by_hand_in_any_form(tmp_path: Path) -> None:
    file = tmp_path / "host-id"
    file.write_text(f"  {HOST.upper()}\n\n")
    assert identity.host_id({}, file) == HOST


def test_concurrent_starts_get_one_host_id(tmp_path: Path) -> None:
    file = tmp_path / "host-id"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: identity.host_id({}, file), range(32)))) == 1


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff\xfe", HOST[:-1].encode(), b"x" * 9999])
def test_garbage_is_reported_and_not_changed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "host-id"
    file.write_bytes(content)
    with pytest.raises(InvalidValue, match="not a UUID") as error:
        identity.host_id({}, file)
    assert str(file) in error.value.message
    assert file.read_bytes() == content


def test_non_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"cannot read the host id file {tmp_path}: Is a directory"):
        identity.host_id({}, tmp_path)


def test_invalid_path_is_refused() -> None:
    with pytest.raises(Misconfigured, match="null"):
        identity.host_id({}, Path("a\0b"))


def test_uncreatable_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="Not a directory"):
        identity.host_id({}, tmp_path / "file" / "host-id")


def test_a_file_that_is_only_read_must_exist(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no host id file"):
        identity.read(tmp_path / "host-id")


def test_without_rights_on_the_system_it_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(identity, "SYSTEM_FILE", tmp_path / "file" / "host-id")
    host = identity.host_id({"XDG_STATE_HOME": str(tmp_path / "state")})
    assert identity.read(tmp_path / "state" / "midonet" / "host-id") == host


def test_the_systems_file_is_never_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "SYSTEM_FILE", tmp_path)
    with pytest.raises(Misconfigured, match="Is a directory"):
        identity.host_id({"XDG_STATE_HOME": str(tmp_path / "state")})
