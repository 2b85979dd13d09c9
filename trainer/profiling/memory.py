"""How much memory there is, and how much a process has taken, as Linux says it."""

import re
from pathlib import Path

_KIB_PER_MIB = 1_024
_BYTES_PER_MIB = 2**20


def available_mib(root: Path = Path("/")) -> int:
    """Returns the MiB that new processes can take: the machine's, or the container's if that is less.

    Args:
      root: Of the file system, for tests.
    """
    machine = _kib(root / "proc/meminfo", "MemAvailable") // _KIB_PER_MIB
    group = root / "sys/fs/cgroup"
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        # What the container read from files counts as used, but makes room.
        found = re.search(r"^inactive_file (\d+)$", (group / "memory.stat").read_text(), re.M)
        cached = int(found[1]) if found else 0
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return machine
    return min(machine, max(0, limit - used + cached) // _BYTES_PER_MIB)


def total_mib(root: Path = Path("/")) -> int:
    """Returns the MiB of the machine."""
    return _kib(root / "proc/meminfo", "MemTotal") // _KIB_PER_MIB


def peak_mib(process: int | str = "self", root: Path = Path("/")) -> int:
    """Returns the most MiB that a process ever held in main memory; 0 where it is over."""
    try:
        return _kib(root / f"proc/{process}/status", "VmHWM") // _KIB_PER_MIB
    except OSError:
        return 0


def _kib(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.M)
    return int(found[1]) if found else 0
