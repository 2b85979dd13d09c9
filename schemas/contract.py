"""What a model keeps of its data set, file by file: the manifest, and the files that say what ids mean.

A data set's folder holds these files under the same paths as that of a model trained on it.
"""

import hashlib
from pathlib import Path

from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, dump_manifest
from schemas.manifest_pb2 import Manifest, TokenizerFile
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.records.subwords import Subwords, load_subwords
from schemas.spans.merging import of_model
from schemas.vocabulary import Vocabulary, first_token_id, parse_tokens


def read_contract(data: Path, manifest: Manifest) -> dict[str, bytes]:
    """Returns what a model keeps of its data set, by path: the manifest and the vocabularies.

    Read before training, so that a model never keeps what a later data set in the same place says. Of several spans the
    files have the paths that those of one data set have.

    Raises:
      DataError: A vocabulary is missing or damaged.
    """
    kept = of_model(manifest)
    files = zip(_files(manifest), _files(kept), strict=True)
    return {MANIFEST_NAME: dump_manifest(kept)} | {own.path: _verified(data, file) for file, own in files}


def _files(manifest: Manifest) -> list[VocabularyFile | TokenizerFile]:
    """Returns what a manifest says of the files that say what ids mean, sorted by name."""
    vocabularies, tokenizers = manifest.vocabularies, manifest.tokenizers
    stated: list[VocabularyFile | TokenizerFile] = [vocabularies[name] for name in sorted(vocabularies)]
    stated += [manifest.classes, *(tokenizers[name] for name in sorted(tokenizers))]
    return [file for file in stated if file.path]


def read_vocabularies(folder: Path, manifest: Manifest) -> dict[str, Vocabulary]:
    """Reads the vocabularies of a data set or model folder, by name of the token sequence or category.

    Raises:
      DataError: One of them is missing or damaged.
    """
    return {
        name: Vocabulary(parse_tokens(_verified(folder, file), file.path), first_id=first_token_id(file.oov_buckets))
        for name, file in manifest.vocabularies.items()
    }


def read_classes(folder: Path, manifest: Manifest) -> list[str]:
    """Reads the names of the classes of a data set or model folder, in the order of their ids; none of other labels.

    Raises:
      DataError: Their file is missing or damaged.
    """
    file = manifest.classes
    names: list[str] = parse_tokens(_verified(folder, file), file.path).to_pylist() if file.path else []
    return names


def read_subwords(folder: Path, manifest: Manifest) -> dict[str, Subwords]:
    """Reads the tokenizers of a data set or model folder, by name of the sequence that each cuts.

    Raises:
      DataError: A file is missing or damaged.
      UsageError: The library that reads it is missing.
    """
    tokenizers = manifest.tokenizers.items()
    return {name: load_subwords(_verified(folder, file), f"{folder / file.path}") for name, file in tokenizers}


def _verified(folder: Path, file: VocabularyFile | TokenizerFile) -> bytes:
    """Returns the content of a vocabulary or tokenizer file, which must be what its manifest says."""
    path = folder / file.path
    try:
        content = path.read_bytes()
    except OSError:
        raise DataError(f"{path}: is missing though the manifest names it; write the folder again") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{path}: does not fit its digest in the manifest; write the folder again")
    return content
