from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetSpec(_message.Message):
    __slots__ = ("name", "id", "sequences", "label", "split", "buckets")
    class SequencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SequenceFeature
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SequenceFeature, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    id: str
    sequences: _containers.MessageMap[str, SequenceFeature]
    label: Label
    split: Split
    buckets: Buckets
    def __init__(self, name: _Optional[str] = ..., id: _Optional[str] = ..., sequences: _Optional[_Mapping[str, SequenceFeature]] = ..., label: _Optional[_Union[Label, _Mapping]] = ..., split: _Optional[_Union[Split, _Mapping]] = ..., buckets: _Optional[_Union[Buckets, _Mapping]] = ...) -> None: ...

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

class Tokenizer(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Tokenizer.Value]
        none: _ClassVar[Tokenizer.Value]
        whitespace: _ClassVar[Tokenizer.Value]
        words: _ClassVar[Tokenizer.Value]
        characters: _ClassVar[Tokenizer.Value]
    unspecified: Tokenizer.Value
    none: Tokenizer.Value
    whitespace: Tokenizer.Value
    words: Tokenizer.Value
    characters: Tokenizer.Value
    def __init__(self) -> None: ...

class Layout(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[Layout.Value]
        frames: _ClassVar[Layout.Value]
        flat: _ClassVar[Layout.Value]
    unspecified: Layout.Value
    frames: Layout.Value
    flat: Layout.Value
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

class TooLong(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[TooLong.Value]
        truncate_tail: _ClassVar[TooLong.Value]
        truncate_head: _ClassVar[TooLong.Value]
        drop: _ClassVar[TooLong.Value]
        reject: _ClassVar[TooLong.Value]
    unspecified: TooLong.Value
    truncate_tail: TooLong.Value
    truncate_head: TooLong.Value
    drop: TooLong.Value
    reject: TooLong.Value
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
    unspecified: LabelType.Value
    number: LabelType.Value
    per_step_class: LabelType.Value
    def __init__(self) -> None: ...

class SplitBy(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[SplitBy.Value]
        hash: _ClassVar[SplitBy.Value]
    unspecified: SplitBy.Value
    hash: SplitBy.Value
    def __init__(self) -> None: ...

class SequenceFeature(_message.Message):
    __slots__ = ("type", "tokenizer", "lowercase", "vocabulary", "dims", "layout", "normalize", "max_length", "too_long", "empty")
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
    def __init__(self, type: _Optional[_Union[SequenceType.Value, str]] = ..., tokenizer: _Optional[_Union[Tokenizer.Value, str]] = ..., lowercase: _Optional[bool] = ..., vocabulary: _Optional[_Union[VocabularyOptions, _Mapping]] = ..., dims: _Optional[int] = ..., layout: _Optional[_Union[Layout.Value, str]] = ..., normalize: _Optional[_Union[Normalize.Value, str]] = ..., max_length: _Optional[int] = ..., too_long: _Optional[_Union[TooLong.Value, str]] = ..., empty: _Optional[_Union[Empty.Value, str]] = ..., **kwargs) -> None: ...

class VocabularyOptions(_message.Message):
    __slots__ = ("top_k", "min_frequency", "oov_buckets")
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    OOV_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    top_k: int
    min_frequency: int
    oov_buckets: int
    def __init__(self, top_k: _Optional[int] = ..., min_frequency: _Optional[int] = ..., oov_buckets: _Optional[int] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("type", "of")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    type: LabelType.Value
    of: str
    def __init__(self, type: _Optional[_Union[LabelType.Value, str]] = ..., of: _Optional[str] = ..., **kwargs) -> None: ...

class Split(_message.Message):
    __slots__ = ("by", "salt", "fractions")
    class FractionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BY_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    by: SplitBy.Value
    salt: int
    fractions: _containers.ScalarMap[str, float]
    def __init__(self, by: _Optional[_Union[SplitBy.Value, str]] = ..., salt: _Optional[int] = ..., fractions: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Buckets(_message.Message):
    __slots__ = ("by", "count")
    BY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    by: str
    count: int
    def __init__(self, by: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
