"""A flipped bit in any published file is found."""

from tests.fuzz.flips import soak


def test_100_of_100_flipped_bits_are_found() -> None:
    figures, findings = soak(100, seed=9)
    assert findings == []
    assert figures["flips"] == 100
