"""A safetensors header of a stranger is checked before anything is loaded."""

import hashlib
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BadLora
from engine.rendering.layers import Layers
from engine.rendering.lora_file import read_lora
from engine.rendering.safetensors_header import read_header

from .toys import kohya, random_parts, save, write_file

MIB = 2**20


def _entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}


def _header(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


def _sentence(path: Path) -> str:
    with pytest.raises(BadLora) as caught:
        read_header(path, "Neon")
    return str(caught.value)


def test_a_good_header(tmp_path: Path) -> None:
    raw = _header(a=_entry(), b=_entry(data_offsets=[4, 8]), __metadata__={"x": "y"})
    header = read_header(write_file(tmp_path / "neon", raw, bytes(8)), "Neon")
    assert header.tensors["b"].start == 4
    assert header.tensors["b"].shape == (1,)
    assert header.metadata == {"x": "y"}
    assert (header.data_start, header.data_bytes) == (8 + len(raw), 8)


TWICE = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}'
CASES: dict[str, tuple[bytes, str]] = {
    "no header": (b"", "is not a safetensors file"),
    "a list": (b"[]", "is not a safetensors file"),
    "not JSON": (b'{"a": ', "not JSON"),
    "not UTF-8": (b'{"\xff": 1}', "not JSON"),
    "NaN": (b'{"a": NaN}', "not JSON"),
    "deep": (b'{"a":' + b"[" * 100_000, "not JSON"),
    "twice": (TWICE, "has the key 'a' twice"),
    "twice inside": (b'{"a":{"dtype":"F32","dtype":"F32"}}', "has the key 'dtype' twice"),
    "no tensors": (b"{}", "has no tensors"),
    "metadata no dict": (_header(a=_entry(), __metadata__=[]), "metadata that are not text"),
    "metadata no text": (_header(a=_entry(), __metadata__={"x": 1}), "metadata that are not text"),
    "much metadata": (
        _header(a=_entry(), __metadata__={"x": "y" * MIB}),
        "has 1,048,577 characters of metadata",
    ),
    "a path up": (_header(**{"..": _entry()}), "the unsafe name '..'"),
    "a path": (_header(**{"a/b": _entry()}), "the unsafe name 'a/b'"),
    "a Windows path": (_header(**{"a\\b": _entry()}), "the unsafe name"),
    "a line": (_header(**{"a\n": _entry()}), "the unsafe name 'a\\n'"),
    "no name": (_header(**{"": _entry()}), "the unsafe name ''"),
    "a long name": (_header(**{"a" * 513: _entry()}), "the unsafe name"),
    "no entry": (_header(a=1), "describes the tensor 'a' wrongly"),
    "another field": (_header(a=_entry(x=1)), "describes the tensor 'a' wrongly"),
    "unknown type": (_header(a=_entry(dtype="F4")), "the unknown type 'F4'"),
    "type no text": (_header(a=_entry(dtype=[])), "the unknown type"),
    "shape no list": (_header(a=_entry(shape=1)), "an impossible shape"),
    "negative shape": (_header(a=_entry(shape=[-1])), "an impossible shape"),
    "true": (_header(a=_entry(shape=[True])), "an impossible shape"),
    "many dimensions": (_header(a=_entry(shape=[1] * 9)), "an impossible shape"),
    "offsets": (_header(a=_entry(data_offsets=[0])), "impossible offsets"),
    "offsets negative": (_header(a=_entry(data_offsets=[-4, 0])), "impossible offsets"),
    "disagree": (_header(a=_entry(shape=[2])), "offsets and shape that disagree for 'a'"),
    "outside": (
        _header(a=_entry(), b=_entry(data_offsets=[4, 8]), c=_entry(data_offsets=[8, 12])),
        "has the tensor 'c' outside of its place",
    ),
    "a hole": (
        _header(a=_entry(), b=_entry(shape=[0], data_offsets=[8, 8])),
        "has the tensor 'b' outside of its place",
    ),
    "overlap": (_header(a=_entry(), b=_entry()), "has the tensor 'b' outside of its place"),
    "a hidden tail": (_header(a=_entry()), "bytes that belong to no tensor"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str, tmp_path: Path) -> None:
    header, words = CASES[case]
    assert words in _sentence(write_file(tmp_path / "neon", header, bytes(8)))


@pytest.mark.parametrize("length", [0, 1, 5, 2**63, 9 * MIB])
def test_a_length_that_lies(length: int, tmp_path: Path) -> None:
    path = tmp_path / "neon"
    path.write_bytes(length.to_bytes(8, "little") + b'{"a"')
    assert "is not a safetensors file" in _sentence(path)


def test_a_large_header(tmp_path: Path) -> None:
    path = write_file(tmp_path / "neon", b"{" + b" " * (8 * MIB))
    assert "a header of 8,388,609 bytes" in _sentence(path)


def _many(count: int) -> bytes:
    entry = json.dumps(_entry(shape=[0], data_offsets=[0, 0]))
    return ("{" + ",".join(f'"t{index}":{entry}' for index in range(count)) + "}").encode()


def test_many_tensors(tmp_path: Path) -> None:
    assert len(read_header(write_file(tmp_path / "neon", _many(20_000)), "Neon").tensors) == 20_000
    assert "20,001 tensors" in _sentence(write_file(tmp_path / "neon", _many(20_001)))
    assert "more than 20,000 tensors" in _sentence(write_file(tmp_path / "neon", _many(90_000)))


BOMBS = {
    "lists": b'{"a":[' + b"[]," * 2_700_000 + b"[]]}",
    "texts": b'{"a":[' + b'"a\xc3\xa9",' * 1_100_000 + b'""]}',
    "keys": b"{" + b",".join(b'"%x":1' % index for index in range(700_000)) + b"}",
    "few keys": b"{" + b",".join(b'"%06x":[]' % index for index in range(150_000)) + b"}",
    "one text": b'{"a":"' + b"\\u00e9" * 1_300_000 + b'"}',
    "backslashes": b'{"a":[' + rb'"\\",' * 1_300_000 + b'""]}',
    "spaces": b'{"a":' + b" " * 8_000_000 + b"}",
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_header_that_is_made_to_cost_memory(case: str, tmp_path: Path) -> None:
    assert len(BOMBS[case]) < 8 * MIB
    path = write_file(tmp_path / "neon", BOMBS[case])
    tracemalloc.start()
    try:
        _sentence(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_the_hash_is_the_files(layers: Layers, tmp_path: Path) -> None:
    path = save(tmp_path / "neon", kohya(random_parts(layers, ["unet.conv_in"])))
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_lora(path, layers, "Neon").sha256 == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BOOL", "X"]) | JSON,
        "shape": st.lists(st.integers(-1, 5), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(-1, 64), min_size=2, max_size=2) | JSON,
    }
)
NAMES = st.sampled_from(["lora_unet_conv_in.alpha", "lora_unet_conv_in.lora_up.weight"]) | st.text()
#: One fixture serves all examples, and the machine may be slow.
BUSY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
HEADERS = st.dictionaries(NAMES, ENTRIES | JSON, max_size=4).map(lambda v: json.dumps(v).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=BUSY)
@given(header=HEADERS | st.binary(max_size=64), data=st.binary(max_size=64))
def test_any_file_is_read_or_refused(
    header: bytes, data: bytes, layers: Layers, tmp_path: Path
) -> None:
    path = write_file(tmp_path / "neon", header, data)
    with pytest.raises(BadLora):
        read_lora(path, layers, "Neon")


@settings(max_examples=150, deadline=None, suppress_health_check=BUSY)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    data: st.DataObject, layers: Layers, tmp_path: Path
) -> None:
    path = save(tmp_path / "neon", kohya(random_parts(layers, ["unet.conv_in"], rank=1)))
    raw = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) - 8, len(raw)))])
    try:
        read_lora(path, layers, "Neon")
    except BadLora as error:
        assert "Neon" in str(error)
