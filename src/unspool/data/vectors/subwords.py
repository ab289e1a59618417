"""The character n-grams of a word and the buckets that they share (Bojanowski et al. 2017, section 3.2)."""

from __future__ import annotations

END_OF_SENTENCE = b"</s>"  # the one word of a fastText model that has no n-grams

_OFFSET, _PRIME, _LARGEST = 2166136261, 16777619, 0xFFFFFFFF  # FNV-1a, 32 bits
# fastText widens a signed char to 32 bits, so that every byte from 128 on flips the upper 24 bits as well.
_WIDENED = tuple(byte if byte < 128 else byte | 0xFFFFFF00 for byte in range(256))


def buckets(word: bytes, shortest: int, longest: int, count: int) -> list[int]:
    """The bucket, 0 to `count` - 1, of every n-gram of `shortest` to `longest` characters of `<word>`, in order of where they start.

    A bucket stands as often as n-grams fall into it. The marks `<` and `>` alone are no n-grams.
    """
    if count < 1 or word == END_OF_SENTENCE:
        return []
    text = b"<" + word + b">"
    edges = [place for place, byte in enumerate(text) if byte & 0xC0 != 0x80] + [len(text)]
    characters = len(edges) - 1
    found = []
    for first in range(characters):
        code = _OFFSET
        for last in range(first, min(first + longest, characters)):
            for byte in text[edges[last] : edges[last + 1]]:
                code = ((code ^ _WIDENED[byte]) * _PRIME) & _LARGEST
            size = last - first + 1
            if size >= shortest and not (size == 1 and (first == 0 or last == characters - 1)):
                found.append(code % count)
    return found
