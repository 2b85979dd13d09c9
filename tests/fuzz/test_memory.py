"""A few bytes that unpack to very many take no more memory than a block does."""

import bz2
import gzip
import io
import json
import lzma
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest

from schemas.errors import DataError
from schemas.formats.avro_codecs import CODECS, MOST_BYTES
from schemas.formats.avro_file import read_avro
from schemas.formats.fields import Field
from tests.pipeline.formats import COMPRESSORS, tfrecord_frame

UNPACKED = 48 << 20
MOST_MEBIBYTES = 30
# Reads files, each time a small one first, and prints how much the memory has grown and what was found.
READ = """
import io, json, resource, sys
from schemas.formats.fields import fields_of
from schemas.formats.reading import reading_of
from schemas.formats.plain import parse_text_files
from schemas.formats.readers import FileReader, read_text
from schemas.spec import parse_spec, resolve

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def read(path, name):
    spec = resolve(parse_spec("input: {format: %s, max_record_bytes: 1000000}\\nsequences: {text: {type: tokens, "
        "tokenizer: words}}\\nsplit: {fractions: {train: 1.0}}" % name))
    reading, fields, given = reading_of(path, spec.input), fields_of(spec), spec.input
    found = [0, []]
    with open(path, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        if name == "text_files":
            text = read_text(stream, reading, given.max_record_bytes)[0]
            blocks = [parse_text_files([text], ["a/b.txt"], fields, given.max_record_bytes)]
        else:
            blocks = FileReader(stream, 0, size, reading, given, fields, 1 << 20).blocks()
        for block in blocks:
            found[0] += len(block.offsets)
            found[1] += [[item.reason, item.offset, item.line] for item in block.rejected]
    return found

growth, found = 0, {}
for name in sys.argv[3:]:
    read(sys.argv[1] % name, name)
    before = peak()
    found[name] = read(sys.argv[2] % name, name)
    growth = max(growth, peak() - before)
print(json.dumps([growth, found]))
"""


zstd = COMPRESSORS[".zst"]
PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 1),
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def in_format(name: str, text: bytes) -> bytes:
    if name == "jsonl":
        return b'{"text": "' + text + b'"}\n{"text": "b"}\n'
    if name == "csv":
        return b'text,other\n"' + text + b'",1\nb,2\n'
    if name == "tfrecord":
        return tfrecord_frame(text) + tfrecord_frame(b"\x0a\x00")
    return text + (b"\nb\n" if name == "lines" else b"")


FOUND = {
    "jsonl": [1, [["too_large", 0, 0]]],
    "csv": [1, [["too_large", 11, 1]]],
    "lines": [1, [["too_large", 0, 0]]],
    "text_files": [0, [["too_large", 0, 0]]],
    "tfrecord": [1, [["too_large", 0, 0]]],
}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_record_that_unpacks_to_very_much(suffix: str, tmp_path: Path) -> None:
    for kind, size in (("small", 2_000_000), ("large", UNPACKED)):
        for name in FOUND:
            path = tmp_path / f"{kind}-{name}.txt{suffix}"
            path.write_bytes(PACKED[suffix](in_format(name, b"a" * size)))
            assert kind == "small" or path.stat().st_size < UNPACKED // 100
    patterns = [f"{tmp_path}/{kind}-%s.txt{suffix}" for kind in ("small", "large")]
    given = [sys.executable, "-c", READ, *patterns, *FOUND]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    growth, found = json.loads(done.stdout)
    assert found == FOUND
    assert growth < MOST_MEBIBYTES


def avro(codec: str, stored: bytes, count: int) -> bytes:
    """A file of one block whose data are given."""
    sink = io.BytesIO()
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    marker = b"sixteen bytes ok"
    fastavro.writer(sink, fastavro.parse_schema(schema), [], sync_marker=marker)
    header = sink.getvalue().replace(b"\x08null", bytes([2 * len(codec)]) + codec.encode())
    numbers = io.BytesIO()
    for number in (count, len(stored)):
        fastavro.schemaless_writer(numbers, "long", number)
    return header + numbers.getvalue() + stored + marker


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz", "zstandard", "lz4", "snappy"])
def test_an_avro_block_that_unpacks_to_very_much(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.formats.avro_codecs.MOST_BYTES", 10_000)
    stored = packed(codec, b"\0" * 10_001)
    rule = "it holds more than 10,000 bytes; write the file with smaller blocks"
    content = io.BytesIO(avro(codec, stored, 10_001))
    with pytest.raises(DataError, match=rf"^byte \d+: no Avro block begins here \({rule}\); the file is cut off"):
        list(read_avro(content, 0, len(content.getvalue()), [Field("text", ("text",), (pa.string(),))], 1_000))
    assert len(CODECS[codec](packed(codec, b"\0" * 10_000))) == 10_000
    assert MOST_BYTES == 1 << 28


def packed(codec: str, data: bytes) -> bytes:
    if codec == "deflate":
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if codec == "lz4":
        return struct.pack("<I", len(data)) + pa.Codec("lz4_raw").compress(data, asbytes=True)
    if codec == "snappy":
        return pa.Codec("snappy").compress(data, asbytes=True) + zlib.crc32(data).to_bytes(4, "big")
    packers: dict[str, Callable[[bytes], bytes]] = {"bzip2": bz2.compress, "xz": lzma.compress, "zstandard": zstd}
    return packers[codec](data)
