from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetSpec(_message.Message):
    __slots__ = ("name", "id", "sequences", "label", "split", "buckets", "input", "context", "group", "window", "duplicate_ids", "stored_as", "drift", "event_time")
    class SequencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SequenceFeature
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SequenceFeature, _Mapping]] = ...) -> None: ...
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ContextFeature
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ContextFeature, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_IDS_FIELD_NUMBER: _ClassVar[int]
    STORED_AS_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    id: str
    sequences: _containers.MessageMap[str, SequenceFeature]
    label: Label
    split: Split
    buckets: Buckets
    input: Input
    context: _containers.MessageMap[str, ContextFeature]
    group: Group
    window: Window
    duplicate_ids: DuplicateIds.Value
    stored_as: StoredAs.Value
    drift: Drift
    event_time: TimeField
    def __init__(self, name: _Optional[str] = ..., id: _Optional[str] = ..., sequences: _Optional[_Mapping[str, SequenceFeature]] = ..., label: _Optional[_Union[Label, _Mapping]] = ..., split: _Optional[_Union[Split, _Mapping]] = ..., buckets: _Optional[_Union[Buckets, _Mapping]] = ..., input: _Optional[_Union[Input, _Mapping]] = ..., context: _Optional[_Mapping[str, ContextFeature]] = ..., group: _Optional[_Union[Group, _Mapping]] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., duplicate_ids: _Optional[_Union[DuplicateIds.Value, str]] = ..., stored_as: _Optional[_Union[StoredAs.Value, str]] = ..., drift: _Optional[_Union[Drift, _Mapping]] = ..., event_time: _Optional[_Union[TimeField, _Mapping]] = ...) -> None: ...

class SequenceType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[SequenceType.Value]
        tokens: _ClassVar[SequenceType.Value]
        series: _ClassVar[SequenceType.Value]
    unspecified: SequenceType.Value
    tokens: SequenceType.Value
    series: SequenceType.Value
    def __init__(self) -> None: ...

class Format(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Format.Value]
        jsonl: _ClassVar[Format.Value]
        csv: _ClassVar[Format.Value]
        tsv: _ClassVar[Format.Value]
        lines: _ClassVar[Format.Value]
        text_files: _ClassVar[Format.Value]
        parquet: _ClassVar[Format.Value]
        avro: _ClassVar[Format.Value]
        tfrecord: _ClassVar[Format.Value]
        tfrecord_sequence: _ClassVar[Format.Value]
    unspecified: Format.Value
    jsonl: Format.Value
    csv: Format.Value
    tsv: Format.Value
    lines: Format.Value
    text_files: Format.Value
    parquet: Format.Value
    avro: Format.Value
    tfrecord: Format.Value
    tfrecord_sequence: Format.Value
    def __init__(self) -> None: ...

class Compression(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Compression.Value]
        none: _ClassVar[Compression.Value]
        gzip: _ClassVar[Compression.Value]
        bzip2: _ClassVar[Compression.Value]
        zstd: _ClassVar[Compression.Value]
    unspecified: Compression.Value
    none: Compression.Value
    gzip: Compression.Value
    bzip2: Compression.Value
    zstd: Compression.Value
    def __init__(self) -> None: ...

class Tokenizer(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Tokenizer.Value]
        none: _ClassVar[Tokenizer.Value]
        whitespace: _ClassVar[Tokenizer.Value]
        words: _ClassVar[Tokenizer.Value]
        characters: _ClassVar[Tokenizer.Value]
        bytes: _ClassVar[Tokenizer.Value]
        subwords: _ClassVar[Tokenizer.Value]
    unspecified: Tokenizer.Value
    none: Tokenizer.Value
    whitespace: Tokenizer.Value
    words: Tokenizer.Value
    characters: Tokenizer.Value
    bytes: Tokenizer.Value
    subwords: Tokenizer.Value
    def __init__(self) -> None: ...

class Normalization(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Normalization.Value]
        none: _ClassVar[Normalization.Value]
        nfc: _ClassVar[Normalization.Value]
        nfd: _ClassVar[Normalization.Value]
        nfkc: _ClassVar[Normalization.Value]
        nfkd: _ClassVar[Normalization.Value]
    unspecified: Normalization.Value
    none: Normalization.Value
    nfc: Normalization.Value
    nfd: Normalization.Value
    nfkc: Normalization.Value
    nfkd: Normalization.Value
    def __init__(self) -> None: ...

class Take(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Take.Value]
        prefix: _ClassVar[Take.Value]
        suffix: _ClassVar[Take.Value]
        shape: _ClassVar[Take.Value]
        lower: _ClassVar[Take.Value]
        characters: _ClassVar[Take.Value]
    unspecified: Take.Value
    prefix: Take.Value
    suffix: Take.Value
    shape: Take.Value
    lower: Take.Value
    characters: Take.Value
    def __init__(self) -> None: ...

class Layout(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Layout.Value]
        frames: _ClassVar[Layout.Value]
        flat: _ClassVar[Layout.Value]
        columns: _ClassVar[Layout.Value]
    unspecified: Layout.Value
    frames: Layout.Value
    flat: Layout.Value
    columns: Layout.Value
    def __init__(self) -> None: ...

class Normalize(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Normalize.Value]
        none: _ClassVar[Normalize.Value]
        zscore: _ClassVar[Normalize.Value]
    unspecified: Normalize.Value
    none: Normalize.Value
    zscore: Normalize.Value
    def __init__(self) -> None: ...

class Missing(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Missing.Value]
        reject: _ClassVar[Missing.Value]
        forward: _ClassVar[Missing.Value]
        zero: _ClassVar[Missing.Value]
        mean: _ClassVar[Missing.Value]
    unspecified: Missing.Value
    reject: Missing.Value
    forward: Missing.Value
    zero: Missing.Value
    mean: Missing.Value
    def __init__(self) -> None: ...

class TooLong(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[TooLong.Value]
        truncate_tail: _ClassVar[TooLong.Value]
        truncate_head: _ClassVar[TooLong.Value]
        drop: _ClassVar[TooLong.Value]
        reject: _ClassVar[TooLong.Value]
        truncate_both: _ClassVar[TooLong.Value]
        split: _ClassVar[TooLong.Value]
    unspecified: TooLong.Value
    truncate_tail: TooLong.Value
    truncate_head: TooLong.Value
    drop: TooLong.Value
    reject: TooLong.Value
    truncate_both: TooLong.Value
    split: TooLong.Value
    def __init__(self) -> None: ...

class Empty(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Empty.Value]
        reject: _ClassVar[Empty.Value]
        drop: _ClassVar[Empty.Value]
        keep: _ClassVar[Empty.Value]
    unspecified: Empty.Value
    reject: Empty.Value
    drop: Empty.Value
    keep: Empty.Value
    def __init__(self) -> None: ...

class LabelType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[LabelType.Value]
        number: _ClassVar[LabelType.Value]
        per_step_class: _ClassVar[LabelType.Value]
        next_step: _ClassVar[LabelType.Value]
    unspecified: LabelType.Value
    number: LabelType.Value
    per_step_class: LabelType.Value
    next_step: LabelType.Value
    def __init__(self) -> None: ...

class SplitBy(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[SplitBy.Value]
        hash: _ClassVar[SplitBy.Value]
        group: _ClassVar[SplitBy.Value]
        field: _ClassVar[SplitBy.Value]
        time: _ClassVar[SplitBy.Value]
    unspecified: SplitBy.Value
    hash: SplitBy.Value
    group: SplitBy.Value
    field: SplitBy.Value
    time: SplitBy.Value
    def __init__(self) -> None: ...

class ContextType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[ContextType.Value]
        number: _ClassVar[ContextType.Value]
        category: _ClassVar[ContextType.Value]
    unspecified: ContextType.Value
    number: ContextType.Value
    category: ContextType.Value
    def __init__(self) -> None: ...

class DuplicateIds(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[DuplicateIds.Value]
        keep: _ClassVar[DuplicateIds.Value]
        keep_first: _ClassVar[DuplicateIds.Value]
        reject: _ClassVar[DuplicateIds.Value]
        fail: _ClassVar[DuplicateIds.Value]
    unspecified: DuplicateIds.Value
    keep: DuplicateIds.Value
    keep_first: DuplicateIds.Value
    reject: DuplicateIds.Value
    fail: DuplicateIds.Value
    def __init__(self) -> None: ...

class UnknownLabel(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[UnknownLabel.Value]
        reject: _ClassVar[UnknownLabel.Value]
        keep: _ClassVar[UnknownLabel.Value]
    unspecified: UnknownLabel.Value
    reject: UnknownLabel.Value
    keep: UnknownLabel.Value
    def __init__(self) -> None: ...

class Rest(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Rest.Value]
        keep: _ClassVar[Rest.Value]
        drop: _ClassVar[Rest.Value]
    unspecified: Rest.Value
    keep: Rest.Value
    drop: Rest.Value
    def __init__(self) -> None: ...

class DuplicateEvents(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[DuplicateEvents.Value]
        keep: _ClassVar[DuplicateEvents.Value]
        drop: _ClassVar[DuplicateEvents.Value]
        reject: _ClassVar[DuplicateEvents.Value]
    unspecified: DuplicateEvents.Value
    keep: DuplicateEvents.Value
    drop: DuplicateEvents.Value
    reject: DuplicateEvents.Value
    def __init__(self) -> None: ...

class OrderAs(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[OrderAs.Value]
        number: _ClassVar[OrderAs.Value]
        text: _ClassVar[OrderAs.Value]
        time: _ClassVar[OrderAs.Value]
    unspecified: OrderAs.Value
    number: OrderAs.Value
    text: OrderAs.Value
    time: OrderAs.Value
    def __init__(self) -> None: ...

class StoredAs(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[StoredAs.Value]
        example: _ClassVar[StoredAs.Value]
        sequence_example: _ClassVar[StoredAs.Value]
    unspecified: StoredAs.Value
    example: StoredAs.Value
    sequence_example: StoredAs.Value
    def __init__(self) -> None: ...

class SequenceFeature(_message.Message):
    __slots__ = ("type", "tokenizer", "lowercase", "vocabulary", "dims", "layout", "normalize", "max_length", "too_long", "empty", "normalization", "tokenizer_file", "derive", "columns", "missing", "time", "aligned_with")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    LOWERCASE_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TOO_LONG_FIELD_NUMBER: _ClassVar[int]
    EMPTY_FIELD_NUMBER: _ClassVar[int]
    NORMALIZATION_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FILE_FIELD_NUMBER: _ClassVar[int]
    DERIVE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ALIGNED_WITH_FIELD_NUMBER: _ClassVar[int]
    type: SequenceType.Value
    tokenizer: Tokenizer.Value
    lowercase: bool
    vocabulary: VocabularyOptions
    dims: int
    layout: Layout.Value
    normalize: Normalize.Value
    max_length: int
    too_long: TooLong.Value
    empty: Empty.Value
    normalization: Normalization.Value
    tokenizer_file: str
    derive: Derive
    columns: _containers.RepeatedScalarFieldContainer[str]
    missing: Missing.Value
    time: TimeField
    aligned_with: str
    def __init__(self, type: _Optional[_Union[SequenceType.Value, str]] = ..., tokenizer: _Optional[_Union[Tokenizer.Value, str]] = ..., lowercase: _Optional[bool] = ..., vocabulary: _Optional[_Union[VocabularyOptions, _Mapping]] = ..., dims: _Optional[int] = ..., layout: _Optional[_Union[Layout.Value, str]] = ..., normalize: _Optional[_Union[Normalize.Value, str]] = ..., max_length: _Optional[int] = ..., too_long: _Optional[_Union[TooLong.Value, str]] = ..., empty: _Optional[_Union[Empty.Value, str]] = ..., normalization: _Optional[_Union[Normalization.Value, str]] = ..., tokenizer_file: _Optional[str] = ..., derive: _Optional[_Union[Derive, _Mapping]] = ..., columns: _Optional[_Iterable[str]] = ..., missing: _Optional[_Union[Missing.Value, str]] = ..., time: _Optional[_Union[TimeField, _Mapping]] = ..., aligned_with: _Optional[str] = ..., **kwargs) -> None: ...

class Derive(_message.Message):
    __slots__ = ("of", "take", "length")
    OF_FIELD_NUMBER: _ClassVar[int]
    TAKE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    of: str
    take: Take.Value
    length: int
    def __init__(self, of: _Optional[str] = ..., take: _Optional[_Union[Take.Value, str]] = ..., length: _Optional[int] = ...) -> None: ...

class TimeField(_message.Message):
    __slots__ = ("format", "zone")
    FROM_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    format: str
    zone: str
    def __init__(self, format: _Optional[str] = ..., zone: _Optional[str] = ..., **kwargs) -> None: ...

class Input(_message.Message):
    __slots__ = ("format", "compression", "encoding", "delimiter", "header", "columns", "max_record_bytes", "quotes")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    format: Format.Value
    compression: Compression.Value
    encoding: str
    delimiter: str
    header: bool
    columns: _containers.RepeatedScalarFieldContainer[str]
    max_record_bytes: int
    quotes: bool
    def __init__(self, format: _Optional[_Union[Format.Value, str]] = ..., compression: _Optional[_Union[Compression.Value, str]] = ..., encoding: _Optional[str] = ..., delimiter: _Optional[str] = ..., header: _Optional[bool] = ..., columns: _Optional[_Iterable[str]] = ..., max_record_bytes: _Optional[int] = ..., quotes: _Optional[bool] = ...) -> None: ...

class ContextFeature(_message.Message):
    __slots__ = ("type", "vocabulary", "normalize")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    type: ContextType.Value
    vocabulary: VocabularyOptions
    normalize: Normalize.Value
    def __init__(self, type: _Optional[_Union[ContextType.Value, str]] = ..., vocabulary: _Optional[_Union[VocabularyOptions, _Mapping]] = ..., normalize: _Optional[_Union[Normalize.Value, str]] = ..., **kwargs) -> None: ...

class Group(_message.Message):
    __slots__ = ("by", "order_by", "order_as", "time_format", "zone", "duplicates", "window", "session_gap", "max_events")
    BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_AS_FIELD_NUMBER: _ClassVar[int]
    TIME_FORMAT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    SESSION_GAP_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    by: str
    order_by: str
    order_as: OrderAs.Value
    time_format: str
    zone: str
    duplicates: DuplicateEvents.Value
    window: str
    session_gap: str
    max_events: int
    def __init__(self, by: _Optional[str] = ..., order_by: _Optional[str] = ..., order_as: _Optional[_Union[OrderAs.Value, str]] = ..., time_format: _Optional[str] = ..., zone: _Optional[str] = ..., duplicates: _Optional[_Union[DuplicateEvents.Value, str]] = ..., window: _Optional[str] = ..., session_gap: _Optional[str] = ..., max_events: _Optional[int] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("length", "stride", "rest", "of")
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    REST_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    length: int
    stride: int
    rest: Rest.Value
    of: str
    def __init__(self, length: _Optional[int] = ..., stride: _Optional[int] = ..., rest: _Optional[_Union[Rest.Value, str]] = ..., of: _Optional[str] = ...) -> None: ...

class CountBy(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[CountBy.Value]
        occurrences: _ClassVar[CountBy.Value]
        documents: _ClassVar[CountBy.Value]
    unspecified: CountBy.Value
    occurrences: CountBy.Value
    documents: CountBy.Value
    def __init__(self) -> None: ...

class VocabularyOptions(_message.Message):
    __slots__ = ("top_k", "min_frequency", "oov_buckets", "count_by", "special_tokens", "file", "shared_with", "approximate")
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    OOV_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    COUNT_BY_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    SHARED_WITH_FIELD_NUMBER: _ClassVar[int]
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    top_k: int
    min_frequency: int
    oov_buckets: int
    count_by: CountBy.Value
    special_tokens: _containers.RepeatedScalarFieldContainer[str]
    file: str
    shared_with: str
    approximate: int
    def __init__(self, top_k: _Optional[int] = ..., min_frequency: _Optional[int] = ..., oov_buckets: _Optional[int] = ..., count_by: _Optional[_Union[CountBy.Value, str]] = ..., special_tokens: _Optional[_Iterable[str]] = ..., file: _Optional[str] = ..., shared_with: _Optional[str] = ..., approximate: _Optional[int] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("type", "of", "unknown", "classes_file", "end", "after", "horizon")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FILE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    type: LabelType.Value
    of: str
    unknown: UnknownLabel.Value
    classes_file: str
    end: bool
    after: int
    horizon: int
    def __init__(self, type: _Optional[_Union[LabelType.Value, str]] = ..., of: _Optional[str] = ..., unknown: _Optional[_Union[UnknownLabel.Value, str]] = ..., classes_file: _Optional[str] = ..., end: _Optional[bool] = ..., after: _Optional[int] = ..., horizon: _Optional[int] = ..., **kwargs) -> None: ...

class Split(_message.Message):
    __slots__ = ("by", "salt", "fractions", "names", "before", "otherwise", "time_format", "zone")
    class FractionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class NamesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class BeforeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BY_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    TIME_FORMAT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    by: SplitBy.Value
    salt: int
    fractions: _containers.ScalarMap[str, float]
    names: _containers.ScalarMap[str, str]
    before: _containers.ScalarMap[str, str]
    otherwise: str
    time_format: str
    zone: str
    def __init__(self, by: _Optional[_Union[SplitBy.Value, str]] = ..., salt: _Optional[int] = ..., fractions: _Optional[_Mapping[str, float]] = ..., names: _Optional[_Mapping[str, str]] = ..., before: _Optional[_Mapping[str, str]] = ..., otherwise: _Optional[str] = ..., time_format: _Optional[str] = ..., zone: _Optional[str] = ..., **kwargs) -> None: ...

class Buckets(_message.Message):
    __slots__ = ("by", "count", "most", "seconds")
    BY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    by: str
    count: int
    most: int
    seconds: BatchSeconds
    def __init__(self, by: _Optional[str] = ..., count: _Optional[int] = ..., most: _Optional[int] = ..., seconds: _Optional[_Union[BatchSeconds, _Mapping]] = ...) -> None: ...

class BatchSeconds(_message.Message):
    __slots__ = ("batch", "step", "padded_step", "padded_steps", "examples")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PADDED_STEP_FIELD_NUMBER: _ClassVar[int]
    PADDED_STEPS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    batch: float
    step: float
    padded_step: float
    padded_steps: int
    examples: int
    def __init__(self, batch: _Optional[float] = ..., step: _Optional[float] = ..., padded_step: _Optional[float] = ..., padded_steps: _Optional[int] = ..., examples: _Optional[int] = ...) -> None: ...

class Drift(_message.Message):
    __slots__ = ("warn", "fail")
    WARN_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    warn: DriftLimits
    fail: DriftLimits
    def __init__(self, warn: _Optional[_Union[DriftLimits, _Mapping]] = ..., fail: _Optional[_Union[DriftLimits, _Mapping]] = ...) -> None: ...

class DriftLimits(_message.Message):
    __slots__ = ("length_distance", "oov_rate_change", "class_share_change", "mean_shift", "rejected_share_change")
    LENGTH_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    OOV_RATE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    CLASS_SHARE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    MEAN_SHIFT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_SHARE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    length_distance: float
    oov_rate_change: float
    class_share_change: float
    mean_shift: float
    rejected_share_change: float
    def __init__(self, length_distance: _Optional[float] = ..., oov_rate_change: _Optional[float] = ..., class_share_change: _Optional[float] = ..., mean_shift: _Optional[float] = ..., rejected_share_change: _Optional[float] = ...) -> None: ...
