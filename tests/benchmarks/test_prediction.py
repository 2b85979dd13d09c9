"""How predictions are compared: ratios of medians, and a table of every way."""

import prediction

MEASURED = {
    "records": 200,
    "steps": 23_000,
    "longest": 2_500,
    "load_seconds": 0.5,
    "first_seconds": 1.25,
    "difference": 1e-7,
    "bulk": {prediction.OURS: [2.0, 1.0, 9.0], prediction.LONGEST: [30.0, 20.0, 10.0]},
    "alone": {prediction.OURS: [0.004], prediction.LONGEST: [0.1], "not padded": [0.06]},
}


def test_ratios_are_of_medians() -> None:
    assert prediction.ratios(MEASURED["bulk"]) == {prediction.OURS: 1.0, prediction.LONGEST: 10.0}


def test_the_section_has_a_row_for_every_way() -> None:
    lines = prediction.result_text(MEASURED, 1.5).splitlines()
    assert lines[0] == (
        "200 records of 23,000 tokens, the longest of 2,500. Loading the model takes 0.50 s and the first prediction "
        "1.25 s, TensorFlow imported; the answers differ by 1e-07 at most."
    )
    assert lines[4:9] == [
        "| bulk | ours | 2,000.0 | 100 | 1.00 | from raw records to predictions |",
        "| bulk | padded to the longest of all | 20,000.0 | 10 | 10.00 | `model.predict` on arrays that are there "
        "already |",
        "| one at a time | ours | 4.0 | 250 | 1.00 | from raw records to predictions |",
        "| one at a time | padded to the longest of all | 100.0 | 10 | 25.00 | `model.predict` on arrays that are "
        "there already |",
        "| one at a time | not padded | 60.0 | 17 | 15.00 | `model.predict` on the array of the record alone |",
    ]
