"""Tables of predictions as lines of JSON, made column by column.

A key that does not apply to a row is left out; a number has no more digits than tell a float32 from its neighbours.
"""

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()
_ESCAPED = r'[\x00-\x1f"\\]'
_EXPONENT_FROM = 1e10  # from here on Arrow writes an exponent, so that a number is known to be no integer
_NULL = pa.scalar(None, _TEXT)


def prediction_lines(table: pa.Table) -> bytes:
    """Returns one line of JSON for each row.

    Args:
      table: With the columns of `schemas.predictions.prediction_schema`.
    """
    if not len(table):
        return b""
    answered = pc.is_null(_whole(table["reason"]))
    parts = []
    for name in table.column_names:
        values = _json(_whole(table[name]))
        if name == "id":
            values = pc.fill_null(values, "null")
        elif name == "prediction":  # null, too, is a prediction: that nothing follows
            values = pc.if_else(answered, pc.fill_null(values, "null"), _NULL)
        parts.append(_joined(f'"{name}": ', values))
    rows = pc.binary_join_element_wise(*parts, pa.scalar(", ", _TEXT), null_handling="skip")
    return _content(_joined("{", rows, "}\n"))


def _json(column: pa.Array) -> pa.Array:
    """Returns each value of a column as JSON; null of null."""
    kind = column.type
    if pa.types.is_map(kind):
        none, ends = column.is_null(), _offsets(column)
        keys, items = (
            pa.ListArray.from_arrays(ends, part, mask=none).flatten() for part in (column.keys, column.items)
        )
        return _lists(column, _joined(_json(keys), ": ", _json(items)), "{", "}")
    if pa.types.is_list(kind):
        return _lists(column, _json(column.flatten()), "[", "]")
    if pa.types.is_float32(kind):
        return _numbers(column)
    return _quoted(column) if pa.types.is_string(kind) else column.cast(_TEXT)


def _lists(column: pa.Array, items: pa.Array, opening: str, closing: str) -> pa.Array:
    """Returns the items of each list of a column side by side; `items` are those of all lists."""
    ends = np.append(0, np.cumsum(np.diff(_offsets(column).to_numpy()) * column.is_valid().to_numpy(False)))
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(ends), items), pa.scalar(", ", _TEXT))
    return pc.if_else(column.is_valid(), _joined(opening, joined, closing), _NULL)


def _numbers(column: pa.Array) -> pa.Array:
    numbers: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
    text = column.cast(_TEXT)
    whole = pa.array((numbers == np.trunc(numbers)) & (np.abs(numbers) < _EXPONENT_FROM))
    return pc.if_else(whole, _joined("", text, ".0"), text) if pc.any(whole).as_py() else text


def _quoted(column: pa.Array) -> pa.Array:
    """Returns texts in quotes; only those with a character that JSON does not take are looked at one by one."""
    column = column.cast(_TEXT)
    special = pc.fill_null(pc.match_substring_regex(column, _ESCAPED), False)
    if not pc.any(special).as_py():
        return _joined('"', column, '"')
    escaped = [json.dumps(text, ensure_ascii=False)[1:-1] for text in column.filter(special).to_pylist()]
    return _joined('"', pc.replace_with_mask(column, special, pa.array(escaped, _TEXT)), '"')


def _joined(*parts: str | pa.Array) -> pa.Array:
    texts = [pa.scalar(part, _TEXT) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", _TEXT))


def _offsets(column: pa.Array) -> pa.Array:
    return pa.concat_arrays([column.offsets])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _content(lines: pa.Array) -> bytes:
    """Returns the bytes of all strings, one after another."""
    _, offsets, data = lines.buffers()
    places = np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    return bytes(memoryview(data)[int(places[0]) : int(places[-1])])
