"""Jars and Javas that are none, for tests of what is asked of them."""

import struct
import zipfile
from pathlib import Path

from apache_beam.version import __version__ as beam_version

MAIN = "org.apache.beam.runners.flink.FlinkJobServerDriver"


def write_jar(path: Path, *, engine: str = "", beam: str = beam_version, java: int = 8) -> str:
    """A jar whose main class needs a Java, with what Maven notes of an artifact for an engine's version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {MAIN}\r\n\r\n")
        jar.writestr(MAIN.replace(".", "/") + ".class", struct.pack(">IHH", 0xCAFEBABE, 0, 44 + java))
        jar.writestr("org/apache/beam/sdk/sdk.properties", f"# of Beam\nname=Beam\nversion={beam}\n")
        if engine:
            name = f"META-INF/maven/org.apache.beam/beam-runners-flink-{engine}/pom.properties"
            jar.writestr(name, f"version={beam}\ngroupId=org.apache.beam\n")
    return str(path)


def write_java(path: Path, version: str = "17.0.15") -> str:
    """A command that says that it is a Java."""
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    path.chmod(0o755)
    return str(path)
