"""However a stream is cut, the same objects come out of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midonet.projections.ovsdb.json_framing import Framer

texts = st.text(st.sampled_from('{}[]"\\ ,:\n\x00é€😀a'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
spaces = st.sampled_from(["", "", " ", "\n", "\r\n\t"])


@given(st.lists(st.tuples(objects, spaces, st.booleans()), max_size=5), st.integers(1, 40))
def test_objects_come_out_whole_however_the_stream_is_cut(
    written: list[tuple[dict[str, Any], str, bool]], size: int
) -> None:
    stream = "".join(json.dumps(value, ensure_ascii=ascii_only) + space for value, space, ascii_only in written)
    data = stream.encode()
    framer = Framer()
    read = [frame for at in range(0, len(data), size) for frame in framer.feed(data[at : at + size])]
    assert [json.loads(frame) for frame in read] == [value for value, _, _ in written]


def test_an_object_comes_out_with_its_last_byte() -> None:
    framer = Framer()
    assert list(framer.feed(b'{"a":{}')) == []
    assert list(framer.feed(b"}")) == [b'{"a":{}}']


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request", b"}{", b"[1]", b'"text"', b"{}}"])
def test_invalid_stream_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a stream"):
        list(Framer().feed(data))
