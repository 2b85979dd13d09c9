from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetStatistics(_message.Message):
    __slots__ = ("splits", "tokens")
    class SplitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SplitDetails
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SplitDetails, _Mapping]] = ...) -> None: ...
    class TokensEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: TokenStatistics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[TokenStatistics, _Mapping]] = ...) -> None: ...
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    splits: _containers.MessageMap[str, SplitDetails]
    tokens: _containers.MessageMap[str, TokenStatistics]
    def __init__(self, splits: _Optional[_Mapping[str, SplitDetails]] = ..., tokens: _Optional[_Mapping[str, TokenStatistics]] = ...) -> None: ...

class SplitDetails(_message.Message):
    __slots__ = ("records", "sequences", "numbers", "categories")
    class SequencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SequenceDetails
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SequenceDetails, _Mapping]] = ...) -> None: ...
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: NumberStatistics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[NumberStatistics, _Mapping]] = ...) -> None: ...
    class CategoriesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: CategoryStatistics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[CategoryStatistics, _Mapping]] = ...) -> None: ...
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    records: int
    sequences: _containers.MessageMap[str, SequenceDetails]
    numbers: _containers.MessageMap[str, NumberStatistics]
    categories: _containers.MessageMap[str, CategoryStatistics]
    def __init__(self, records: _Optional[int] = ..., sequences: _Optional[_Mapping[str, SequenceDetails]] = ..., numbers: _Optional[_Mapping[str, NumberStatistics]] = ..., categories: _Optional[_Mapping[str, CategoryStatistics]] = ...) -> None: ...

class SequenceDetails(_message.Message):
    __slots__ = ("lengths", "uncut_lengths", "by_class", "values", "oov_steps", "oov_sums")
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    UNCUT_LENGTHS_FIELD_NUMBER: _ClassVar[int]
    BY_CLASS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OOV_STEPS_FIELD_NUMBER: _ClassVar[int]
    OOV_SUMS_FIELD_NUMBER: _ClassVar[int]
    lengths: LengthDetails
    uncut_lengths: LengthDetails
    by_class: _containers.RepeatedCompositeFieldContainer[LengthDetails]
    values: _containers.RepeatedCompositeFieldContainer[NumberStatistics]
    oov_steps: int
    oov_sums: OovSums
    def __init__(self, lengths: _Optional[_Union[LengthDetails, _Mapping]] = ..., uncut_lengths: _Optional[_Union[LengthDetails, _Mapping]] = ..., by_class: _Optional[_Iterable[_Union[LengthDetails, _Mapping]]] = ..., values: _Optional[_Iterable[_Union[NumberStatistics, _Mapping]]] = ..., oov_steps: _Optional[int] = ..., oov_sums: _Optional[_Union[OovSums, _Mapping]] = ...) -> None: ...

class OovSums(_message.Message):
    __slots__ = ("records", "squares", "products", "length_squares")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    SQUARES_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_SQUARES_FIELD_NUMBER: _ClassVar[int]
    records: int
    squares: str
    products: str
    length_squares: str
    def __init__(self, records: _Optional[int] = ..., squares: _Optional[str] = ..., products: _Optional[str] = ..., length_squares: _Optional[str] = ...) -> None: ...

class LengthDetails(_message.Message):
    __slots__ = ("lengths", "counts", "records", "steps", "min", "max", "mean", "deviation", "quantiles")
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    lengths: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    records: int
    steps: int
    min: int
    max: int
    mean: float
    deviation: float
    quantiles: _containers.RepeatedCompositeFieldContainer[Quantile]
    def __init__(self, lengths: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ..., records: _Optional[int] = ..., steps: _Optional[int] = ..., min: _Optional[int] = ..., max: _Optional[int] = ..., mean: _Optional[float] = ..., deviation: _Optional[float] = ..., quantiles: _Optional[_Iterable[_Union[Quantile, _Mapping]]] = ...) -> None: ...

class Quantile(_message.Message):
    __slots__ = ("share", "length")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    share: float
    length: int
    def __init__(self, share: _Optional[float] = ..., length: _Optional[int] = ...) -> None: ...

class NumberStatistics(_message.Message):
    __slots__ = ("count", "missing", "zeros", "mean", "deviation", "min", "max", "exact_sum", "exact_squares")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ZEROS_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    EXACT_SUM_FIELD_NUMBER: _ClassVar[int]
    EXACT_SQUARES_FIELD_NUMBER: _ClassVar[int]
    count: int
    missing: int
    zeros: int
    mean: float
    deviation: float
    min: float
    max: float
    exact_sum: str
    exact_squares: str
    def __init__(self, count: _Optional[int] = ..., missing: _Optional[int] = ..., zeros: _Optional[int] = ..., mean: _Optional[float] = ..., deviation: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., exact_sum: _Optional[str] = ..., exact_squares: _Optional[str] = ...) -> None: ...

class CategoryStatistics(_message.Message):
    __slots__ = ("count", "oov")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OOV_FIELD_NUMBER: _ClassVar[int]
    count: int
    oov: int
    def __init__(self, count: _Optional[int] = ..., oov: _Optional[int] = ...) -> None: ...

class TokenStatistics(_message.Message):
    __slots__ = ("top", "curve", "occurring")
    TOP_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    OCCURRING_FIELD_NUMBER: _ClassVar[int]
    top: _containers.RepeatedCompositeFieldContainer[TokenCount]
    curve: _containers.RepeatedCompositeFieldContainer[CoveredShare]
    occurring: int
    def __init__(self, top: _Optional[_Iterable[_Union[TokenCount, _Mapping]]] = ..., curve: _Optional[_Iterable[_Union[CoveredShare, _Mapping]]] = ..., occurring: _Optional[int] = ...) -> None: ...

class TokenCount(_message.Message):
    __slots__ = ("token", "count", "id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    count: int
    id: int
    def __init__(self, token: _Optional[str] = ..., count: _Optional[int] = ..., id: _Optional[int] = ...) -> None: ...

class CoveredShare(_message.Message):
    __slots__ = ("rank", "share")
    RANK_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    rank: int
    share: float
    def __init__(self, rank: _Optional[int] = ..., share: _Optional[float] = ...) -> None: ...
