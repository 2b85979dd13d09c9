"""Generates schemas/*_pb2.py and *_pb2.pyi from schemas/*.proto; with --check only compares.

The check compares the descriptors that the generated code holds with those of the .proto files, so
that another version of the compiler, which words its output differently, is no difference.
"""

import argparse
import importlib
import keyword
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas").glob("*.proto"))
# The compiler declares an enum value named as a keyword, which is no Python.
_KEYWORD_LINE = re.compile(rf"^\s*(?:{'|'.join(keyword.kwlist)}): \S+\n", re.MULTILINE)


def main() -> int:
    """Returns 0, or 1 where --check finds generated code that is not fresh."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the code is not fresh")
    return check() if parser.parse_args().check else generate()


def generate() -> int:
    """Writes the generated code beside the .proto files."""
    _compile(f"--python_out={ROOT}", f"--pyi_out={ROOT}")
    for stub in (ROOT / "schemas").glob("*_pb2.pyi"):
        stub.write_text(_KEYWORD_LINE.sub("", stub.read_text()))
    return 0


def check() -> int:
    """Compares the generated code with the .proto files."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "descriptors"
        _compile(f"--descriptor_set_out={out}")
        wanted = {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}
    for file in wanted.values():
        _without_json_names(file.message_type)
    sys.path.insert(0, str(ROOT))
    stale = [name for name in PROTOS if _generated(name) != wanted[name]]
    for name in stale:
        print(f"{name}: the generated code is not fresh; run `make generate`", file=sys.stderr)
    return 1 if stale else 0


def _generated(proto: str) -> FileDescriptorProto:
    module = importlib.import_module(proto.removesuffix(".proto").replace("/", ".") + "_pb2")
    descriptor = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(descriptor)
    return descriptor


def _without_json_names(messages: Iterable[DescriptorProto]) -> None:
    """Drops what the compiler derives from the names; loaded descriptors do not hold it."""
    for message in messages:
        for field in message.field:
            field.ClearField("json_name")
        _without_json_names(message.nested_type)


def _compile(*outputs: str) -> None:
    if protoc.main(["protoc", f"-I{ROOT}", *outputs, *PROTOS]) != 0:
        raise SystemExit("protoc failed; see above")


if __name__ == "__main__":
    sys.exit(main())
