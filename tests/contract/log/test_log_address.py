"""The address of a log decides which library is loaded, and no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midonet.events.errors import UsageError
from midonet.events.log import open_log

HEAVY = {"kafka", "sqlalchemy", "sqlite3", "psycopg"}


def loaded_by(statement: str) -> set[str]:
    """Return which of the heavy libraries a program loads."""
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


def test_importing_the_log_loads_no_library() -> None:
    assert loaded_by("import midonet.events.log.base, midonet.events.log") == set()


def test_opening_a_file_loads_what_a_file_needs(tmp_path: Path) -> None:
    statement = f"from midonet.events.log import open_log; open_log('sqlite:///{tmp_path}/log.db')"
    assert loaded_by(statement) == {"sqlite3"}


def test_opening_a_topic_loads_what_a_topic_needs() -> None:
    statement = "import midonet.events.log.backends.kafka.log"
    assert loaded_by(statement) == {"kafka"}


@pytest.mark.parametrize("url", ["", "log.db", "ftp://host", "postgresql://host/db", "mysql://u:secret@host/db"])
def test_an_unknown_form_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(UsageError, match="sqlite:///FILE") as caught:
        open_log(url)
    assert "secret" not in caught.value.message
