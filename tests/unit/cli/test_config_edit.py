"""Changes of the configuration file: one key, all other lines unchanged."""

from pathlib import Path

import pytest

from midonet.cli.options.config_edit import change_file, changed
from midonet.events.errors import UsageError

FILE = """# mine
output: json  # for scripts

contexts:
  # the lab
  lab:
    server: http://lab:1  # soon gone
    tenant: acme
  prod:
    server: http://prod:1
# the end
wait: [nsdb=20]
"""


@pytest.mark.parametrize(
    ("keys", "value", "old", "new"),
    [
        (("current_context",), "lab", "wait: [nsdb=20]\n", "wait: [nsdb=20]\ncurrent_context: lab\n"),
        (("contexts", "lab", "tenant"), "umbrella", "tenant: acme", "tenant: umbrella"),
        (("contexts", "lab", "tenant"), None, "    tenant: acme\n", ""),
        (("contexts", "lab", "user"), "ann", "tenant: acme\n", "tenant: acme\n    user: ann\n"),
        (("contexts", "prod"), None, "  prod:\n    server: http://prod:1\n", ""),
        (("contexts", "x", "server"), "y", "//prod:1\n", "//prod:1\n  x:\n    server: y\n"),
        (("absent",), None, "", ""),
    ],
)
def test_only_the_named_key_changes(keys: tuple[str, ...], value: str | None, old: str, new: str) -> None:
    assert changed(FILE, keys, value) == FILE.replace(old, new)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "contexts:\n", "contexts: {}\n", "contexts:\n  lab:"])
def test_a_key_is_added_below_absent_mappings(text: str) -> None:
    assert changed(text, ("contexts", "lab", "server"), "s").endswith("contexts:\n  lab:\n    server: s\n")


def test_flow_style_becomes_block_style() -> None:
    edited = changed("{contexts: {a: {server: x}}, output: json}", ("contexts", "b", "server"), "y")
    assert edited == "contexts:\n  a:\n    server: x\n  b:\n    server: y\noutput: json\n"


def test_text_that_resembles_other_types_is_quoted() -> None:
    assert changed("", ("tenant",), "no") == "tenant: 'no'\n"


def test_a_file_is_private_and_keeps_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("output: json\n")
    link.symlink_to(real)
    change_file(str(link), {("tenant",): "acme"})
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("output: json\ntenant: acme\n", 0o600)
    assert link.is_symlink()


def test_an_unwritable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/config\.yaml: File exists"):
        change_file(str(tmp_path / "file/config.yaml"), {("tenant",): "acme"})
