"""Reading and validating raw records: pure Arrow code, shared by the pipeline and by prediction.

bytes of a file → `blocks` → lines → `jsonl` (with `fields`, `explain`) → raw columns → `validate`
(with `text`, `ragged`, `identity`) → examples, and `rejected` records.
"""
