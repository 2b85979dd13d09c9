"""What TensorFlow says has gone wrong, in words for people."""

import re


def reason(error: Exception) -> str:
    """Returns the text of a failed assertion, else TensorFlow's first line without the names of its nodes."""
    lines: list[str] = (getattr(error, "message", None) or str(error) or type(error).__name__).splitlines()
    failed = re.search(r"assertion failed: \[(.*)\]", lines[0])
    if failed:
        return failed[1].replace("\\'", "'")
    inside = r"Error in user-defined function .* with iterator: \S+: "
    return re.sub(rf"{inside}|\{{\{{.*?\}}\}}|\[Op:.*", "", lines[0]).strip()
