"""Advice about what sequences hold: tokens out of vocabulary, dimensions that say nothing."""

from collections.abc import Iterator

from pipeline.report.facts import Facts
from pipeline.report.words import Name, Sentence, number, percent, plural, say
from schemas.dataset_pb2 import CountBy
from schemas.manifest_pb2 import Vocabulary
from schemas.spec import series_sequences, vocabulary_options, vocabulary_owner

_MUCH_OOV = 0.01  # of the steps of a split
_MOST_NAMED = 5  # dimensions


def oov_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields, for each token sequence, the split with the most steps out of vocabulary, where they exceed 1 %."""
    manifest = facts.manifest
    for name, vocabulary in sorted(manifest.vocabularies.items()):
        worst, share = "", 0.0
        for split in facts.splits:
            lengths = manifest.statistics[split].lengths
            if name in lengths and lengths[name].steps:
                found = lengths[name].oov_steps / lengths[name].steps
                worst, share = (split, found) if found > share else (worst, share)
        if share > _MUCH_OOV:
            start = say(
                "{} of the steps of {} in split {} are out of vocabulary", percent(share), Name(name), Name(worst)
            )
            remedy = _oov_remedy(facts, name, vocabulary)
            yield say(f"{start.pattern}: {remedy.pattern}", *start.values, *remedy.values)


def _oov_remedy(facts: Facts, name: str, vocabulary: Vocabulary) -> Sentence:
    owner = vocabulary_owner(facts.manifest.spec, name)
    options = vocabulary_options(facts.manifest.spec, owner)
    if options.file:
        return say("the file that the spec names does not fit these texts; count a vocabulary, or name another file")
    if vocabulary.size >= vocabulary.distinct:
        return say(
            "all {} of training are in the vocabulary already; more training data, lower case or subwords would help",
            plural(vocabulary.distinct, "different token"),
        )
    start = say("the vocabulary holds {:,} of {}", vocabulary.size, plural(vocabulary.distinct, "different token"))
    if options.top_k and vocabulary.size - len(options.special_tokens) >= options.top_k:
        remedy = say("raise top_k, now {:,}", options.top_k)
    else:
        remedy = say("lower min_frequency, now {:,}", options.min_frequency)
    covered = percent(vocabulary.covered / max(1, vocabulary.tokens))
    by_records = options.count_by == CountBy.documents
    whole = "those of training, each counted once a record" if by_records else "the training steps"
    return say(
        f"{start.pattern}, which make {{}} of {whole}; {remedy.pattern}",
        *start.values,
        covered,
        *remedy.values,
    )


def constant_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields the dimensions of each series, and the numbers of the context, that are the same in all of training."""
    series = set(series_sequences(facts.manifest.spec))
    for name, moments in sorted(facts.manifest.moments.items()):
        if not moments.count:
            continue
        constant = [i for i in range(len(moments.min)) if moments.min[i] == moments.max[i]]
        if not constant:
            continue
        if name not in series:
            what = "label" if name == "label" and facts.manifest.spec.HasField("label") else "number"
            yield say("{} {} is {} in all training records: it says nothing", what, Name(name), number(moments.min[0]))
        elif len(moments.min) == 1:
            yield say("series {} is {} in all of training: leave it out", Name(name), number(moments.min[0]))
        else:
            shown = ", ".join(f"{i} is {number(moments.min[i])}" for i in constant[:_MOST_NAMED])
            more = f" and {len(constant) - _MOST_NAMED:,} more are constant" if len(constant) > _MOST_NAMED else ""
            yield say(
                "{} of series {} {} the same value in all of training (dimension {}{}): leave {} out",
                plural(len(constant), "dimension"),
                Name(name),
                "has" if len(constant) == 1 else "have",
                shown,
                more,
                "it" if len(constant) == 1 else "them",
            )
