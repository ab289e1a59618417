"""The rule of words, case by case; that nothing is lost; and that no text costs more than its length."""

from __future__ import annotations

import re
import unicodedata
from re import _constants as constants
from re import _parser as parser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unspool.data.vocab import tokenize
from unspool.data.words import _MARKS, words

FAMILY = "\U0001f468\U0001f3fd\u200d\U0001f469\u200d\U0001f467"
FLAG_OF_WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


def cut(text: str) -> list[str]:
    return tokenize(text, "words", lowercase=False)[0]


# Words with a blank or a dot in the middle of the line between them; the dot is not in the text.
@pytest.mark.parametrize(
    "shown",
    [
        # addresses of the web, without the marks of the sentence that they stand in
        "see https://example.org/a/b?c=d&e=%20#f\u00b7.", "(\u00b7http://a.b/x_(y\u00b7)\u00b7)", "www.example.com\u00b7, HTTP://A.B\u00b7!",
        "ftp://a/\u00b7\u3002",
        "http\u00b7:\u00b7/\u00b7/\u00b7! www\u00b7.\u00b7!", "\u8bf7\u00b7\u770b\u00b7http://a.b/c\u00b7\u8c22\u00b7\u8c22",
        "xhttp\u00b7:\u00b7/\u00b7/\u00b7a.b",
        # addresses of mail
        "to first.last+tag@mail.example.org\u00b7.", "a\u00b7@\u00b7b @\u00b7someone\u00b7: x@y.z\u00b7@\u00b7w",
        # numbers, money
        "$\u00b71,234.50\u00b7, 3.14\u00b7. \u20ac\u00b75\u00b7, 5\u00b7\u00a3 1\u066b5 192.168.0.1",
        "1.5\u00b7kg 5kg 2nd B2B 10\u00b7% 10\u00b7:\u00b730 v1\u00b7.\u00b72.3",
        "2024\u00b7-\u00b705\u00b7-\u00b706 1.5\u00b7kg\u00b7,\u00b72 .\u00b75",
        # stops inside
        "the U.S. Army\u00b7, e.g. J.R.R. Tolkien (\u00b7i.e.\u00b7) 5 p.m.", "U.S.\u00b7Army a.b U.S.\u00b7-\u00b7based U.S\u00b7, a.m",
        "end\u00b7. A new one\u00b7. Mr\u00b7. X\u00b7.",
        "J.\u00b7E\u0301\u00b7.".replace("J.", "J\u00b7."),
        # apostrophes and hyphens
        "don't rock'n'roll l\u2019\u00e9t\u00e9 '\u00b7tis dogs\u00b7'", "state\u00b7-\u00b7of\u00b7-\u00b7the\u00b7-\u00b7art a\u00b7\u2013\u00b7b",
        # accents stand on their letters, composed or not, and vowel signs too
        "cafe\u0301 re\u0301sume\u0301s \u0939\u093f\u0928\u094d\u0926\u0940",
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        # scripts without blanks
        "\u4f60\u00b7\u597d\u00b7,\u00b7\u4e16\u00b7\u754c\u00b7! 3\u00b7\u500b \U00020000\u00b7\U0002a6df",
        "GPU\u00b7\u306e\u00b7\u901f\u00b7\u3055 \u30b3\u30f3\u30d4\u30e5\u30fc\u30bf\u30fc\u00b7\u3067\u00b7\u3059",
        "\u0e01\u00b7\u0e17\u0e35\u0e48 \u0e51\u0e52 \ud55c\uad6d\uc5b4\ub97c",
        # symbols of several parts
        f"{FAMILY}\u00b7{FAMILY} a\u00b7{FAMILY}\u00b7b", "\u2764\ufe0f\u00b7\u2764\ufe0f\u200d\U0001f525 \U0001f44d\U0001f3fd\u00b7\U0001f44d",
        "\U0001f1e9\U0001f1ea\u00b7\U0001f1eb\U0001f1f7\u00b7\U0001f1eb",
        f"1\ufe0f\u20e3 #\ufe0f\u20e3\u00b7*\u20e3\u00b7\u203c\ufe0f\u00b7{FLAG_OF_WALES}",
        # everything else by itself
        "?\u00b7!\u00b7?\u00b7.\u00b7.\u00b7.\u00b7;\u00b7)\u00b7:\u00b7\u2026\u00b7\u2122\u00b7\x00\u00b7\u200b\u00b7\ud800",
    ],
)  # fmt: skip
def test_a_text_is_cut_into_these_words(shown):
    assert cut(shown.replace("\u00b7", "")) == shown.replace("\u00b7", " ").split()


def test_the_marks_that_are_written_down_are_those_of_unicode():
    written = re.compile(f"[{_MARKS}]")
    found = {code for code in range(0x110000) if written.match(chr(code))}
    marks = {code for code in range(0x110000) if unicodedata.category(chr(code))[0] == "M"}
    assert found == marks if unicodedata.unidata_version == "14.0.0" else found <= marks


PIECES = st.sampled_from([
    *"aZ09.,:;'@-_/#*(\u2019 \n\t\r\u0301\u200d\u200c\ufe0f\u20e3\u3002\u4f60\u0e01\u0e35",
    "http://", "www.", "a@b.c", "1,2", "\U0001f469", "\U0001f3fd", "\U0001f1e9", "\x00", "\ud800",
])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=40).map("".join)


@given(TEXTS)
@example("")
@example("\r\n \x85\u2028")
def test_words_are_all_of_a_text_but_its_white_space_each_where_it_stands(text):
    found, offsets = tokenize(text, "words", lowercase=False)
    assert "".join(found) == "".join(text.split())
    assert [text[start:stop] for start, stop in offsets.tolist()] == found
    assert all(found) and (offsets[1:, 0] >= offsets[:-1, 1]).all()
    assert tokenize(text, "words", False, line_ends=True)[0] == [word for line in text.split("\n") for word in (*cut(line), "\n")][:-1]


@given(TEXTS, TEXTS, st.sampled_from(" \n\t\u3000"))
def test_what_stands_beyond_white_space_changes_no_word(left, right, blank):
    assert cut(left + blank + right) == cut(left) + cut(right)


def _repeats(tree):
    for operation, argument in tree:
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            yield operation, argument[1]
        for part in argument if isinstance(argument, tuple | list) else ():
            for inner in part if isinstance(part, list) else [part]:
                if isinstance(inner, parser.SubPattern):
                    yield from _repeats(inner)


def test_no_repeat_without_a_bound_gives_back_what_it_read():
    """With this, an attempt costs what it reads, and all that is read without a bound is taken, or read once more by the next alternative."""
    found = list(_repeats(parser.parse(words(False).pattern)))
    assert len(found) > 15
    assert all(operation is constants.POSSESSIVE_REPEAT for operation, most in found if most is constants.MAXREPEAT)


@pytest.mark.parametrize(
    "part",
    [
        "a", "1", "1,", "a.", "a-", "a'", "a@", "a@b", "a.b@", "http://", "http://!", "www.", "http://a.", "\u0301",
        "a\u0301", "\u200d", "\U0001f469\u200d", "\U0001f1e9", "\u4f60", ".", "a_", "\x00",
    ],
)  # fmt: skip
def test_a_long_text_without_a_blank_is_cut_at_once(part):
    text = part * (200_000 // len(part))
    assert "".join(cut(text)) == text
