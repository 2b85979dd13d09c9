import re

import pytest

from pipeline.report.facts import Example, Facts
from pipeline.report.page import render
from schemas.manifest_pb2 import EventCounts, RejectedFile
from schemas.spec import parse_spec
from schemas.statistics_pb2 import TokenCount
from tests.pipeline.report.facts import make_facts, make_manifest, make_statistics, split_of
from tests.pipeline.report.html import ATTRIBUTES, TAGS, Page

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "</svg></style><b>",
    "--><!-- ]]>",
    "{{ 7*7 }} {% if %}",
    "$x^{2$",
    "&amp;",
    "_hidden",
    "",
    "  b",
    "\x00\x1b[31m\n",
    "\u202egnp.exe\u202c",
    "שלום עולם",
    "\ufffe",
    "a" * 300,
]
ALL_SECTIONS = [
    "What was read, and what became of it",
    "Lengths",
    "What padding costs",
    "Vocabularies",
    "Classes",
    "Series",
    "Numbers and categories of a record",
    "Shards",
    "Inputs",
    "What to change next",
]


def evil_facts() -> Facts:
    """Facts of which everything that can come from data is meant to do harm."""
    manifest = make_manifest()
    count = len(EVIL)
    for split in manifest.statistics.values():
        split.classes[:] = [2] * count
    manifest.counts.rejected.update({"invalid_json": count})
    manifest.inputs[0].path = "in/" + EVIL[0]
    manifest.rejected_files.append(RejectedFile(path="rejected/" + EVIL[1]))
    statistics = make_statistics()
    statistics.tokens["text"].top.extend(TokenCount(token=token, count=1) for token in EVIL)
    by_class = statistics.splits["train"].sequences["text"].by_class
    by_class.extend([by_class[0]] * (count - 2))
    examples = {"invalid_json": [Example(f"{text}, line 1", text, text) for text in EVIL]}
    return Facts(manifest, statistics, tuple(EVIL), examples, tuple(EVIL))


def test_nothing_from_data_becomes_markup() -> None:
    page = Page(render(evil_facts()))
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert {value for name, value in page.attributes if name == "style" and "url" in value} == set()
    assert not any(name.startswith("on") or "script" in value for name, value in page.attributes)


def test_what_comes_from_data_is_there_printable_and_isolated() -> None:
    text = render(evil_facts())
    page = Page(text)
    for name in (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7*7 }} {% if %}",
        "&amp;",
        "$x^{2$",
    ):
        assert name in page.isolated
    assert {"(empty)", "␣␣b", "\\x00\\x1b[31m\\n", "\\u202egnp.exe\\u202c", "שלום עולם", "a" * 47 + "…"} <= {
        *page.isolated
    }
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f\ufffe]", text)
    assert "a" * 201 not in text


def test_the_page_needs_nothing_but_itself() -> None:
    page = Page(render(make_facts()))
    references = [value for name, value in page.attributes if name == "href"]
    assert references
    assert all(value.startswith("#") and value[1:] in page.ids for value in references)
    assert {"script", "link", "img", "iframe"} & set(page.tags) == set()
    clips = [value for name, value in page.attributes if name == "clip-path"]
    assert all(value[5:-1] in page.ids for value in clips)
    assert len(page.ids) == len(set(page.ids))
    urls = {value for _, value in page.attributes if "://" in value}
    assert urls == {"http://www.w3.org/2000/svg"}


def test_every_drawing_says_what_it_shows() -> None:
    text = render(make_facts())
    drawings = re.findall(r"<svg .*?</svg>", text)
    assert len(drawings) == 9
    for svg in drawings:
        found = re.search(r'aria-labelledby="(\S+) (\S+)"', svg)
        assert found
        title, description = found.groups()
        assert 'role="img"' in svg
        assert re.search(rf'<title id="{title}">[^<]+</title><desc id="{description}">[^<]+</desc>', svg)
        assert "<text" in svg
        assert not re.search("#0[0-9a-f]0[0-9a-f]0[0-9a-f]", svg)  # every colour is one of the page's
        assert set(re.findall(r"(?:fill|stroke): (#\w+)", svg)) == set()


def test_the_same_facts_are_the_same_bytes() -> None:
    first = render(make_facts())
    assert render(make_facts()) == first
    assert not re.search(r"\b20\d\d-\d\d-\d\d|matplotlib", first)


def test_all_sections_in_their_order() -> None:
    page = Page(render(make_facts()))
    assert page.headings == ALL_SECTIONS
    assert "sample" in page.isolated
    for sentence in (
        "Of 100 steps computed in training, 46 are data in our 2 length buckets; 10 would be in random batches, and 6 "
        "if all records were padded to the longest.",
        "All of the 280 records that were read are kept.",
        "Training records have 2 to 100 steps; half of them have at most 5, 99 % at most 30. They are heavy-tailed: "
        "the axis is logarithmic.",
        "text : 3 entries, covering 90 % of the 1,000 tokens of training. It has 9 different tokens.",
        "So many of the most frequent are enough: 3 for 90 %.",
        "2 classes, counted in records.",
        "wave : 3 dimensions, in training and before normalisation.",
        "6 shards of 12.0 MB in all; the smallest has 2.0 MB, the median one 2.0 MB, the largest 2.0 MB.",
        "1 file of 5.0 kB.",
    ):
        assert sentence in page.text
    assert "Incomplete" not in page.text
    assert "not to be had" not in page.text


def test_what_is_not_in_the_data_has_no_section() -> None:
    manifest = make_manifest()
    manifest.spec.CopyFrom(parse_spec("sequences: {wave: {type: series, dims: 3, layout: frames}}"))
    for split in manifest.statistics.values():
        del split.lengths["text"], split.classes[:]
    manifest.ClearField("vocabularies")
    manifest.ClearField("classes")
    absent = {"Vocabularies", "Classes", "Numbers and categories of a record"}
    assert Page(render(make_facts(manifest, []))).headings == [name for name in ALL_SECTIONS if name not in absent]


def test_without_statistics_the_page_says_what_is_left_out() -> None:
    page = Page(render(Facts(make_manifest(), None, ("one", "two"), {}, ("statistics/statistics.json is missing",))))
    assert page.headings == ALL_SECTIONS
    assert "Incomplete: statistics/statistics.json is missing ." in page.text
    for what in (
        "Lengths of each class and before they were cut",
        "The most frequent tokens and the curve of what they cover",
        "Missing numbers and zeros",
        "Numbers of each split",
    ):
        assert f"{what} would stand here, but the file of statistics is not to be had." in page.text


def test_no_steps_at_all() -> None:
    manifest = make_manifest()
    for split in manifest.statistics.values():
        split.CopyFrom(split_of({0: 4}, [4, 0]))
    page = Page(render(Facts(manifest, None, ("one", "two"))))
    assert "All training records have 0 steps." in page.text
    assert "No record of training has a step, so that nothing is padded." in page.text


def test_one_length() -> None:
    manifest = make_manifest()
    manifest.statistics["train"].CopyFrom(split_of({5: 40}, [20, 20]))
    page = Page(render(make_facts(manifest)))
    assert "All training records have 5 steps." in page.text
    assert "All training records are of one length: no step computed is padding." in page.text


def test_how_the_buckets_were_chosen() -> None:
    manifest = make_manifest()
    manifest.spec.buckets.most = 32
    text = Page(render(make_facts(manifest))).text
    assert "up to 32: 2 are at the knee of the padding efficiency." in text
    assert "predicted" not in text
    manifest.spec.buckets.seconds.step = 1
    text = Page(render(make_facts(manifest))).text
    assert "up to 32: 2 are at the knee of the predicted records per second." in text
    assert "The spec asks for the fewest predicted seconds of training, not for the least padding: " in text


def test_a_thousand_classes() -> None:
    manifest = make_manifest()
    for split in manifest.statistics.values():
        split.classes[:] = range(1000, 0, -1)
    page = Page(render(make_facts(manifest, [f"class {i}" for i in range(1000)])))
    assert "Classes, by share of the records: the first 30 and the rest" in page.text
    assert "970 others" in page.text
    assert "and 970 more" in page.text
    assert "class 29" in page.isolated
    assert "class 30" not in page.isolated


def test_rejected_dropped_and_events() -> None:
    manifest = make_manifest()
    counts = manifest.counts
    counts.read, counts.examples = 400, 500
    counts.rejected.update({"wrong_type": 100, "invalid_json": 15})
    counts.dropped.update({"empty text": 5})
    counts.events.CopyFrom(EventCounts(read=1000, kept=1000, tied=2))
    text = Page(render(make_facts(manifest))).text
    for sentence in (
        "All of the 1,000 events that were read are kept.",
        "2 events have the order of another one of their record: file and position decide which comes first.",
        "Of 400 records that were read, 280 are kept (70 %), 115 rejected (29 %) and 5 dropped (1.2 %).",
        "They are stored as 500 examples.",
    ):
        assert sentence in text


@pytest.mark.parametrize("dims", [1, 40])
def test_series_of_few_and_many_dimensions(dims: int) -> None:
    facts = make_facts()
    assert facts.statistics is not None
    values = facts.statistics.splits["train"].sequences["wave"].values
    del values[1:]
    values.extend([values[0]] * (dims - 1))
    page = Page(render(facts))
    assert ("Range of wave, by dimension" in page.text) == (dims > 1)
    assert ("and 10 more" in page.text) == (dims > 30)
