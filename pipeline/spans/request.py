"""What a person asks of a span, and the run that this means beside the spans that are there."""

import os.path
from collections.abc import Mapping
from typing import NamedTuple

from pipeline import files
from pipeline.job import Base, GivenFile, SpanRun, TokenizerFile
from pipeline.spans.choose import Contract, choose, contract_digest
from pipeline.spans.outside import choose_outside, find_outside, folder_within, load_outside, outside_if_there
from pipeline.spans.published import load_span, published_contracts, published_names
from pipeline.vocabulary.given import given_by_base, given_digest
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import UsageError
from schemas.formats.fields import LABEL
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import Manifest
from schemas.messages import canonical_json
from schemas.spans.difference import FREE_OF_BASE, spec_difference
from schemas.spans.names import SPANS, check_span_name, is_outside
from schemas.spec import TRAIN


class SpanRequest(NamedTuple):
    """A span as the options of a run state it.

    Attributes:
      name: Of the span.
      base: Of another one, whose vocabularies, normalisation and buckets to take; empty: nothing is said.
      extend: Most entries to add to each vocabulary of the base; 0: none.
      dataset: Folder of a data set that is no span of the same folder, in place of `base`; empty: nothing is said.
    """

    name: str
    base: str = ""
    extend: int = 0
    dataset: str = ""


class SpanPlan(NamedTuple):
    """A run of a span beside those that are there.

    Attributes:
      run: What all steps are told.
      manifest: Of whatever has the vocabularies, normalisation and buckets that it takes; None: it plans for itself.
    """

    run: SpanRun
    manifest: Manifest | None


def check_root(root: str, request: SpanRequest | None) -> None:
    """Checks that a folder holds either one data set or spans, and lies not among those of another one.

    Args:
      root: As `--output` says.
      request: The span; None of a data set that stands alone.

    Raises:
      UsageError: The folder holds the other one, or the request cannot mean anything.
    """
    _check_around(root)
    if request is None:
        spans = published_names(root) if root and not files.is_file(root) else []
        if spans:
            raise UsageError(
                f"{root}: holds the span {spans[-1]} ({SPANS}/{spans[-1]}), so that a data set of its own does not "
                "belong there; say --span NAME, or name another folder"
            )
        return
    check_request(request)
    _check_no_data_set(root, "leave --span out, or name")


def check_request(request: SpanRequest) -> None:
    """Checks what a request says, whatever spans there are.

    Raises:
      UsageError: It cannot mean anything.
    """
    check_span_name(request.name)
    if request.base:
        check_span_name(request.base, "--base")
    if not request.dataset:
        return
    if request.base:
        raise UsageError(
            f"--base_dataset {request.dataset}: and --base {request.base} both say where vocabularies come from; say "
            "one of them"
        )
    if request.extend:
        raise UsageError(
            f"--extend_vocabulary {request.extend}: with --base_dataset each span takes the vocabularies of "
            f"{request.dataset} as they are, so that spans can be written at the same time; leave one of the two out"
        )


def check_holds_spans(root: str) -> None:
    """Checks that a folder holds spans, or can, whichever they will be.

    Args:
      root: As `--output` says.

    Raises:
      UsageError: It cannot.
    """
    _check_around(root)
    _check_no_data_set(root, "name")


def _check_no_data_set(root: str, remedy: str) -> None:
    if not root or files.is_file(root):
        raise UsageError(f"--output {root!r}: is {'a file' if root else 'empty'}; name the folder of all spans")
    if files.exists(files.join(root, MANIFEST_NAME)):
        raise UsageError(
            f"{root}: holds a data set of its own, so that spans do not belong there; {remedy} another folder"
        )


def _check_around(root: str) -> None:
    around = _root_around(root)
    if around:
        raise UsageError(
            f"--output {root}: lies among the spans of {around}, which another data set there would break; say "
            f"--output {around} --span NAME, or name another folder"
        )


def _root_around(root: str) -> str:
    """Returns the folder whose published spans a folder lies among; empty: it lies among none."""
    parts = (os.path.normpath(root) if files.is_local(root) else root).split("/")
    above = ["/".join(parts[:place]) or ("/" if place else ".") for place, part in enumerate(parts) if part == SPANS]
    return next((folder for folder in above if published_names(folder)), "")


def plan_span(request: SpanRequest, root: str) -> SpanPlan:
    """Returns the run that a request means.

    Args:
      request: The span.
      root: Folder of all spans.

    Raises:
      UsageError: See `pipeline.spans.choose.choose` and `pipeline.spans.outside`.
      DataError: The manifest of a span, or of the base outside, cannot be read.
    """
    outside = find_outside(request.dataset, root) if request.dataset else None
    published = published_contracts(root)
    if outside:
        choice = choose_outside(request.name, outside, published)
    else:
        choice = choose(request.name, published, request.base)
    known = frozenset(published) - {request.name}
    if choice.contract is None:
        return SpanPlan(SpanRun(root, request.name, known=known, note=choice.note), None)
    base, manifest = _base(root, choice.contract)
    # A span that others take from, or have taken from, keeps what they have; what else it could add would be lost.
    extend = 0 if base.name == request.name else request.extend
    return SpanPlan(SpanRun(root, request.name, base, extend, known, choice.note), manifest)


def _base(root: str, contract: Contract) -> tuple[Base, Manifest]:
    """Returns the base, read from the data set outside where that made the contract and still has it."""
    definer, source = contract
    if is_outside(source):
        manifest = load_outside(source)
    else:
        manifest = load_span(root, source)
        made = outside_if_there(definer, manifest) if is_outside(definer) else None
        if made and contract_digest(made) == contract_digest(manifest):
            source, manifest = definer, made
    return Base(definer, files.join(folder_within(root, source), MANIFEST_NAME), manifest.fingerprint), manifest


def check_same_plan(
    spec: DatasetSpec,
    plan: SpanPlan,
    given: tuple[GivenFile, ...],
    tokenizers: tuple[TokenizerFile, ...],
) -> tuple[GivenFile, ...]:
    """Checks that a span reads its records as its base does, and returns the vocabulary files that it is to use.

    Args:
      spec: A resolved spec.
      plan: Of the run.
      given: The vocabulary files that the spec names.
      tokenizers: The tokenizer files that the spec names.

    Raises:
      UsageError: A field of the spec, or a file that it names, is not what it was for the base; or there is nothing
        that `--extend_vocabulary` could extend.
    """
    base, manifest = plan.run.base, plan.manifest
    if base is None or manifest is None:
        return given
    found = spec_difference(spec, manifest.spec, FREE_OF_BASE)
    if found:
        raise UsageError(
            f"spec: {found.path} is {found.ours}, and {found.theirs} in that of {_named(plan)}; spans that share "
            "vocabularies must be read alike: write the span with the same spec, or all spans to another folder"
        )
    stated = {name: manifest.classes if name == LABEL else manifest.vocabularies[name] for name, *_ in given}
    changed = [file.path for file in given if given_digest(file) != stated[file.name].sha256]
    changed += [file.path for file in tokenizers if file.sha256 != manifest.tokenizers[file.name].sha256]
    if changed:
        raise UsageError(
            f"{changed[0]}: is not what it was for {_named(plan)}, so that ids would mean something else; put the old "
            "file back, or write all spans to another folder"
        )
    taken = given_by_base(spec, manifest, base.folder)
    if plan.run.extend and not {file.name for file in taken} - {file.name for file in given}:
        what = "files of the spec state all vocabularies" if taken else "the spec has no vocabulary and no classes"
        raise UsageError(f"--extend_vocabulary: {what}, so that nothing can be added; leave it out")
    return taken


def check_same_fractions(
    ours: Mapping[str, float], theirs: Mapping[str, float], named: set[str], plan: SpanPlan
) -> None:
    """Checks that records are shared out to splits as in the base of a span.

    Args:
      ours: Share of each split in this run.
      theirs: In the base's.
      named: Splits of the input files; empty for those without.
      plan: Of the run.

    Raises:
      UsageError: They are shared out in another way.
    """
    if dict(ours) == dict(theirs) or not named & {"", TRAIN}:
        return
    shares = (canonical_json(dict(fractions)).decode() for fractions in (ours, theirs))
    mine, other = shares
    raise UsageError(
        f"--input: records without a split of their own go to {mine}, and in {_named(plan)} to {other}, so that one "
        "could be in two splits; name the same splits with SPLIT=, or say split.fractions in the spec of all spans"
    )


def _named(plan: SpanPlan) -> str:
    assert plan.run.base is not None
    return f"the base {plan.run.base.name}" if plan.run.base.name != plan.run.name else "the span that is there"
