"""Texts on the command line: what is a file, what is a text, what a terminal shows, and whole sentences on a stream."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from unspool.cli import main
from unspool.cli.lines import LONGEST_LINE, texts
from unspool.cli.view import COLOURS, parts, tagged
from unspool.data.synthetic import named_sentences
from unspool.errors import DataError, LiveError


def words_of(text):
    return [{"start": match.start(), "end": match.end(), "text": match[0], "tag": "O", "probability": 0.5} for match in re.finditer(r"\S+", text)]


class Tagger:
    """Says of every capital word that it is a name."""

    facts = SimpleNamespace(live=True, why_not_live="")
    reads_texts = True

    def __init__(self):
        self.given = None

    def predict(self, data):
        self.given = data
        texts = data if isinstance(data, list) else ["a file"]
        told = [(words_of(text), [word for word in words_of(text) if word["text"][0].isupper()]) for text in texts]
        return [
            {"record": str(index), "words": words, "spans": [{**{k: name[k] for k in ("start", "end", "text")}, "type": "PER"} for name in names]}
            for index, (words, names) in enumerate(told)
        ]


@pytest.fixture
def tagger(fake_run):
    model = Tagger()
    fake_run.load = lambda folder: model
    return model


def piped(monkeypatch, content, terminal=False):
    stream = io.TextIOWrapper(io.BytesIO(content))
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stdin", stream)


@pytest.mark.parametrize("text", ["Ada met Alan", "Ada", "Ada.", "U.S.", "3.5", "What?", "a b/c", "see a.txt now", "e.g."])
def test_what_is_no_file_is_a_text(tagger, capsys, text):
    assert main(["predict", "run", text]) == 0
    assert tagger.given == [text]
    (line,) = capsys.readouterr().out.splitlines()
    assert [word["text"] for word in json.loads(line)["words"]] == text.split()


@pytest.mark.parametrize("name", ["Ada met Alan", "news.txt"])
def test_what_is_a_file_is_read_as_one(tagger, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("a")
    assert main(["predict", "run", name]) == 0
    assert str(tagger.given) == name and not isinstance(tagger.given, list)


@pytest.mark.parametrize("path", ["news.txt", "./news", "data/news", "data\\news", "/tmp/nowhere", "news.conllu", "a/b"])
def test_a_path_that_is_not_there_is_not_taken_for_a_text(tagger, capsys, path):
    assert main(["predict", "run", path]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and tagger.given is None
    remedy = "check the path, or write the text to standard input: unspool predict DIR -"
    assert printed.err == f"unspool: {path}: no such file, and a path is not taken for a text; {remedy}\n"


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_text(tagger, capsys, text):
    assert main(["predict", "run", text]) == 2
    assert "INPUT: holds nothing that can be seen" in capsys.readouterr().err


def test_a_model_of_columns_takes_every_input_for_a_path(fake_run, monkeypatch, capsys, tmp_path):
    assert main(["predict", str(tmp_path), "a b c"]) == 0
    piped(monkeypatch, b"a\n")
    for arguments in (["predict", str(tmp_path), "-"], ["predict", str(tmp_path)]):
        assert main(arguments) == 2
        assert "standard input: the model reads columns, not texts; give it a file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-"], []])
def test_standard_input_is_read_line_by_line(tagger, monkeypatch, capsys, arguments):
    piped(monkeypatch, "Ada met\r\n\nZo\u00eb\u2028slept.txt\nlast/one".encode())
    assert main(["predict", "run", *arguments]) == 0
    assert tagger.given == ["Ada met", "", "Zo\u00eb\u2028slept.txt", "last/one"]
    assert len(capsys.readouterr().out.splitlines(keepends=False)) >= 4


def test_lines_of_standard_input_end_and_begin_as_those_of_files_do(tagger, monkeypatch, capsys):
    piped(monkeypatch, b"\xef\xbb\xbfAda met\rAlan\r\nOslo\r")
    assert main(["predict", "run", "-"]) == 0
    assert tagger.given == ["Ada met", "Alan", "Oslo"]


def test_at_a_terminal_something_has_to_be_given(tagger, monkeypatch, capsys):
    piped(monkeypatch, b"", terminal=True)
    assert main(["predict", "run"]) == 2
    assert "INPUT: give a file, a text, or a text a line on standard input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"", "standard input: holds no line, wanted a text a line"),
        (b"a\nb\xff\n", "standard input:2: byte 1 is not utf-8"),
        (b"a\n" + b"a" * (LONGEST_LINE + 1), "standard input:2: the line is longer than 1,048,576 bytes"),
    ],
    ids=["nothing", "no utf-8", "long"],
)
def test_lines_that_cannot_be_read_are_told(lines, message):
    with pytest.raises(DataError, match=re.escape(message)):
        texts(io.BytesIO(lines))


def test_json_is_one_document_and_a_file_gets_lines(tagger, capsys, tmp_path):
    assert main(["predict", "run", "Ada met", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    out = tmp_path / "answers.jsonl"
    assert main(["predict", "run", "Ada met", "--out", str(out)]) == 0
    assert json.loads(out.read_text()) == answer


def test_in_a_terminal_names_stand_in_the_text_with_their_type(tagger, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["predict", "run", "Ada  met Alan"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[1;36mAda" in shown and re.sub(r"\x1b\[[\d;]*m", "", shown).rstrip() == "Ada PER  met Alan PER"
    assert main(["predict", "run", "Ada met", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def answer_of(text, found, tags=None):
    """Spans of a text, or one tag a word where `tags` are given."""
    words = words_of(text)
    if tags is not None:
        return {"words": [word | {"tag": tag} for word, tag in zip(words, tags, strict=True)]}
    return {"words": words, "spans": [{"start": start, "end": end, "text": text[start:end], "type": kind} for start, end, kind in found]}


def test_a_type_has_one_colour_wherever_it_comes_and_colours_come_again():
    text = " ".join("abcdefgh")
    colours: dict[str, str] = {}
    made = tagged(answer_of(text, [(2 * index, 2 * index + 1, kind) for index, kind in enumerate("ABCDEFGA")]), colours, text)
    assert list(colours) == list("ABCDEFG") and list(colours.values()) == [*COLOURS, COLOURS[0]]
    styles = [str(span.style) for span in made.spans if str(span.style).startswith("bold")]
    assert styles == [f"bold {colours[kind]}" for kind in "ABCDEFGA"]
    again = tagged(answer_of("h", [(0, 1, "A")]), colours, "h")
    assert str(again.spans[0].style) == styles[0]


def test_tags_that_name_no_spans_stand_behind_their_words():
    assert tagged(answer_of("they run", [], ["PRP", "VB"]), {}, "they run").plain == "they PRP run VB"


def test_a_span_without_a_type_is_coloured_all_the_same():
    made = tagged(answer_of("Ada met", [(0, 3, "")]), {}, "Ada met")
    assert made.plain == "Ada met" and str(made.spans[0].style) == "bold cyan"


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.data())
def test_the_pieces_are_the_text(text, data):
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    found = [(start, end, "X") for start, end in zip(edges[::2], edges[1::2], strict=False)]
    pieces = list(parts(answer_of(text, found), text))
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, kind in pieces if kind] == [text[start:end] for start, end, _ in found]


def test_of_a_file_the_words_tell_the_text():
    answer = {"words": [word | {"tag": "O"} for word in words_of("Ada  met Alan")], "spans": [{"start": 9, "end": 13, "text": "Alan", "type": "PER"}]}
    assert list(parts(answer)) == [("Ada  met ", None), ("Alan", "PER")]
    assert list(parts({"words": [], "spans": []})) == []


def test_what_a_terminal_would_obey_is_not_sent_to_it():
    text = "Ada\x1b[2J \x9b31m\r\x07\0 [red]met[/red] \u202f\u200d"
    console = Console(file=io.StringIO(), force_terminal=False, width=200)
    console.print(tagged(answer_of(text, [(0, 3, "\x1b[31m")]), {}, text))
    shown = console.file.getvalue()
    assert not set(shown) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}
    assert "[red]met[/red]" in shown and "\N{REPLACEMENT CHARACTER}[2J" in shown


class Whole:
    def __init__(self, model):
        self.model = model

    def step(self, row):
        if "text" not in row:
            raise DataError("'text' is missing")
        return {"ready": True, "words": words_of(row["text"])}

    def reset(self):
        pass


def test_whole_sentences_are_answered_line_by_line(fake_run, monkeypatch, capsys, tmp_path):
    fake_run.WholeTexts = Whole
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "Ada met"}\n{"txt": 1}\n{"reset": true}\n')))
    assert main(["stream", str(tmp_path), "--sentences"]) == 2
    first, second, third = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [word["text"] for word in first["words"]] == ["Ada", "met"]
    assert second == {"error": "'text' is missing", "line": 2} and third == {"reset": True}


def opening(monkeypatch, error, live, tokens):
    from unspool.bundle import Bundle
    from unspool.streaming import Session

    def refuse(folder):
        raise LiveError(error)

    facts = SimpleNamespace(live=live, preparation=SimpleNamespace(tokens=tokens))
    monkeypatch.setattr(Session, "open", refuse)
    monkeypatch.setattr(Bundle, "open", lambda folder: SimpleNamespace(facts=lambda: facts))


@pytest.mark.parametrize(("live", "tokens", "hinted"), [(False, "words", True), (False, None, False), (True, "words", False)])
def test_a_model_of_texts_that_cannot_run_live_is_told_what_can(monkeypatch, capsys, tmp_path, live, tokens, hinted):
    opening(monkeypatch, "the model is bidirectional", live, tokens)
    assert main(["stream", str(tmp_path)]) == 2
    hint = f"; or have each line's text read as a whole: unspool stream {tmp_path} --sentences" if hinted else ""
    assert capsys.readouterr().err == f"unspool: the model is bidirectional{hint}\n"


def test_a_tagger_that_reads_from_both_ends_is_asked_by_predict_and_by_whole_sentences(tmp_path, monkeypatch, capsys):
    """With the library below it."""
    import unspool

    spec = {
        "task": {"kind": "tag"},
        "data": {"source": {"kind": "tagged"}},
        "model": {"embed": {"kind": "learned", "width": 4}, "backbone": {"cell": {"kind": "gru", "hidden": 4}, "bidirectional": True}},
        "train": {"epochs": 1},
    }
    run, text = tmp_path / "run", "Mr. Lincoln slept.  In Oslo"
    (wanted,) = unspool.train(spec, data=named_sentences(40, seed=0), out=run).predict([text])
    assert main(["predict", str(run), text]) == 0
    assert json.loads(capsys.readouterr().out) == wanted
    piped(monkeypatch, f"{text}\n\n".encode())
    assert main(["predict", str(run)]) == 0
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["words"] == wanted["words"] and second == {"record": "1", "words": [], "spans": []}
    piped(monkeypatch, json.dumps({"text": text}).encode() + b"\n{}\n")
    assert main(["stream", str(run), "--sentences"]) == 2
    told, error = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == {"ready": True, "words": wanted["words"], "spans": wanted["spans"]} and error["line"] == 2
    assert main(["stream", str(run)]) == 2
    assert f"bidirectional: false; or have each line's text read as a whole: unspool stream {run} --sentences" in capsys.readouterr().err
    assert main(["predict", str(run), "nowhere.txt"]) == 2
