"""Memory as Linux says it: of the machine, of a container, of a process."""

from pathlib import Path

import pytest

from trainer.profiling.memory import available_mib, peak_mib, total_mib


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:       8388608 kB\nMemAvailable:    4194304 kB\n")
    return tmp_path


def limit(root: Path, most: str, used: int, cached: int) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text(f"{most}\n")
    (root / "sys/fs/cgroup/memory.current").write_text(f"{used}\n")
    (root / "sys/fs/cgroup/memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 7\n")


def test_without_a_container_it_is_the_machine(root: Path) -> None:
    assert (available_mib(root), total_mib(root)) == (4_096, 8_192)


def test_a_container_may_have_less(root: Path) -> None:
    limit(root, str(1_000 * 2**20), used=300 * 2**20, cached=100 * 2**20)
    assert available_mib(root) == 800


def test_a_container_without_a_limit_or_with_a_large_one_changes_nothing(root: Path) -> None:
    limit(root, "max", used=300, cached=100)
    assert available_mib(root) == 4_096
    limit(root, str(2**40), used=300, cached=100)
    assert available_mib(root) == 4_096


def test_a_process_that_is_over_took_nothing(root: Path) -> None:
    assert peak_mib(12345, root) == 0
    (root / "proc/12345").mkdir()
    (root / "proc/12345/status").write_text("Name:\tpython\nVmPeak:\t 9999999 kB\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n")
    assert peak_mib(12345, root) == 200


def test_this_process_took_more_than_it_holds_in_one_array() -> None:
    block = bytearray(b"x" * (64 * 2**20))
    assert peak_mib() >= len(block) // 2**20
