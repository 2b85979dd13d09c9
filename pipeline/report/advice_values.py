"""Advice about what sequences hold: tokens out of vocabulary, dimensions that say nothing."""

from collections.abc import Iterator

from pipeline.report.facts import Facts
from pipeline.report.words import Name, Sentence, number, percent, plural, say
from pipeline.vocabulary.summary import coverage
from schemas.dataset_pb2 import CountBy, VocabularyOptions
from schemas.manifest_pb2 import Vocabulary
from schemas.spans.names import is_outside
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
    span = facts.manifest.span
    if options.file:
        return say("the file that the spec names does not fit these texts; count a vocabulary, or name another file")
    if span.base and span.extends:
        return say("the new entries are too few of them; raise --extend_vocabulary")
    if span.base:
        kind = "data set" if is_outside(span.base) else "span"
        return say(f"the vocabulary is that of the {kind} {{}}; extend it with --extend_vocabulary", Name(span.base))
    different = plural(vocabulary.distinct, "different token")
    if vocabulary.covered >= vocabulary.tokens:
        return say(
            "all {} of training are in the vocabulary already; more training data, lower case or subwords would help",
            different,
        )
    special = len(options.special_tokens)
    return say(
        "the vocabulary holds {:,} of {}{}{}, which make {}{} of {}; {}",
        vocabulary.size - special,
        least := "at least " if vocabulary.count_error else "",
        different,
        f" beside {plural(special, 'special one')}" if special else "",
        least,
        percent(coverage(vocabulary)),
        "those of training, each counted once a record"
        if options.count_by == CountBy.documents
        else "the training steps",
        _option_to_change(options, vocabulary),
    )


def _option_to_change(options: VocabularyOptions, vocabulary: Vocabulary) -> str:
    """Returns which option keeps tokens out of a vocabulary that was counted."""
    counters = f"approximate, now {options.approximate:,}"
    if options.top_k and vocabulary.size - len(options.special_tokens) >= options.top_k:
        most = f"raise top_k, now {options.top_k:,}"
        return f"{most}, and {counters}" if options.top_k == options.approximate else most
    if options.min_frequency > 1:
        return f"lower min_frequency, now {options.min_frequency:,}"
    return f"raise {counters}"


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
