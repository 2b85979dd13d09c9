"""What a Flink cluster says of itself, and what follows for a job."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections import Counter
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import FlinkRunnerOptions

from pipeline.runners.endpoints import SECONDS, Address, Problem, is_loopback, parse_address, within, words_of
from schemas.errors import DataError, UsageError

IN_JOB_SERVER = ("[local]", "[auto]")  # masters that mean a Flink which the job server starts for the job
_UNBRACKETED = [name.strip("[]") for name in IN_JOB_SERVER]
SHARED = "stop each other's workers; give each task manager a pool of its own"
_REST_PORT = 8081  # Flink's own default
_HOST = re.compile(r"@(.+):\d+/")  # of pekko.tcp://flink@HOST:PORT/user/rpc/…


class Cluster(NamedTuple):
    """What a cluster says of itself.

    Attributes:
      version: Such as 1.20.1.
      task_managers: Registered ones.
      slots: Of all of them.
      free: Slots that no job has.
      hosts: Of the task managers, as far as they are known.
      neighbours: The most task managers on one host, as far as they are known.
    """

    version: str
    task_managers: int
    slots: int
    free: int
    hosts: frozenset[str] = frozenset()
    neighbours: int = 0

    @property
    def minor(self) -> str:
        """The version without its last part, which is what a job server has to have as well."""
        return minor_of(self.version)


def rest_url(master: str) -> str:
    """Returns where a master that is not within the job server answers.

    Raises:
      UsageError: It is no address.
    """
    scheme = "https" if master.startswith("https://") else "http"
    return f"{scheme}://{parse_address('--flink_master', master, _REST_PORT, may_be_url=True)}"


def minor_of(version: str) -> str:
    """Returns a version without what follows its second number."""
    return ".".join(version.split(".")[:2])


def ask_cluster(url: str, seconds: float = SECONDS) -> Cluster | Problem:
    """Asks the REST interface of a cluster.

    Args:
      url: `http://HOST:PORT`.
      seconds: To wait for each answer.
    """
    silent: Cluster | Problem = Problem(f"no answer within {3 * seconds:g} s")
    return within(3 * seconds, lambda: _ask(url, seconds), silent)


def check_cluster(master: str, found: Cluster | Problem, version: str, jar: str = "") -> Cluster:
    """Checks that a job can be given to a cluster.

    Args:
      master: As the person named it.
      found: What the cluster said.
      version: Of Flink, that the job server is made for; empty where it follows the cluster's.
      jar: Of the job server, where the person named it.

    Raises:
      DataError: It cannot be asked.
      UsageError: It is of another version than the job server.
    """
    if isinstance(found, Problem):
        hint = " (a cluster within the job server is `[local]`, with the brackets)" if master in _UNBRACKETED else ""
        raise DataError(
            f"--flink_master={master}: cannot be reached from here: {found.words}; start the cluster, or name the host "
            f"and the port of its REST interface{hint}"
        )
    published = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    if (not version and found.minor in published) or found.minor == version:
        return found
    wanted = f"the job server is for {version}" if version else "no job server of the installed Beam is for it"
    if found.minor not in published:
        remedy = f"take a cluster of {', '.join(published[:-1])} or {published[-1]}, which Beam has job servers for"
    elif jar:
        remedy = f"name a --flink_job_server_jar for {found.minor}"
    else:
        remedy = f"say --flink_version={found.minor}, or name a cluster of {version}"
    raise UsageError(f"--flink_master={master}: is Flink {found.version}, and {wanted}; {remedy}")


def cluster_warnings(master: str, cluster: Cluster, parallelism: int) -> list[str]:
    """Returns what keeps a job waiting; a cluster may mend it itself by starting task managers."""
    own = "unless it starts task managers itself (on Kubernetes, on YARN), the job waits for them and then fails"
    if not cluster.slots:
        return [f"Flink at {master} has {cluster.task_managers} task managers and no slot: {own}"]
    if parallelism > cluster.slots:
        return [f"--parallelism={parallelism}: Flink at {master} has {cluster.slots} slot(s): {own}"]
    if not cluster.free:
        return [f"Flink at {master} has no free slot of {cluster.slots}: the job waits until another one ends"]
    return []


def pool_warnings(address: Address, cluster: Cluster) -> list[str]:
    """Returns what is wrong where task managers share a pool of workers.

    A pool is told the number of a worker and not whose it is, and all task managers count alike: what one of them
    stops is a worker of another one.

    Args:
      address: Of the pool.
      cluster: What it said.
    """
    if is_loopback(address.host):
        if cluster.neighbours < 2:
            return []
        who = f"{cluster.neighbours} task managers on one host share this pool,"
    elif cluster.task_managers < 2:
        return []
    else:
        count = cluster.task_managers
        who = f"{count} task managers share this pool, unless the name leads each of them to another one,"
    return [f"--environment_config={address}: {who} and would {SHARED}"]


def _ask(url: str, seconds: float) -> Cluster | Problem:
    try:
        told = _get(f"{url}/v1/overview", seconds)
        hosts = _get(f"{url}/v1/taskmanagers", seconds).get("taskmanagers", [])
        found = [_HOST.search(str(manager.get("path"))) for manager in hosts]
        counts = Counter(match[1].strip("[]") for match in found if match)
        return Cluster(
            str(told["flink-version"]),
            int(told["taskmanagers"]),
            int(told["slots-total"]),
            int(told["slots-available"]),
            frozenset(counts),
            max(counts.values(), default=0),
        )
    except urllib.error.HTTPError as error:
        return Problem(f"something answers there with the HTTP status {error.code}, but it is no Flink")
    except urllib.error.URLError as error:
        reason = error.reason
        return words_of(reason, seconds) if isinstance(reason, OSError) else Problem(str(reason))
    except OSError as error:
        return words_of(error, seconds)
    except (ValueError, KeyError, TypeError, AttributeError, http.client.HTTPException):
        return Problem("something answers there, but it is no Flink")


def _get(url: str, seconds: float) -> Any:
    # Without a proxy, as Flink's own client asks.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=seconds) as answer:
        return json.loads(answer.read(1 << 20))
