"""Sentences of tagged words: offsets cut the text exactly, tags are as written, and whatever is ragged is told."""

from __future__ import annotations

import contextlib
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.sources import digest, read
from unspool.data.spec import DataSpec, TaggedSource
from unspool.errors import DataError, SpecError
from unspool.spec import parse

LETTERS = st.characters(codec="utf-8", exclude_characters=" \t\r\n\0/\ufeff")
WORDS = st.text(LETTERS, min_size=1, max_size=8).filter(lambda word: word.strip() and not word.startswith(("-DOCSTART-", "#")))
SENTENCES = st.lists(st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-PER", "I-PER", "_x"])), min_size=1, max_size=6), min_size=1, max_size=5)
CONLL = """-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

-DOCSTART- -X- O O
 \t
Peter\tNNP  B-NP B-PER
"""
CONLLU = """# newdoc
# sent_id = 1
# text = Vámonos, don't!
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tVamos\tir\tVERB\tV\tMood=Imp\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
3\t,\t,\tPUNCT\tF\t_\t1\tpunct\t_\tCorrectForm=_|SpacesAfter=\\s
3.1\tempty\t_\t_\t_\t_\t_\t_\t0:x\t_
4-5\tdon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
4\tdo\tdo\tAUX\tV\t_\t1\tx\t_\tSpaceAfter=No
5\tn't\tnot\tPART\tP\t_\t1\tx\t_\tSpaceAfter=No
6\t!\t!\tPUNCT\tF\t_\t1\tpunct\t_\tSpaceAfter=No

# sent_id = 2
1\tNew York\tNew York\tPROPN\tN\t_\t0\troot\t_\t_
"""


def tagged(**source):
    return DataSpec(source=TaggedSource(**source))


def cut(records):
    """The words where the offsets say they are, and their tags."""
    return [([record.text[start:stop] for start, stop in record.words.tolist()], record.tags and list(record.tags)) for record in records]


def reading(folder, content, labelled=True, name="t.txt", **source):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(tagged(path=name, **source), folder, labelled=labelled)


def refused(folder, content, says, labelled=True, name="t.txt", **source):
    with pytest.raises(DataError, match="; ") as caught:
        reading(folder, content, labelled, name, **source)
    assert re.search(says, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@given(sentences=SENTENCES, end=st.sampled_from(["\n", "\r\n", "\r"]), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_offsets_cut_the_text_exactly_in_every_form(tmp_path_factory, sentences, end, encoding):
    folder = tmp_path_factory.mktemp("tagged")
    wanted = [([word for word, _ in sentence], [tag for _, tag in sentence]) for sentence in sentences]
    files = {
        "tabs.txt": "".join("".join(f"{word}\t{tag}{end}" for word, tag in sentence) + end for sentence in sentences),
        "blanks.txt": "".join("".join(f"{word} {tag}{end}" for word, tag in sentence) + end for sentence in sentences),
        "slashes.txt": "".join(" ".join(f"{word}/{tag}" for word, tag in sentence) + end for sentence in sentences),
        "u.conllu": "".join(
            "".join(f"{number}\t{word}\t_\t{tag}{6 * f'{chr(9)}_'}{end}" for number, (word, tag) in enumerate(sentence, start=1)) + end
            for sentence in sentences
        ),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content.encode(encoding))
        found = read(tagged(path=name, format="slashes" if name == "slashes.txt" else "auto"), folder)
        assert cut(found) == wanted, name
        assert [record.text for record in found] == [" ".join(words) for words, _ in wanted]
        assert all(record.words.shape == (len(record.tags), 2) for record in found)
    assert cut(read(tagged(), folder, wanted)) == wanted
    assert cut(read(tagged(), folder, [words for words, _ in wanted], labelled=False)) == [(words, None) for words, _ in wanted]


@pytest.mark.parametrize("word", ["x" * 1_000_000, "\U0001f469\u200d\U0001f680", "e\u0301\u0323", "\u0634\u0643\u0631\u0627", "a\u00a0b\u2028c\x85"])
def test_odd_words_survive(tmp_path, word):
    assert cut(reading(tmp_path, f"{word}\tX\nb\tY\n")) == [([word, "b"], ["X", "Y"])]
    assert cut(reading(tmp_path, f"{word}/X b/Y\n", format="slashes")) == [([word, "b"], ["X", "Y"])]
    assert cut(read(tagged(), tmp_path, [(["a\0b", word], ["X", "Y"])])) == [(["a\0b", word], ["X", "Y"])]


def test_columns_are_read_as_conll_2003_has_them(tmp_path):
    found = reading(tmp_path, CONLL)
    assert cut(found) == [(["EU", "rejects", "German"], ["B-ORG", "O", "B-MISC"]), (["Peter"], ["B-PER"])]
    assert [(record.name, record.where) for record in found] == [("1", f"{tmp_path / 't.txt'}:3"), ("2", f"{tmp_path / 't.txt'}:9")]
    assert found[0].text == "EU rejects German"


@pytest.mark.parametrize("column", [2, -3, -1, 4, None])
def test_a_column_is_numbered_from_either_end(tmp_path, column):
    tags = ["NNP", "VBZ"] if column in (2, -3) else ["B-ORG", "O"]
    content = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"
    assert cut(reading(tmp_path, content, column=column)) == [(["EU", "rejects"], tags)]
    assert cut(reading(tmp_path, content, word=-4, column=column)) == [(["EU", "rejects"], tags)]


def test_a_first_line_may_name_the_columns(tmp_path):
    content = "# global.columns = ID FORM NER\n# text = EU won\n1\tEU\tB-ORG\n2\twon\tO\n"
    assert cut(reading(tmp_path, content, word="form", column="NER")) == [(["EU", "won"], ["B-ORG", "O"])]
    refused(tmp_path, content, ":3: no column 'NRE', which source.column names; did you mean 'NER'", word=2, column="NRE")
    refused(tmp_path, content.replace(" NER", ""), ":3: has 3 columns, and the first line names 2")
    refused(tmp_path, "a X\n", ":1: no column 'ner'.*none has a name", column="ner")


def test_a_word_may_begin_as_a_comment_does(tmp_path):
    """Comments stand before a sentence, and have not its columns."""
    content = "# global.columns = FORM TAG\n# text = I love\nI\tO\n#Paris\tB-LOC\nvery\tO\n\n# of two\n# lines\n#\tO\n1\tO\n\n#one\tX\n"
    tabs = [(["I", "#Paris", "very"], ["O", "B-LOC", "O"]), (["#", "1"], ["O", "O"]), (["#one"], ["X"])]
    assert cut(reading(tmp_path, content)) == tabs
    assert cut(reading(tmp_path, "# global.columns = FORM TAG\n# a comment\nI O\n#Paris B-LOC\n")) == [(["I", "#Paris"], ["O", "B-LOC"])]
    refused(tmp_path, "# global.columns = FORM TAG\nI O\n# of three words\nvery O\n", ":3: has 4 columns")


def test_tabs_let_words_hold_blanks(tmp_path):
    assert cut(reading(tmp_path, "New York\tB-LOC\n1 000\tO\n")) == [(["New York", "1 000"], ["B-LOC", "O"])]


def test_a_range_of_words_that_are_not_there_is_refused(tmp_path):
    content = "1-9\tdu" + "\t_" * 8 + "\n1\tde\tde\tADP" + "\t_" * 6 + "\n2\tle\tle\tDET" + "\t_" * 6 + "\n"
    refused(tmp_path, content, ":1: has a range of words up to 9, and 2 words", name="t.conllu")


def test_conllu_leaves_ranges_and_empty_nodes_out_and_heeds_spaces(tmp_path):
    found = reading(tmp_path, CONLLU, name="t.conllu")
    assert cut(found)[0] == (["Vamos", "nos", ",", "do", "n't", "!"], ["VERB", "PRON", "PUNCT", "AUX", "PART", "PUNCT"])
    assert [record.text for record in found] == ["Vamos nos, do n't!", "New York"]
    assert [record.where.rpartition(":")[2] for record in found] == ["4", "15"]
    for column, tags in {"xpos": ["V", "P", "F", "V", "P", "F"], 5: ["V", "P", "F", "V", "P", "F"], "feats": ["Mood=Imp", *"_____"]}.items():
        assert cut(reading(tmp_path, CONLLU, name="t.conllu", column=column))[0][1] == tags
    assert cut(reading(tmp_path, CONLLU, name="t.conllu", word="lemma"))[0][0] == ["ir", "nosotros", ",", "do", "not", "!"]


def test_the_last_slash_of_an_item_ends_its_word(tmp_path):
    assert cut(reading(tmp_path, "1/2/CD and/or/CC\n\nx/X\n", format="slashes")) == [(["1/2", "and/or"], ["CD", "CC"]), (["x"], ["X"])]
    assert cut(reading(tmp_path, "a__X b_Y\n", format="slashes", delimiter="_")) == [(["a_", "b"], ["X", "Y"])]


def test_prose_where_columns_are_read_is_told_where_it_goes(tmp_path):
    with pytest.raises(DataError, match=r"t.txt:2: has 3 columns .* raw text goes on standard input, a text a line"):
        reading(tmp_path, "He lives in Paris.\nShe does not.\n", labelled=False)
    with pytest.raises(DataError, match=r"what is no word$"):
        reading(tmp_path, "He lives in Paris.\nShe does not.\n", labelled=True)


def test_for_a_prediction_tags_may_be_absent(tmp_path):
    assert cut(reading(tmp_path, "a\nb\n\nc\n", labelled=False)) == [(["a", "b"], None), (["c"], None)]
    assert cut(reading(tmp_path, "a NN\nb VB\n", labelled=False, column=4)) == [(["a", "b"], None)]
    assert cut(reading(tmp_path, "a NN\nb VB\n", labelled=False)) == [(["a", "b"], ["NN", "VB"])]
    assert cut(reading(tmp_path, "a b\nc\n", labelled=False, format="slashes")) == [(["a", "b"], None), (["c"], None)]
    refused(tmp_path, "a/X b\n", ":1: item 2 is 'b'", labelled=False, format="slashes")
    open_tags = re.sub("VERB|PRON|PUNCT|AUX|PART|PROPN", "_", CONLLU)
    assert cut(reading(tmp_path, open_tags, labelled=False, name="t.conllu"))[1] == (["New York"], None)
    refused(tmp_path, open_tags, ":4: column 'upos' is _ throughout", name="t.conllu")


BROKEN = [
    ("ragged", "a X\nb\n", ":2: has 1 columns .*line 1 has 2, with blanks", {}),
    ("ragged_tabs", "a\tX\nb X\n", ":2: has 1 columns .*with tabs", {}),
    ("wide", "a X\n\nb X Y\n", ":3: has 3 columns", {}),
    ("one_column", "a\nb\n", ":1: got 'a', 1 columns, the words and the tags the same", {}),
    ("no_column", "a X\n", ":1: no column 3, which source.column names; there are 2 columns", {"column": 3}),
    ("no_word", "a X\n", ":1: no column 3, which source.word names", {"word": 3}),
    ("empty_tag", "a\tX\nb\t\n", ":2: column 2 is empty", {}),
    ("documents_alone", "-DOCSTART- O\n\n-DOCSTART- O\n", ": holds no sentence", {}),
    ("latin", b"a X\n\xe9 X\n", ":2: byte 4 is not utf-8; .*latin-1, or cp1252", {}),
    ("nul", "a X\n\0 X\n", ":2: holds a NUL", {}),
    ("long", "a X\n" + "x" * (2 << 20) + " X\n", ":2: a line of more than", {}),
    ("empty", "", ": is empty", {}),
    ("blank", "\n \n", ": holds nothing but white space", {}),
    ("slash", "a/X b\n", ":1: item 2 is 'b', wanted a word, the delimiter '/'", {"format": "slashes"}),
    ("no_word_before", "a/X /Y\n", ":1: item 2 is '/Y'", {"format": "slashes"}),
    ("nine", CONLLU.replace("\troot\t_\t_", "\troot\t_", 1), ":5: has 9 columns .*wanted the 10", {"format": "conllu"}),
    ("blanks_for_tabs", "1 a a NOUN _ _ 0 root _ _\n", ":1: has 1 columns", {"format": "conllu"}),
    ("no_blank_line", CONLLU.replace("\n\n# sent_id = 2", ""), ":13: has the id '1', wanted 7", {"format": "conllu"}),
    ("odd_id", CONLLU.replace("\n3\t", "\nx\t"), ":7: has the id 'x', wanted 3", {"format": "conllu"}),
    ("odd_range", CONLLU.replace("4-5", "4-4"), ":9: has the id '4-4', wanted 4", {"format": "conllu"}),
    ("empty_cell", CONLLU.replace("\tnosotros\t", "\t\t"), ":6: column 'lemma' is empty", {"format": "conllu"}),
    ("no_such_name", CONLLU, ": no column 'ups', which source.column names; did you mean 'upos'", {"format": "conllu", "column": "ups"}),
    ("same", CONLLU, ": the words and the tags are both column 'form'", {"format": "conllu", "column": 2}),
    ("no_proper_word", "1.1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n", ":1: is a sentence of ranges and empty nodes alone", {"format": "conllu"}),
]


@pytest.mark.parametrize("name, content, says, source", BROKEN, ids=[case[0] for case in BROKEN])
def test_a_broken_file_is_told_in_one_sentence(tmp_path, name, content, says, source):
    refused(tmp_path, content, f"{name}.txt{says}", name=f"{name}.txt", **source)


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, says in {".": "is a folder", "pipe": "is a pipe", "none": "no such file"}.items():
        with pytest.raises(DataError, match=says):
            read(tagged(path=path), tmp_path)


@pytest.mark.parametrize(
    "data, says",
    [
        ({"a": 1}, "got dict, wanted a list of sentences"),
        ([], "is empty"),
        ([(["a"], ["X", "Y"])], r"data\[0\]: got .*as many tags as words"),
        ([["a", "b"]], r"data\[0\]: got"),
        ([([], [])], r"data\[0\]: got"),
        ([(["a", " "], ["X", "Y"])], r"data\[0\]: word 1 is ' '"),
        ([(["a\ud800"], ["X"])], "surrogate"),
        ([(["a"], ["X\ud800"])], "surrogate"),
        ([(["a", "b"], ["X", " "])], r"data\[0\]: the tag of word 1 is ' '"),
    ],
)
def test_sentences_that_cannot_be_read_say_why(tmp_path, data, says):
    with pytest.raises(DataError, match=says):
        read(tagged(), tmp_path, data)


def test_parts_mark_their_sentences_and_a_digest_knows_them(tmp_path):
    for name in ("train", "dev", "test"):
        (tmp_path / name).write_text(f"{name} X\n")
    spec = tagged(parts={"train": "train", "validation": "dev", "test": "test"})
    found = read(spec, tmp_path)
    assert [(record.name, record.part, record.text) for record in found] == [
        ("train/1", "train", "train"), ("validation/1", "validation", "dev"), ("test/1", "test", "test"),
    ]  # fmt: skip
    first = digest(spec, tmp_path, found)
    (tmp_path / "dev").write_text("dev Y\n")
    assert digest(spec, tmp_path, found)[0] != first[0] and first[1] == 3
    data = [(["a"], ["X"])], [(["a"], ["Y"])]
    assert len({digest(tagged(), tmp_path, read(tagged(), tmp_path, sentences), sentences) for sentences in data}) == 2


@pytest.mark.parametrize(
    "source, says",
    [
        ({"path": "a", "parts": {"train": "b", "test": "c"}}, "path and parts are both given; keep one"),
        ({"column": 0}, "wanted a name, 1 for the first column, or -1"),
        ({"delimiter": " "}, "wanted something without blanks"),
    ],
)
def test_what_contradicts_itself_within_a_source_is_a_spec_error(source, says):
    with pytest.raises(SpecError, match=says):
        parse(TaggedSource, source)


@pytest.mark.parametrize(
    "source, idle",
    [
        ({"path": "a.conllu", "delimiter": "_"}, ["delimiter"]),
        ({"path": "a.txt", "delimiter": "_"}, ["delimiter"]),
        ({"path": "a.txt", "column": 2, "word": 1}, []),
        ({"format": "slashes", "delimiter": "_", "column": 2, "word": 1}, ["column", "word"]),
        ({"parts": {"train": "a.conllu.gz", "test": "b"}, "column": "xpos"}, []),
        ({"delimiter": "_"}, []),
    ],
)
def test_options_that_no_file_heeds_are_known(source, idle):
    made = TaggedSource(**source)
    assert made.idle(made.forms()) == idle


@pytest.mark.parametrize("name, whole", [("t.txt", CONLL), ("t.conllu", CONLLU), ("s.txt", "a/X b/Y\nc/Z\n")])
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3), end=st.integers(1, 1 << 16))
def test_flipped_and_cut_bytes_never_escape_as_another_exception(tmp_path_factory, name, whole, flips, end):
    folder, broken = tmp_path_factory.mktemp("flips"), bytearray(whole.encode())
    for place, value in flips:
        broken[place % len(broken)] = value
    (folder / name).write_bytes(broken[: end % len(broken) + 1])
    for labelled in (True, False):
        with contextlib.suppress(DataError):
            for words, tags in cut(read(tagged(path=name, format="slashes" if name == "s.txt" else "auto"), folder, labelled=labelled)):
                assert all(words) and (tags is None or len(tags) == len(words))
