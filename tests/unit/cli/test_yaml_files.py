"""YAML is read strictly: scalars are read as written, the rest is refused with file and line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midonet.cli.input.yaml_files import load
from midonet.cli.output.formats import yaml_text
from midonet.events.errors import InvalidValue, UsageError
from midonet.events.strict_yaml import MAX_DEPTH, Located, parse

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)


def values(text: str) -> list[Any]:
    return parse("file", text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 12:34:56:10:20:30", "12:34:56:10:20:30"),
        ("a: no", "no"),
        ("a: 2026-01-31", "2026-01-31"),
        ("a: 010", "010"),
        ("a: 1_000", "1_000"),
        ("a: 0x1F", 31),
        ("a: -7", -7),
        ("a: true", True),
        ("a:", None),
        ("a: '7'", "7"),
        ("a: !!str 7", "7"),
        ("a: 1.5", 1.5),
        ("a: 1e3", "1e3"),
    ],
)
def test_scalars_are_read_as_written(text: str, value: object) -> None:
    assert values(text) == [{"a": value}]


def test_documents_and_aliases() -> None:
    assert values("- &x {kind: bridge}\n- *x\n---\n---\na: b") == [[{"kind": "bridge"}, {"kind": "bridge"}], {"a": "b"}]
    assert values("") == []
    assert values("\ufeffa: b") == [{"a": "b"}]


def test_a_mapping_has_its_line() -> None:
    (found,) = values("# first\n- kind: bridge\n  ports:\n  - name: p1\n")
    assert isinstance(found[0], Located)
    assert (found[0].line, found[0]["ports"][0].line) == (2, 4)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, "duplicate key 'a'"),
        ("a: &x [*x]", 1, "inside of its own anchor"),
        ("a: *nowhere", 1, "no anchor &nowhere"),
        (BOMB, 7, "values (aliases expanded)"),
        ("x:\n  " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, 2, "nested deeper"),
        ("a: !!python/object/apply:os.system [ls]", 1, "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !!binary aGk=", 1, "is not allowed"),
        ("a: .nan", 1, "not a finite number"),
        ("a: -.inf", 1, "not a finite number"),
        ("a: " + "9" * 400 + ".0", 1, "not a finite number"),
        ("a: " + "9" * 5000, 1, "too large a number"),
        ("a: 0xFFFFFFFFFFFFFFFFF", 1, "too large a number"),
        ("1: a", 1, "a key must be text"),
        ("[a]: b", 1, "a key must be text"),
        ("? {a: b}\n: c", 1, "a key must be text"),
        ("x: &x 7\n*x : b", 2, "a key must be text"),
        ("a:\n  <<: {b: c}", 2, "merge keys"),
        ("a: b\n\x07", 2, "control character U+0007"),
        ("a: [1, 2", 2, "did not find expected"),
        ("a: b: c", 1, ""),
        ("%YAML 9.9\n---\na", 1, ""),
    ],
)
def test_invalid_yaml_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        values(text)
    assert caught.value.message.startswith(f"file:{line}: ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.details["line"] == line


@pytest.mark.parametrize("raw", [b"a: b\nc: \xff", "a: b\nc: d".encode("utf-16")])
def test_other_bytes_than_utf_8_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"is not UTF-8 text|control character"):
        parse("file", raw)


def test_an_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, tmp_path / "\0"):
        with pytest.raises(UsageError):
            load(str(path))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]))
PLAIN = st.from_regex(r"[-+]?[0-9_.:xeEoO]{1,12}|true|No|null|~|<<|\.nan|=", fullmatch=True)
WORD = TEXT | PLAIN
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | WORD,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORD.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_yaml_output_is_read_back(value: object) -> None:
    assert values(yaml_text([value])) == [[value]]
