"""What a word is, by rule: one regular expression, whose matches are the words of a text and leave out white space alone.

Words of scripts that put space between them stand as they are, with apostrophes inside ("don't"); hyphens part them. Of scripts that do not
(Han, hiragana, Thai, Lao, Burmese, Khmer) every letter is one, after the default of Unicode Standard Annex 29. An address of the web or of mail,
a number with separators (1,234.5), letters with stops between them (U.S.) and an emoji of several parts are one each. Accents and vowel signs
belong to what they stand on. What else is not white space is a word by itself: each mark of punctuation, sign of currency, control character.

No part of the expression reads far and gives it back: repeats that have no bound are possessive, and what they read is taken, or at the worst is
read once more by the next alternative. The cost is in proportion to the text, whatever it holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

_SPACELESS = (
    "\u0e01-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1050-\u1081\u1780-\u17d3"  # Thai, Lao, Burmese, Khmer, without their digits
    "\u3005-\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # hiragana, Han
)
_LETTER = rf"[^\W{_SPACELESS}]"
_WEB = rf"(?i:(?:https?|ftp)://|www\.)(?:[.,;:!?'()\[\]*~]*+(?:{_LETTER}++|[/%#&=+$@\-]++))++"
# Labels of at most 63 characters, and 64 before the @ (RFC 5321): where there is no address, no more than that was read in vain.
_MAIL = r"[A-Za-z0-9][A-Za-z0-9._+\-]{0,63}+@[A-Za-z0-9\-]{1,63}+(?:\.[A-Za-z0-9\-]{1,63}+){1,8}+"
_NUMBER = r"\d++(?:[.,\u066b\u066c]\d++)++"
_KEYCAP = r"[#*]\ufe0f?\u20e3|[\u203c\u2049\u3030]\ufe0f"
_FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
_LAST_MARK = 0x20000  # after it, marks are variation selectors alone


@cache
def words(line_ends: bool) -> re.Pattern[str]:
    """The expression; with `line_ends` the end of a line is a word too."""
    marks = _class("M") + "\U000e0100-\U000e01ef"
    stopped = rf"[^\W\d_](?:\.[^\W\d_](?![\w{marks}]))++\.?"
    joined = rf"[{marks}\u200c\u200d]*+"
    word = rf"(?:{_LETTER}++{joined})++"
    shown = rf"[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*+"
    # Punctuation takes no marks, for a sentence may end between the two.
    symbol = rf"[^\w\s{_class('P')}]"
    alternatives = [
        _WEB, _MAIL, stopped, _NUMBER, rf"{word}(?:['\u2019]{word})*+", rf"[{_SPACELESS}]{joined}", _KEYCAP, _FLAG,
        rf"{symbol}{shown}(?:\u200d{symbol}{shown})*+", r"[^\w\s]",
    ]  # fmt: skip
    return re.compile("|".join([*alternatives, *(["\n"] if line_ends else [])]))


@cache
def _class(category: str) -> str:
    """The characters of a Unicode category, as the inside of a character class."""
    return "".join(_ranges(code for code in range(_LAST_MARK) if unicodedata.category(chr(code))[0] == category))


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    """Ascending codes as `\\u0300-\\u036f`."""
    for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        found = [code for _, code in run]
        yield rf"\U{found[0]:08x}-\U{found[-1]:08x}"
