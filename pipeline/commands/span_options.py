"""Options of `run` that are about spans."""

import argparse
from typing import TYPE_CHECKING

from schemas.errors import UsageError
from schemas.spans.names import check_span_name

if TYPE_CHECKING:  # which imports Beam, as --help must not wait for
    from pipeline.spans.request import SpanRequest


def add_span_options(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--span",
        metavar="NAME",
        help="write one of several data sets in DIR that share vocabularies, such as that of the day 2026-11-20",
    )
    add_base_options(parser)


def add_base_options(parser: argparse.ArgumentParser) -> None:
    """Declares the options about what a span takes from another one."""
    parser.add_argument(
        "--base",
        metavar="SPAN",
        help="span whose vocabularies, normalisation and buckets to take (default: those that were extended last)",
    )
    parser.add_argument(
        "--base_dataset",
        metavar="FOLDER",
        help="data set outside the folder of spans whose vocabularies, normalisation and buckets to take: one of its "
        "own, or a span of another folder",
    )
    parser.add_argument(
        "--extend_vocabulary",
        metavar="N",
        help="add up to N new entries behind each vocabulary of the base, and all new classes",
    )
    parser.add_argument(
        "--accept_drift",
        action="store_true",
        help="publish the span however far it is from its base, beyond limits of drift.fail in the spec, too",
    )


def span_request(options: argparse.Namespace) -> "SpanRequest | None":
    """Returns the span that the options state; None: a data set that stands alone.

    Raises:
      UsageError: An option makes no sense without `--span`, or has no valid value.
    """
    from pipeline.spans.request import SpanRequest, check_request

    if options.span is None:
        for name, value in (
            ("--base", options.base),
            ("--base_dataset", options.base_dataset),
            ("--extend_vocabulary", options.extend_vocabulary),
        ):
            if value is not None:
                raise UsageError(f"{name} {value}: says nothing without --span NAME; add it, or leave {name} out")
        if options.accept_drift:
            raise UsageError("--accept_drift: says nothing without --span NAME; add it, or leave --accept_drift out")
        return None
    check_span_name(options.span)
    if options.base is not None:
        check_span_name(options.base, "--base")
    if options.base_dataset == "":
        raise UsageError("--base_dataset: is empty; name the folder of a data set, or leave the option out")
    extend = _entries(options.extend_vocabulary)
    request = SpanRequest(options.span, options.base or "", extend, options.base_dataset or "")
    check_request(request)
    return request


def _entries(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) < 2**31:
        raise UsageError(f"--extend_vocabulary {text}: is no number of entries; say the most to add, such as 1000")
    return int(text)
