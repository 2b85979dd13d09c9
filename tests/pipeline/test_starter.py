"""Workers that end with the process that started them."""

import os
import signal
import subprocess
import sys
import threading

from pipeline.starter import end_with_starter, starting_workers

WORKER = """
import time
from pipeline.starter import end_with_starter
end_with_starter()
print("up", flush=True)
time.sleep(60)
"""
STARTER = f"""
import subprocess, sys, time
from pipeline.starter import starting_workers
with starting_workers():
    subprocess.Popen([sys.executable, "-c", {WORKER!r}])
    time.sleep(60)
"""


def test_a_worker_ends_when_its_starter_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        starter.send_signal(signal.SIGKILL)
        # Its end is that of the pipe, which the worker holds as well.
        timer = threading.Timer(30, starter.stdout.close)
        timer.start()
        assert starter.stdout.read() == b""
        timer.cancel()


def test_the_starter_itself_watches_nobody() -> None:
    threads = threading.active_count()
    end_with_starter.cache_clear()
    with starting_workers():
        assert os.environ["LENGTHWISE_STARTER"] == str(os.getpid())
        end_with_starter()
    end_with_starter.cache_clear()
    end_with_starter()
    assert "LENGTHWISE_STARTER" not in os.environ
    assert threading.active_count() == threads
