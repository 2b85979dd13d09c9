"""What a Kafka broker is made of: Java, and Kafka with all that it needs from Maven."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.engines.fetching import CACHE, Unfinished, maven, one, run

HERE = Path(__file__).resolve().parent
VERSION = "3.9.0"


def fetch(tell: Callable[[str], None], version: str = VERSION) -> Path:
    """Fetches Kafka where it is not there yet.

    Args:
      tell: Takes lines for the person.
      version: Of Kafka.

    Returns:
      Folder of its jars.

    Raises:
      NotThereError: Something cannot be had.
    """
    folder = CACHE / f"kafka-{version}"
    if not folder.is_dir():
        tell(f"fetching Kafka {version} (some 90 MB) with Maven into {folder.name}")
        with Unfinished(folder) as unfinished:
            shutil.copy(HERE / "kafka.xml", unfinished / "pom.xml")
            options = [f"--file={unfinished / 'pom.xml'}", f"-Dkafka.version={version}"]
            run(maven(*options, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"), f"Kafka {version}")
            one(unfinished, "kafka_*.jar")
    return folder
