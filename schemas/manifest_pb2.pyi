from schemas import dataset_pb2 as _dataset_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Manifest(_message.Message):
    __slots__ = ("format_version", "fingerprint", "data_fingerprint", "spec", "inputs", "counts", "features", "vocabularies", "classes", "statistics", "moments", "buckets", "shards", "rejected_files", "tokenizers", "statistics_files", "span", "parts")
    class VocabulariesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Vocabulary
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Vocabulary, _Mapping]] = ...) -> None: ...
    class StatisticsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SplitStatistics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SplitStatistics, _Mapping]] = ...) -> None: ...
    class MomentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Moments
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Moments, _Mapping]] = ...) -> None: ...
    class TokenizersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: TokenizerFile
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[TokenizerFile, _Mapping]] = ...) -> None: ...
    FORMAT_VERSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DATA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    VOCABULARIES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    MOMENTS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FILES_FIELD_NUMBER: _ClassVar[int]
    TOKENIZERS_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FILES_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    format_version: int
    fingerprint: str
    data_fingerprint: str
    spec: _dataset_pb2.DatasetSpec
    inputs: _containers.RepeatedCompositeFieldContainer[InputFile]
    counts: Counts
    features: _containers.RepeatedCompositeFieldContainer[StoredFeature]
    vocabularies: _containers.MessageMap[str, Vocabulary]
    classes: Vocabulary
    statistics: _containers.MessageMap[str, SplitStatistics]
    moments: _containers.MessageMap[str, Moments]
    buckets: _containers.RepeatedCompositeFieldContainer[Bucket]
    shards: _containers.RepeatedCompositeFieldContainer[Shard]
    rejected_files: _containers.RepeatedCompositeFieldContainer[RejectedFile]
    tokenizers: _containers.MessageMap[str, TokenizerFile]
    statistics_files: _containers.RepeatedCompositeFieldContainer[StatisticsFile]
    span: Span
    parts: _containers.RepeatedCompositeFieldContainer[SpanPart]
    def __init__(self, format_version: _Optional[int] = ..., fingerprint: _Optional[str] = ..., data_fingerprint: _Optional[str] = ..., spec: _Optional[_Union[_dataset_pb2.DatasetSpec, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[InputFile, _Mapping]]] = ..., counts: _Optional[_Union[Counts, _Mapping]] = ..., features: _Optional[_Iterable[_Union[StoredFeature, _Mapping]]] = ..., vocabularies: _Optional[_Mapping[str, Vocabulary]] = ..., classes: _Optional[_Union[Vocabulary, _Mapping]] = ..., statistics: _Optional[_Mapping[str, SplitStatistics]] = ..., moments: _Optional[_Mapping[str, Moments]] = ..., buckets: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ..., shards: _Optional[_Iterable[_Union[Shard, _Mapping]]] = ..., rejected_files: _Optional[_Iterable[_Union[RejectedFile, _Mapping]]] = ..., tokenizers: _Optional[_Mapping[str, TokenizerFile]] = ..., statistics_files: _Optional[_Iterable[_Union[StatisticsFile, _Mapping]]] = ..., span: _Optional[_Union[Span, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[SpanPart, _Mapping]]] = ...) -> None: ...

class SpanPart(_message.Message):
    __slots__ = ("name", "fingerprint")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    name: str
    fingerprint: str
    def __init__(self, name: _Optional[str] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("name", "base", "base_fingerprint", "extends", "generation", "drift", "drift_base")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    BASE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EXTENDS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    DRIFT_BASE_FIELD_NUMBER: _ClassVar[int]
    name: str
    base: str
    base_fingerprint: str
    extends: bool
    generation: int
    drift: _containers.RepeatedCompositeFieldContainer[DriftMeasure]
    drift_base: str
    def __init__(self, name: _Optional[str] = ..., base: _Optional[str] = ..., base_fingerprint: _Optional[str] = ..., extends: _Optional[bool] = ..., generation: _Optional[int] = ..., drift: _Optional[_Iterable[_Union[DriftMeasure, _Mapping]]] = ..., drift_base: _Optional[str] = ...) -> None: ...

class DriftMeasure(_message.Message):
    __slots__ = ("measure", "feature", "value", "by_chance", "warn", "fail", "margin")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BY_CHANCE_FIELD_NUMBER: _ClassVar[int]
    WARN_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    measure: str
    feature: str
    value: float
    by_chance: float
    warn: float
    fail: float
    margin: float
    def __init__(self, measure: _Optional[str] = ..., feature: _Optional[str] = ..., value: _Optional[float] = ..., by_chance: _Optional[float] = ..., warn: _Optional[float] = ..., fail: _Optional[float] = ..., margin: _Optional[float] = ...) -> None: ...

class StatisticsFile(_message.Message):
    __slots__ = ("path", "sha256")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class TokenizerFile(_message.Message):
    __slots__ = ("path", "sha256")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class InputFile(_message.Message):
    __slots__ = ("path", "format", "split", "bytes", "digest", "records")
    PATH_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    path: str
    format: str
    split: str
    bytes: int
    digest: str
    records: int
    def __init__(self, path: _Optional[str] = ..., format: _Optional[str] = ..., split: _Optional[str] = ..., bytes: _Optional[int] = ..., digest: _Optional[str] = ..., records: _Optional[int] = ...) -> None: ...

class Counts(_message.Message):
    __slots__ = ("read", "kept", "rejected", "dropped", "examples", "events")
    class RejectedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    READ_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    read: int
    kept: int
    rejected: _containers.ScalarMap[str, int]
    dropped: _containers.ScalarMap[str, int]
    examples: int
    events: EventCounts
    def __init__(self, read: _Optional[int] = ..., kept: _Optional[int] = ..., rejected: _Optional[_Mapping[str, int]] = ..., dropped: _Optional[_Mapping[str, int]] = ..., examples: _Optional[int] = ..., events: _Optional[_Union[EventCounts, _Mapping]] = ...) -> None: ...

class EventCounts(_message.Message):
    __slots__ = ("read", "kept", "rejected", "dropped", "tied")
    class RejectedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    READ_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    TIED_FIELD_NUMBER: _ClassVar[int]
    read: int
    kept: int
    rejected: _containers.ScalarMap[str, int]
    dropped: _containers.ScalarMap[str, int]
    tied: int
    def __init__(self, read: _Optional[int] = ..., kept: _Optional[int] = ..., rejected: _Optional[_Mapping[str, int]] = ..., dropped: _Optional[_Mapping[str, int]] = ..., tied: _Optional[int] = ...) -> None: ...

class StoredFeature(_message.Message):
    __slots__ = ("name", "dtype", "variable", "dims")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    variable: bool
    dims: int
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., variable: _Optional[bool] = ..., dims: _Optional[int] = ...) -> None: ...

class Vocabulary(_message.Message):
    __slots__ = ("path", "sha256", "size", "oov_buckets", "tokens", "distinct", "covered", "count_error")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OOV_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_FIELD_NUMBER: _ClassVar[int]
    COVERED_FIELD_NUMBER: _ClassVar[int]
    COUNT_ERROR_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    size: int
    oov_buckets: int
    tokens: int
    distinct: int
    covered: int
    count_error: int
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ..., oov_buckets: _Optional[int] = ..., tokens: _Optional[int] = ..., distinct: _Optional[int] = ..., covered: _Optional[int] = ..., count_error: _Optional[int] = ...) -> None: ...

class SplitStatistics(_message.Message):
    __slots__ = ("records", "lengths", "bucket_length", "classes", "records_digest", "unknown_labels")
    class LengthsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: LengthStatistics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[LengthStatistics, _Mapping]] = ...) -> None: ...
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    BUCKET_LENGTH_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_LABELS_FIELD_NUMBER: _ClassVar[int]
    records: int
    lengths: _containers.MessageMap[str, LengthStatistics]
    bucket_length: LengthStatistics
    classes: _containers.RepeatedScalarFieldContainer[int]
    records_digest: str
    unknown_labels: int
    def __init__(self, records: _Optional[int] = ..., lengths: _Optional[_Mapping[str, LengthStatistics]] = ..., bucket_length: _Optional[_Union[LengthStatistics, _Mapping]] = ..., classes: _Optional[_Iterable[int]] = ..., records_digest: _Optional[str] = ..., unknown_labels: _Optional[int] = ...) -> None: ...

class LengthStatistics(_message.Message):
    __slots__ = ("lengths", "counts", "steps", "truncated_records", "truncated_steps", "oov_steps")
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_STEPS_FIELD_NUMBER: _ClassVar[int]
    OOV_STEPS_FIELD_NUMBER: _ClassVar[int]
    lengths: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    steps: int
    truncated_records: int
    truncated_steps: int
    oov_steps: int
    def __init__(self, lengths: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ..., steps: _Optional[int] = ..., truncated_records: _Optional[int] = ..., truncated_steps: _Optional[int] = ..., oov_steps: _Optional[int] = ...) -> None: ...

class Moments(_message.Message):
    __slots__ = ("count", "mean", "variance", "min", "max", "counts")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    count: int
    mean: _containers.RepeatedScalarFieldContainer[float]
    variance: _containers.RepeatedScalarFieldContainer[float]
    min: _containers.RepeatedScalarFieldContainer[float]
    max: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, count: _Optional[int] = ..., mean: _Optional[_Iterable[float]] = ..., variance: _Optional[_Iterable[float]] = ..., min: _Optional[_Iterable[float]] = ..., max: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Bucket(_message.Message):
    __slots__ = ("min_length", "max_length")
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    min_length: int
    max_length: int
    def __init__(self, min_length: _Optional[int] = ..., max_length: _Optional[int] = ...) -> None: ...

class Shard(_message.Message):
    __slots__ = ("split", "bucket", "index", "path", "sha256", "bytes", "records", "steps", "min_length", "max_length", "index_path", "index_sha256")
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    INDEX_PATH_FIELD_NUMBER: _ClassVar[int]
    INDEX_SHA256_FIELD_NUMBER: _ClassVar[int]
    split: str
    bucket: int
    index: int
    path: str
    sha256: str
    bytes: int
    records: int
    steps: int
    min_length: int
    max_length: int
    index_path: str
    index_sha256: str
    def __init__(self, split: _Optional[str] = ..., bucket: _Optional[int] = ..., index: _Optional[int] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., bytes: _Optional[int] = ..., records: _Optional[int] = ..., steps: _Optional[int] = ..., min_length: _Optional[int] = ..., max_length: _Optional[int] = ..., index_path: _Optional[str] = ..., index_sha256: _Optional[str] = ...) -> None: ...

class RejectedFile(_message.Message):
    __slots__ = ("path", "sha256", "records")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    records: int
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., records: _Optional[int] = ...) -> None: ...
