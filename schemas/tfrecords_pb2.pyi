from schemas import dataset_pb2 as _dataset_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordSpec(_message.Message):
    __slots__ = ("stored_as", "compression", "features", "label", "bucket_by", "boundaries", "longest")
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: RecordFeature
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[RecordFeature, _Mapping]] = ...) -> None: ...
    STORED_AS_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BUCKET_BY_FIELD_NUMBER: _ClassVar[int]
    BOUNDARIES_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    stored_as: _dataset_pb2.StoredAs.Value
    compression: RecordCompression.Value
    features: _containers.MessageMap[str, RecordFeature]
    label: RecordLabel
    bucket_by: str
    boundaries: _containers.RepeatedScalarFieldContainer[int]
    longest: int
    def __init__(self, stored_as: _Optional[_Union[_dataset_pb2.StoredAs.Value, str]] = ..., compression: _Optional[_Union[RecordCompression.Value, str]] = ..., features: _Optional[_Mapping[str, RecordFeature]] = ..., label: _Optional[_Union[RecordLabel, _Mapping]] = ..., bucket_by: _Optional[str] = ..., boundaries: _Optional[_Iterable[int]] = ..., longest: _Optional[int] = ...) -> None: ...

class RecordCompression(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[RecordCompression.Value]
        none: _ClassVar[RecordCompression.Value]
        gzip: _ClassVar[RecordCompression.Value]
        zlib: _ClassVar[RecordCompression.Value]
    unspecified: RecordCompression.Value
    none: RecordCompression.Value
    gzip: RecordCompression.Value
    zlib: RecordCompression.Value
    def __init__(self) -> None: ...

class RecordFeatureType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        unspecified: _ClassVar[RecordFeatureType.Value]
        tokens: _ClassVar[RecordFeatureType.Value]
        series: _ClassVar[RecordFeatureType.Value]
        text: _ClassVar[RecordFeatureType.Value]
        number: _ClassVar[RecordFeatureType.Value]
        category: _ClassVar[RecordFeatureType.Value]
        id: _ClassVar[RecordFeatureType.Value]
    unspecified: RecordFeatureType.Value
    tokens: RecordFeatureType.Value
    series: RecordFeatureType.Value
    text: RecordFeatureType.Value
    number: RecordFeatureType.Value
    category: RecordFeatureType.Value
    id: RecordFeatureType.Value
    def __init__(self) -> None: ...

class RecordFeature(_message.Message):
    __slots__ = ("type", "dims", "feature", "length")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    type: RecordFeatureType.Value
    dims: int
    feature: str
    length: str
    def __init__(self, type: _Optional[_Union[RecordFeatureType.Value, str]] = ..., dims: _Optional[int] = ..., feature: _Optional[str] = ..., length: _Optional[str] = ...) -> None: ...

class RecordLabel(_message.Message):
    __slots__ = ("feature", "type", "of")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    feature: str
    type: _dataset_pb2.LabelType.Value
    of: str
    def __init__(self, feature: _Optional[str] = ..., type: _Optional[_Union[_dataset_pb2.LabelType.Value, str]] = ..., of: _Optional[str] = ...) -> None: ...
