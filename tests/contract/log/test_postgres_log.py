"""The log in a PostgreSQL database."""

import time
from contextlib import closing, suppress
from itertools import islice
from threading import Timer
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from commits import chain, commit
from log_contract import LogContract, Rows, acknowledged, found, never, position, start_racer
from sqlalchemy import make_url

from midonet.events.commit import GENESIS
from midonet.events.errors import HeadMoved, InvalidValue, Misconfigured, OutcomeUnknown, Unavailable, UsageError
from midonet.events.log import Log, open_log
from midonet.events.log.backends import postgres as postgres_module
from midonet.events.log.backends.postgres import PostgresDatabase
from midonet.events.log.hash_chain import parse
from midonet.testbed import Postgres

PASSWORD = "correct horse"  # noqa: S105 (opens nothing: the server of the tests trusts every client)


def execute(url: str, *statement: object) -> None:
    """Run one statement, as any other program could."""
    parsed = make_url(url)
    server: dict[str, Any] = parsed.translate_connect_args(username="user", database="dbname")
    with psycopg.connect(**server | dict(parsed.query)) as session:
        session.execute(*statement)  # type: ignore[call-overload] # text and values


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """One database for all: a server that was killed replays what made each."""
    return postgres.create_database()


@pytest.mark.xdist_group("postgres-log")
class TestPostgresLog(LogContract):
    """The contract, and what only a server can do."""

    @pytest.fixture
    def url(self, database: str) -> str:
        """A schema of its own."""
        schema = f"mn_{uuid4().hex}"
        execute(database, f"CREATE SCHEMA {schema}")
        return f"{database}?options=-csearch_path%3D{schema}"

    def rewrite(self, url: str, rows: Rows) -> None:
        """Replace the rows."""
        execute(url, "DELETE FROM commits")
        for number, raw in rows:
            known = parse(raw)
            columns = (known.id, known.time, known.actor) if known else (f"row {number}", "", "")
            execute(url, "INSERT INTO commits VALUES (%s, %s, %s, %s, %s)", (number, *columns, raw))

    def test_a_server_killed_between_write_and_answer(self, log: Log, postgres: Postgres) -> None:
        """Every acknowledged commit is there once, whatever the answer to it was."""
        racers = [start_racer(log.url, name, 250) for name in "ab"]
        for _ in range(2):
            time.sleep(1.0)
            postgres.kill()
            postgres.restart()
        promised = acknowledged(racers[0]) | acknowledged(racers[1])
        assert len(promised) == 500
        assert found(log) == promised

    def test_a_restart_between_two_calls_is_not_noticed(self, log: Log, postgres: Postgres) -> None:
        """A session that is gone is opened anew before anything is lost."""
        batch = chain(GENESIS, 2)
        log.append(GENESIS, batch[:1])
        postgres.restart()
        assert log.append(log.head(), batch[1:]) == 1
        postgres.restart()
        assert [record.raw for record in log.read()] == batch

    def test_follower_continues_after_session_expiry(self, log: Log, rival: Log) -> None:
        """The server may end them at any time."""
        follower = log.follow(GENESIS, stopped=never, idle=30.0)
        assert position(next(follower)) == "at 0"
        execute(
            log.url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        waker = Timer(0.3, rival.append, (GENESIS, [commit(GENESIS)]))
        waker.start()
        start = time.monotonic()
        assert 1 in islice(map(position, follower), 2)
        assert time.monotonic() - start < 10.0, "it does not wait until the next look"
        waker.join()

    def test_a_stopped_server_is_unavailable(self, log: Log, postgres: Postgres) -> None:
        """For readers and for followers."""
        follower = log.follow(GENESIS, stopped=never, idle=0.1)
        next(follower)
        postgres.kill()
        try:
            with pytest.raises(Unavailable):
                log.head()
            with pytest.raises(Unavailable):
                list(follower)
            with pytest.raises(Unavailable):
                open_log(log.url)
        finally:
            postgres.restart()
        assert log.head() == GENESIS

    def test_a_frozen_server_is_not_waited_for(
        self, log: Log, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading is unavailable, the outcome of a commit is unknown; when it goes on, so does everything."""

        def freeze(*_: object) -> None:
            """Freeze the server just before COMMIT; shorten time-outs only then, as a busy server may take a second."""
            monkeypatch.setattr(postgres_module, "_ANSWER_SECONDS", 1.0)
            monkeypatch.setattr(postgres_module, "_CONNECT_SECONDS", 2)
            postgres.freeze()

        monkeypatch.setattr(PostgresDatabase, "notify_in_transaction", freeze)
        first = commit(GENESIS)
        with closing(open_log(log.url)) as reader:
            try:
                with pytest.raises(OutcomeUnknown, match="did not answer"):
                    log.append(GENESIS, [first])
                with pytest.raises(Unavailable):
                    reader.head()
            finally:
                postgres.thaw()
        monkeypatch.undo()
        head = log.head()  # read once: the thawed session may commit at any moment
        with suppress(HeadMoved):
            log.append(head, [commit(head)])
        assert log.head().position in (1, 2)
        assert [record.raw for record in log.read()].count(first) <= 1

    @pytest.mark.parametrize("value", ["off", "on", "local"])
    def test_a_server_that_acknowledges_too_early_is_refused(self, url: str, value: str) -> None:
        """With what to do about it."""
        setting = f"%20-csynchronous_commit%3D{value}"
        if value == "off":
            with pytest.raises(Misconfigured, match="set synchronous_commit = on"):
                open_log(url + setting)
        else:
            open_log(url + setting).close()

    def test_a_password_is_not_shown(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither in the address nor in an error."""
        secret = url.replace("postgres@", "postgres:correct%20horse@")
        with closing(open_log(secret)) as log:
            assert log.url == url
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        absent = secret.replace("?", "_absent?sslpassword=correct&")
        with pytest.raises(Unavailable) as caught:
            open_log(absent)
        assert "correct" not in f"{caught.value.message}{caught.value.details}"
        with pytest.raises(UsageError) as refused:
            open_log("postgresql+psycopg://me:correct@host:port/db")
        assert "correct" not in refused.value.message

    def test_text_that_the_server_cannot_hold_is_refused(self, log: Log) -> None:
        """JSON has a character that PostgreSQL has not."""
        with pytest.raises(InvalidValue):
            log.append(GENESIS, [commit(GENESIS, id="nul \0 byte")])
        assert log.head() == GENESIS
