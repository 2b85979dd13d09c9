"""The learning curves: what is drawn, and the same bytes each time."""

import re
from typing import Any

from trainer.training.picture import draw_learning
from trainer.training.summary import table_row

HISTORY: list[dict[str, Any]] = [
    {"epoch": epoch, "loss": 1 / epoch, "validation": {"loss": 1 / epoch, "accuracy": 1 - 1 / epoch}}
    for epoch in range(1, 6)
]


def texts(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.decode())


def test_losses_and_the_first_metric() -> None:
    svg = draw_learning(HISTORY, 3)
    assert svg == draw_learning(HISTORY, 3)
    said = texts(svg)
    assert said.count("epoch") == 2
    assert said.count("best epoch: 3") == 2
    assert said.count("validation") == 2
    assert said.count("train") == 1
    assert {"loss", "accuracy", "5 epochs, 2 of them after the best"} <= set(said)
    colours = set(re.findall(r"stroke: (#[0-9a-f]{6})", svg.decode()))
    assert {"#0072b2", "#d55e00", "#666666"} <= colours


def test_without_validation_there_is_one_panel() -> None:
    said = texts(draw_learning([{"epoch": 1, "loss": 0.5}], 1))
    assert said.count("epoch") == 1
    assert "1 epochs, without a validation split" in said
    assert "validation" not in said
    assert draw_learning(HISTORY, 5, "png").startswith(b"\x89PNG")


def test_a_row_of_the_table() -> None:
    row = {
        "min_length": 4,
        "max_length": 9,
        "steps": 2,
        "examples": 1_000,
        "loss": 0.12345,
        "padding_efficiency": 0.987,
    }
    validation = {"examples": 3, "loss": 0.5, "accuracy": 1.0}
    assert table_row({**row, "real_steps_per_second": 12_345.6, "validation": validation}, ["loss", "accuracy"]) == [
        "4-9", "2", "1,000", "0.1235", "12,346", "98.7%", "3", "0.5000", "1.0000"
    ]  # fmt: skip
    empty = {"min_length": 10, "max_length": None, "steps": 0, "examples": 0}
    assert table_row(empty, []) == ["10-", "0", "0", "", "", ""]
