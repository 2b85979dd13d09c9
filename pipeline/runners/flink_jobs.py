"""Jobs on a Flink cluster, asked for and cancelled past Beam's job server.

The job server cancels what it waits for, and not the job on the cluster, which would go on for nobody. Nor can it
cancel anything where it was killed, or has ended with the Ctrl-C that was meant for the command.
"""

import json
import time
import urllib.request
from typing import Any

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

from pipeline.runners.checks import kind_of
from pipeline.runners.endpoints import SECONDS
from pipeline.runners.flink import IN_JOB_SERVER, rest_url

_OVER = ("FINISHED", "CANCELED", "FAILED", "SUSPENDED")
_CANCEL_SECONDS = 15.0  # Flink interrupts a task that does not end by itself again after 30
_POLL_SECONDS = 0.2


def cluster_of(options: PipelineOptions) -> str:
    """Returns where the cluster answers that a job goes to; empty of another runner, or of a Flink in the job server.

    Asked before the job is given away: Beam then deletes the runner from the options.
    """
    master = str(options.view_as(FlinkRunnerOptions).flink_master)
    return rest_url(master) if kind_of(options) == "flink" and master not in IN_JOB_SERVER else ""


def name_of(job_id: str) -> str:
    """Returns the name of the Flink job: a job of Beam has a number behind it."""
    return job_id.rpartition("_")[0]


def cancel_job(url: str, job_id: str, seconds: float = _CANCEL_SECONDS) -> bool:
    """Cancels the Flink job that a job of Beam has become, and waits until it is over.

    Args:
      url: Of the cluster.
      job_id: Beam's. Where several jobs have its name nobody knows which is meant, and none is cancelled.
      seconds: To wait at most for its end.

    Returns:
      Whether it is known to be over.

    Raises:
      OSError: The cluster does not answer.
    """
    end, name = time.monotonic() + seconds, name_of(job_id)
    jobs = [job for job in _jobs(url) if job["name"] == name]
    going = [job for job in jobs if job["state"] not in _OVER]
    if len(going) != 1:
        return bool(jobs) and not going
    number = going[0]["jid"]
    _ask(f"{url}/v1/jobs/{number}?mode=cancel", "PATCH")
    while time.monotonic() < end:
        if all(job["state"] in _OVER for job in _jobs(url) if job["jid"] == number):
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _jobs(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_ask(f"{url}/v1/jobs/overview"))["jobs"]
    return found


def _ask(url: str, method: str = "GET") -> bytes:
    # Without a proxy, as Flink's own client asks.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, method=method), timeout=SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read(1 << 24)
    return content
