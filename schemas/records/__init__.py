"""Raw records become examples: pure Arrow code, shared by the pipeline and by prediction.

Raw columns (`schemas.formats`) → `validate` (with `tokens`, `series`, `labels`, `lengths`, `splits`, `identity`) →
examples, and rejected records; `events` and `grouping` make raw records of events first.
"""
