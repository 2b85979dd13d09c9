"""The manifest of several spans as if they were one data set.

Paths are relative to the root. What is counted is added up exactly; what is a contract between spans (vocabularies,
classes, moments, buckets) is that of the span with the longest vocabularies, which all others must agree with.
"""

from collections.abc import Collection, Mapping

from schemas.errors import DataError
from schemas.manifest import SPAN_VERSION, data_fingerprint, fingerprint
from schemas.manifest_pb2 import InputFile, Manifest, RejectedFile, Shard, SpanPart, TokenizerFile, Vocabulary
from schemas.spans.difference import FREE_OF_BASE, spec_difference
from schemas.spans.names import SPANS, span_path
from schemas.spans.totals import add_counts, merge_splits

CLASSES = "set of classes"
_REMEDY = "choose a range that holds only one of the two (since, until, last)"


def merge_manifests(spans: Mapping[str, Manifest], beside: Collection[str] = ()) -> Manifest:
    """Returns the manifest of spans as if they were one data set, sealed.

    Its `data_fingerprint` is that of one data set with the records of all spans and the same contract.

    Args:
      spans: Manifests by the names of the spans, in order, one or more.
      beside: Names of those that say only what ids mean, and whose records are left out; not of all.

    Raises:
      DataError: Two spans do not belong together. Whether a shorter vocabulary is the beginning of a longer one
        of the same base only the content of their files tells, and `schemas.spans.folder.load_data` looks at it.
    """
    name = definer_of(spans)
    contract = spans[name]
    for other, manifest in spans.items():
        found = difference(manifest, contract) or _beyond(manifest, contract)
        if found:
            raise differ(other, name, found)
    spans = {name: manifest for name, manifest in spans.items() if name not in beside}
    newest = list(spans.values())[-1]
    inputs: list[InputFile] = [file for manifest in spans.values() for file in manifest.inputs]
    inputs.sort(key=lambda file: file.path)
    merged = Manifest(
        format_version=SPAN_VERSION,
        spec=newest.spec,
        features=contract.features,
        buckets=contract.buckets,
        classes=contract.classes,
        parts=[SpanPart(name=of, fingerprint=manifest.fingerprint) for of, manifest in spans.items()],
        inputs=inputs,
        counts=add_counts([manifest.counts for manifest in spans.values()]),
        shards=_shards(spans),
        rejected_files=_rejected(spans),
    )
    for key, vocabulary in contract.vocabularies.items():
        merged.vocabularies[key].CopyFrom(vocabulary)
    for key, tokenizer in contract.tokenizers.items():
        merged.tokenizers[key].CopyFrom(tokenizer)
    for key, moments in contract.moments.items():
        merged.moments[key].CopyFrom(moments)
    for key, split in merge_splits([manifest.statistics for manifest in spans.values()], merged.classes.size).items():
        merged.statistics[key].CopyFrom(split)
    merged.data_fingerprint = data_fingerprint(merged)
    for file in _contract_files(merged):
        file.path = f"{span_path(name)}/{file.path}"
    merged.fingerprint = fingerprint(merged)
    return merged


def of_model(manifest: Manifest) -> Manifest:
    """Returns the manifest that a model keeps: files that say what ids mean have the paths that one data set has."""
    if not manifest.parts:
        return manifest
    kept = Manifest()
    kept.CopyFrom(manifest)
    for file in _contract_files(kept):
        if file.path.startswith(f"{SPANS}/"):  # of one of the parts, or of a span beside them; else it is done already
            file.path = file.path.split("/", 2)[2]
    kept.fingerprint = fingerprint(kept)
    return kept


def definer_of(spans: Mapping[str, Manifest]) -> str:
    """Returns the span with the longest vocabularies: of the highest generation, and of these the newest."""

    def rank(name: str) -> tuple[int, int]:
        manifest = spans[name]
        entries = sum(vocabulary.size for vocabulary in manifest.vocabularies.values()) + manifest.classes.size
        return manifest.span.generation, entries

    # The order in which they are given decides among equals, whatever the names: the last one.
    return max(list(spans)[::-1], key=rank)


def stated_vocabularies(manifest: Manifest) -> dict[str, Vocabulary]:
    """Returns vocabularies by what a message calls them; the classes are one."""
    stated = {f"vocabulary of '{name}'": vocabulary for name, vocabulary in manifest.vocabularies.items()}
    return stated | ({CLASSES: manifest.classes} if manifest.classes.path else {})


def differ(first: str, second: str, what: str) -> DataError:
    """Returns the error that two spans cannot be read together."""
    return DataError(f"spans '{first}' and '{second}': {what}; {_REMEDY}")


def difference(manifest: Manifest, contract: Manifest) -> str:
    """Returns why two data sets have no base in common, whatever their generations; empty: they may have one."""
    found = spec_difference(manifest.spec, contract.spec, FREE_OF_BASE)
    if found:
        return f"their specs differ in '{found.path}'"
    for what, is_same in (
        ("stored features", manifest.features == contract.features),
        ("buckets", manifest.buckets == contract.buckets),
        ("normalisation (moments)", dict(manifest.moments) == dict(contract.moments)),
    ):
        if not is_same:
            return f"their {what} are not the same, so that they have no base in common"
    if _digests(manifest.tokenizers) != _digests(contract.tokenizers):
        return "their tokenizer files are not the same"
    ours, theirs = stated_vocabularies(manifest), stated_vocabularies(contract)
    for what in sorted({*ours, *theirs}):
        if what not in ours or what not in theirs:
            return f"only one has a {what}"
        mine, its = ours[what], theirs[what]
        if mine.oov_buckets != its.oov_buckets:
            return f"the {what} has {mine.oov_buckets} and {its.oov_buckets} ids out of vocabulary"
        if mine.size == its.size and mine.sha256 != its.sha256:
            return f"the {what} of neither begins with that of the other"
    return ""


def _beyond(manifest: Manifest, contract: Manifest) -> str:
    """Returns which vocabulary is longer than that of the contract, which should have the longest; empty: none."""
    theirs = stated_vocabularies(contract)
    longer = (what for what, mine in stated_vocabularies(manifest).items() if mine.size > theirs[what].size)
    return next((f"the {what} of neither begins with that of the other" for what in sorted(longer)), "")


def _digests(tokenizers: Mapping[str, TokenizerFile]) -> dict[str, str]:
    return {name: file.sha256 for name, file in tokenizers.items()}


def _shards(spans: Mapping[str, Manifest]) -> list[Shard]:
    """Returns the shards of all spans, those of each split and bucket numbered anew."""
    of_bucket: dict[tuple[str, int], list[Shard]] = {}
    for name, manifest in spans.items():
        prefix = f"{span_path(name)}/"
        for shard in sorted(manifest.shards, key=lambda shard: shard.index):
            moved = Shard()
            moved.CopyFrom(shard)
            moved.path, moved.index_path = prefix + shard.path, prefix + shard.index_path
            of_bucket.setdefault((shard.split, shard.bucket), []).append(moved)
    for shards in of_bucket.values():
        for index, shard in enumerate(shards):
            shard.index = index
    return [shard for key in sorted(of_bucket) for shard in of_bucket[key]]


def _rejected(spans: Mapping[str, Manifest]) -> list[RejectedFile]:
    return [
        RejectedFile(path=f"{span_path(name)}/{file.path}", sha256=file.sha256, records=file.records)
        for name, manifest in spans.items()
        for file in manifest.rejected_files
    ]


def _contract_files(manifest: Manifest) -> list[Vocabulary | TokenizerFile]:
    """Returns what a manifest says of the files that say what ids mean."""
    files: list[Vocabulary | TokenizerFile]
    files = [*manifest.vocabularies.values(), manifest.classes, *manifest.tokenizers.values()]
    return [file for file in files if file.path]
