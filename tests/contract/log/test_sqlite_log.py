"""The log in a SQLite file."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from commits import chain, commit, heads
from log_contract import LogContract, Rows, acknowledged, found, start_racer

from midonet.events.commit import GENESIS, Head
from midonet.events.errors import LostCommits, Misconfigured, Tampered, Unavailable, UsageError, VerificationFailed
from midonet.events.log import Log, open_log
from midonet.events.log.hash_chain import parse

KILLS = 6
NO_USER = 65534


def file_of(log: Log) -> Path:
    return Path(log.url.removeprefix("sqlite:///"))


def execute(file: Path, *statement: object) -> list[tuple[object, ...]]:
    """Run one statement, as any other program could."""
    with closing(sqlite3.connect(file)) as database, database:
        return database.execute(*statement).fetchall()  # type: ignore[arg-type] # text and values


@contextmanager
def as_unprivileged() -> Iterator[None]:
    """Run without root's permission to write to everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NO_USER)
    try:
        yield
    finally:
        os.seteuid(0)


def chain_of_one(log: Log) -> Head:
    """Append a first commit; return the head."""
    log.append(GENESIS, [commit(GENESIS)])
    return log.head()


class TestSqliteLog(LogContract):
    """The contract, and what only a file can do."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """A file in a directory that does not exist either."""
        return f"sqlite:///{tmp_path}/new/my%20 topology?.db"

    def rewrite(self, url: str, rows: Rows) -> None:
        """Replace the rows."""
        file = Path(url.removeprefix("sqlite:///"))
        execute(file, "DELETE FROM commits")
        for position, raw in rows:
            known = parse(raw)
            columns = (known.id, known.time, known.actor) if known else (f"row {position}", "", "")
            execute(file, "INSERT INTO commits VALUES (?, ?, ?, ?, ?)", (position, *columns, raw))

    def test_the_table_is_what_other_programs_rely_on(self, log: Log) -> None:
        """Contract §1: names, types, keys, and a commit that survives a power cut."""
        log.append(GENESIS, chain(GENESIS, 2))
        columns = execute(file_of(log), "SELECT name, type, pk FROM pragma_table_info('commits')")
        assert columns == [
            ("position", "INTEGER", 1),
            ("id", "TEXT", 0),
            ("time", "TEXT", 0),
            ("actor", "TEXT", 0),
            ("body", "BLOB", 0),
        ]
        rows = execute(file_of(log), "SELECT * FROM commits ORDER BY position")
        for position, (record, row) in enumerate(zip(log.read(), rows, strict=True), start=1):
            c = record.commit
            assert row == (position, c.id, c.time, c.actor, record.raw)
        assert execute(file_of(log), "PRAGMA journal_mode") == [("wal",)]

    def test_killed_writers_leave_a_whole_log(self, log: Log) -> None:
        """SIGKILL in the middle of commits: what was acknowledged is there, at most one more is."""
        promised: dict[str, int] = {}
        for number in range(KILLS):
            racer = start_racer(log.url, f"life-{number}", 1_000_000)
            assert racer.stdout is not None
            first = racer.stdout.readline().split()
            time.sleep(0.02 * number)
            racer.kill()
            promised |= {first[0]: int(first[1])} | acknowledged(racer)
        there = found(log)
        assert promised.items() <= there.items()
        assert len(there) <= len(promised) + KILLS

    @pytest.mark.parametrize("column", ["id", "time", "actor"])
    def test_a_column_that_differs_from_the_commit_is_named(self, log: Log, column: str) -> None:
        """Other programs read the columns: they must be true."""
        log.append(GENESIS, chain(GENESIS, 10))
        execute(file_of(log), f"UPDATE commits SET {column} = 'mallory' WHERE position = 4")  # noqa: S608 (ours)
        with pytest.raises(Tampered, match="4"):
            list(log.read())

    def test_an_edit_in_the_shell_is_named(self, log: Log) -> None:
        """It leaves text in a column of bytes."""
        log.append(GENESIS, chain(GENESIS, 10))
        execute(file_of(log), "UPDATE commits SET body = replace(body, 'north', 'south') WHERE position = 4")
        with pytest.raises(Tampered, match="4"):
            list(log.read())

    def test_a_corrupt_file_is_refused(self, log: Log) -> None:
        """A page that SQLite cannot read is not a missing commit."""
        log.append(GENESIS, chain(GENESIS, 200))
        log.close()
        file = file_of(log)
        corrupt = bytearray(file.read_bytes())
        for page in range(2, len(corrupt) // 4096):
            corrupt[page * 4096 : page * 4096 + 100] = b"\xff" * 100
        file.write_bytes(corrupt)
        with pytest.raises(VerificationFailed, match="corrupt"):
            list(log.read())

    def test_a_replaced_file_is_noticed(self, log: Log, tmp_path: Path) -> None:
        """Nothing is written to a file that has lost its name."""
        batch = chain(GENESIS, 5)
        log.append(GENESIS, batch)
        with closing(open_log(f"sqlite:///{tmp_path}/backup.db")) as backup:
            backup.append(GENESIS, batch[:3])
        file_of(log).unlink()
        (tmp_path / "backup.db").rename(file_of(log))
        for rest in ("-wal", "-shm"):
            Path(f"{file_of(log)}{rest}").unlink(missing_ok=True)
        head = heads(batch)[-1]
        with pytest.raises(LostCommits):
            log.append(head, [commit(head)])
        assert [record.raw for record in log.read()] == batch[:3]

    def test_removed_file_is_not_recreated(self, log: Log) -> None:
        """Its commits would seem to be lost, and those to come would be a second log."""
        raw = commit(GENESIS)
        log.append(GENESIS, [raw])
        head = log.head()
        for file in file_of(log).parent.iterdir():
            file.unlink()
        with pytest.raises(Unavailable, match="cannot be opened"):
            log.append(head, [commit(head)])
        assert not file_of(log).exists()

    def test_any_file_name_will_do(self, tmp_path: Path) -> None:
        """Also one that is no text; an error shows it as well as it can."""
        name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.db")
        with closing(open_log(f"sqlite:///{name}")) as log:
            assert log.append(GENESIS, [commit(GENESIS)]) == 1
            assert log.find("\udcff") is None
        Path(name).write_bytes(b"no")
        with pytest.raises(Misconfigured) as caught:
            open_log(f"sqlite:///{name}")
        assert caught.value.message.encode()

    @pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 100, b"x"])
    def test_invalid_database_is_refused(self, tmp_path: Path, content: bytes) -> None:
        """And left as it is."""
        file = tmp_path / "notes.txt"
        file.write_bytes(content)
        with pytest.raises(Misconfigured, match=r"notes.txt is not a SQLite database"):
            open_log(f"sqlite:///{file}")
        assert file.read_bytes() == content

    def test_a_database_of_something_else_is_refused(self, tmp_path: Path) -> None:
        """Where its table has the name of ours."""
        file = tmp_path / "other.db"
        execute(file, "CREATE TABLE commits (sha TEXT)")
        with pytest.raises(Misconfigured, match=r"other.db is not a commit log"):
            open_log(f"sqlite:///{file}").head()

    @pytest.mark.parametrize("name", ["", "directory", "directory/file.db/log.db"])
    def test_a_file_that_cannot_be_opened_is_named(self, tmp_path: Path, name: str) -> None:
        """A directory, or a path through a file."""
        (tmp_path / "directory").mkdir()
        (tmp_path / "directory" / "file.db").touch()
        with pytest.raises(Unavailable, match=str(tmp_path)):
            open_log(f"sqlite:///{tmp_path}/{name}")

    @pytest.mark.parametrize("writer_is_there", [True, False])
    def test_a_log_that_may_not_be_written_is_named(self, *, writer_is_there: bool) -> None:
        """It can be read while its writer has it open; SQLite needs files beside it that a reader cannot make."""
        with TemporaryDirectory(prefix="mn-") as directory:
            Path(directory).chmod(0o755)
            raw = commit(GENESIS)
            with closing(open_log(f"sqlite:///{directory}/log.db")) as log:
                log.append(GENESIS, [raw])
                for file in Path(directory).iterdir():
                    file.chmod(0o444)
                if not writer_is_there:
                    log.close()
                with as_unprivileged(), pytest.raises(Unavailable, match=r"log.db cannot be (written|opened)"):
                    self.read_and_append(log.url, raw)

    def read_and_append(self, url: str, raw: bytes) -> None:
        """Expect one commit, and add another."""
        with closing(open_log(url)) as log:
            assert [record.raw for record in log.read()] == [raw]
            log.append(log.head(), [commit(log.head())])

    @pytest.mark.parametrize("left", [set(), {"-wal"}, {"-wal", "-shm"}])
    def test_a_log_in_a_read_only_directory_is_read(self, left: set[str]) -> None:
        """Also the commits that a killed writer left in the write-ahead log; nothing is written."""
        with TemporaryDirectory(prefix="mn-") as directory, closing(open_log(f"sqlite:///{directory}/log.db")) as log:
            log.append(GENESIS, chain(GENESIS, 3))
            copy = Path(directory) / "copy"
            copy.mkdir(mode=0o755)
            for end in left:
                shutil.copyfile(f"{directory}/log.db{end}", copy / f"log.db{end}")
            if not left:
                log.close()  # the last connection moves all commits into the file
            shutil.copyfile(f"{directory}/log.db", copy / "log.db")
            for file in copy.iterdir():
                file.chmod(0o444)
            before = {file.name: file.read_bytes() for file in copy.iterdir()}
            copy.chmod(0o555)
            Path(directory).chmod(0o755)
            with as_unprivileged(), closing(open_log(f"sqlite:///{copy}/log.db", read_only=True)) as reader:
                assert len(found(reader)) == 3
                assert reader.head_at(3) == reader.head()
                with pytest.raises(Unavailable, match="cannot be written"):
                    reader.append(reader.head(), [commit(reader.head())])
            assert {file.name: file.read_bytes() for file in copy.iterdir()} == before

    def test_a_reader_of_a_read_only_directory_sees_later_commits(self) -> None:
        """The directory may be read-only for this user alone."""
        with TemporaryDirectory(prefix="mn-") as directory:
            url = f"sqlite:///{directory}/log.db"
            with closing(open_log(url)) as log:
                head = chain_of_one(log)
            Path(directory).chmod(0o755)
            Path(f"{directory}/log.db").chmod(0o644)
            with closing(open_log(url, read_only=True)) as reader:
                with as_unprivileged():
                    assert reader.head() == head
                with closing(open_log(url)) as log:
                    log.append(head, [commit(head)])
                with as_unprivileged():
                    assert len(found(reader)) == 2

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
    def test_a_full_disk_is_named_and_can_be_read(self, tmp_path: Path) -> None:
        """On a real file system without space, where SQLite only reports an I/O error."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=True)
        try:
            url = f"sqlite:///{tmp_path}/log.db"
            with closing(open_log(url)) as log:
                head = chain_of_one(log)
            with suppress(OSError), (tmp_path / "rest").open("wb", buffering=0) as rest:
                while rest.write(bytes(4096)):
                    pass
            with closing(open_log(url, read_only=True)) as reader:
                assert reader.head() == head
                assert len(found(reader)) == 1
            with pytest.raises(Unavailable, match="the disk is full"), closing(open_log(url)) as log:
                log.append(head, [commit(head)])
            (tmp_path / "rest").unlink()
            with closing(open_log(url)) as log:
                assert log.append(head, [commit(head)]) == 1
        finally:
            subprocess.run(["umount", tmp_path], check=True)

    def test_a_locked_file_is_named(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a while: another program may hold it for ever."""
        monkeypatch.setattr("midonet.events.log.backends.sqlite._BUSY_SECONDS", 0.1)
        with closing(open_log(log.url)) as impatient, closing(sqlite3.connect(file_of(log))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="locked"):
                impatient.append(GENESIS, [commit(GENESIS)])
            assert impatient.head() == GENESIS
            other.rollback()
            assert impatient.append(GENESIS, [commit(GENESIS)]) == 1

    def test_a_read_only_log_reads_and_refuses_appends(self, log: Log) -> None:
        """It sees what is appended later, and writes nothing."""
        head = chain_of_one(log)
        with closing(open_log(log.url, read_only=True)) as reader:
            assert reader.head() == head
            log.append(head, [commit(head)])
            assert len(found(reader)) == 2
            with pytest.raises(Unavailable, match="cannot be written"):
                reader.append(reader.head(), [commit(reader.head())])
        assert len(found(log)) == 2

    def test_a_read_only_log_is_not_created(self, tmp_path: Path) -> None:
        """Neither the file nor its directory."""
        with pytest.raises(Unavailable):
            open_log(f"sqlite:///{tmp_path}/new/log.db", read_only=True)
        assert not list(tmp_path.iterdir())

    def test_a_file_that_cannot_grow_keeps_what_it_has(self, log: Log) -> None:
        """The writer is told, and a later one goes on."""
        script = Path(__file__).with_name("full_disk.py")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, script, log.url], env=environment, capture_output=True, text=True, check=True
        )
        report = json.loads(done.stdout)
        assert file_of(log).name in report["message"]
        assert len(found(log)) == report["acknowledged"] > 0
        assert log.append(log.head(), [commit(log.head())]) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:log.db", "sqlite:///a\0b"])
def test_a_sqlite_log_needs_a_file(url: str) -> None:
    with pytest.raises(UsageError):
        open_log(url)


def test_a_new_one_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(open_log(f"sqlite:///{tmp_path}/log.db")) as log:
            log.append(GENESIS, [commit(GENESIS)])
            modes = {file.name: file.stat().st_mode for file in tmp_path.glob("log.db*")}
    finally:
        os.umask(before)
    assert "log.db" in modes
    assert [name for name, mode in modes.items() if mode & 0o077] == []
