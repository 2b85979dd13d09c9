"""Results that took minutes, kept in a file under the name of all that they follow from."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from schemas.messages import digest
from trainer.progress import say


def cache_path(facts: dict[str, Any]) -> Path:
    """Returns the file of a result: $XDG_CACHE_HOME/lengthwise/batches-SHA256.json, or under ~/.cache.

    Args:
      facts: All that the result follows from, as plain values.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG Base Directory Specification says that a relative path counts as none.
    folder = given if given.is_absolute() else Path.home() / ".cache"
    return folder / "lengthwise" / f"batches-{digest(facts)}.json"


def read_cached(path: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the result that a file holds; None where there is no file, or a damaged one, which is said."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("facts") != facts or not is_result(content.get("result")):
        say(f"{path}: is damaged; measuring again")
        return None
    result: dict[str, Any] = content["result"]
    return result


def is_result(value: object) -> bool:
    """Returns whether a value has the form of a result."""
    if not isinstance(value, dict):
        return False
    numbers = (value.get("batch_padded_steps"), value.get("examples"))
    return all(isinstance(number, int) and number >= 1 for number in numbers) and isinstance(value.get("trials"), list)


def write_cached(path: Path, facts: dict[str, Any], result: dict[str, Any]) -> None:
    """Writes a result; where that fails it is said, for the result is there all the same."""
    text = json.dumps({"facts": facts, "result": result}, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError as error:
        say(f"{path}: cannot be written ({error.strerror}); the next search measures again")
