"""How far a span is from its base: measures, what chance makes of them, and what follows for the span.

`population` says what a data set holds of all its splits together, `measures` compares numbers, `chance` tells what two
samples of equal records would show, `compare` measures all features of two populations, `judge` warns or fails.
"""
