"""Pure notebook work: bytes to code cells, a kernel's outputs to bounded plain values."""

import ast
import base64
import binascii
import codecs
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from grader.core.errors import SubmissionError
from grader.core.evidence import LONGEST_TAG, MOST_TAGS, Attachment, CellError, MarkdownCell, Output, Reported
from grader.core.files import conflict_line, encoding_of, kind_of
from grader.core.text import ANSI

OTHER_LANGUAGES = {"r": "R", "julia": "Julia", "scala": "Scala", "javascript": "JavaScript", "octave": "Octave"}
CELL_MARK = re.compile(r"^#[ ]?(?:In ?\[[ \d]*\]:|%%)", re.MULTILINE)
TRIPLE = re.compile(r"\"{3}|'{3}")
FITTING = re.compile(r"((?<!\w)\w+|[)\]])\.(?:fit|fit_generator)\s*\(")
PREPARES = re.compile(
    r"scaler|gen$|generator|pca|encoder|tokenizer|binarizer|^(?:le|lb|ohe|enc|sc|ss|mms|svc|svm|knn|clf)$",
    re.IGNORECASE,
)
TENSORFLOW_BOOT = re.compile(r"^(?:WARNING: All log messages before absl::.*|[IWE]0000 00:00:.*)\n?", re.MULTILINE)
# What stands before "acc" is taken afterwards: looked for at each place, it would be read thirty times.
ACCURACY = re.compile(
    r"(?P<words>acc(?:uracy)?[a-z_ ]{0,20})[:=]?\s{0,3}"
    r"(?<![\d.])(?P<value>\d{1,3}\.\d{1,20}(?=\s?%)|[01]\.\d{1,20}|\d{1,3}(?=\s?%))(?![\d.e])(?P<percent>\s?%)?",
    re.IGNORECASE,
)
BEFORE = re.compile(r"[a-z_ ]{0,30}\Z", re.IGNORECASE)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # of JSON, without backtracking
MARIMO = re.compile(r"^app = marimo\.App\(", re.MULTILINE)
RESOLVE = "Decide in an editor which side counts, remove the lines <<<<<<<, ======= and >>>>>>>, and hand it in again."
ENDLESS = {"idna", "punycode"}  # Python would decode them too, in a time that grows with the square of the length
MOST_TEXT = 100_000  # characters kept of one output
MOST_PICTURE = 3 << 20  # bytes kept of one picture
SHORTENED = "... (shortened)"
MOST_SEARCHED = 20_000  # characters at the end of a cell's text that are searched for accuracies
LONGEST_BEFORE = 30  # characters before "accuracy" that belong to its wording
MOST_REPORTED = 200  # accuracies of one notebook
MOST_SAVED = 400_000  # characters of all saved outputs that are searched, from the last on
MOST_CELLS, MOST_CODE = 2_000, 2_000_000  # code cells of a submission; characters in all of them
MOST_STATEMENTS = 50_000  # of a submission: lines that hold something, and parts of lines behind a semicolon
STATEMENT = re.compile(r"[^\s;][^\n;]*")
MOST_BESIDE = 300_000  # characters of code beside it that are kept
MOST_VALUES = 500_000  # values in the JSON of a notebook
HIGHEST_COUNT = 1_000_000  # of a cell: what Jupyter counts
MOST_MARKDOWN_CELLS, MOST_MARKDOWN = 500, 300_000  # Markdown cells of a notebook; characters in all of them
MOST_ATTACHMENTS, MOST_ATTACHED = 20, 4_000_000  # pictures of one of them; characters of base64 in all
LONGEST_NAME = 200  # of a picture
DATA_URL = re.compile(r"data:[\w/+.;=-]{1,100},[A-Za-z0-9+/=%]{200,}+")  # a picture that was pasted as text
FEWER = "Hand in the code of the exercise alone, without what was generated or pasted into it."


@dataclass(frozen=True)
class Script:
    """The code of a submission, cell by cell; a module is one cell, unless it was a notebook once and tells its cells.

    `saved` are the accuracies in the outputs that a notebook was handed in with, `tags` those of its cells; `markdown` and
    `counts` as in `Source`.
    """

    name: str
    cells: tuple[str, ...]
    saved: tuple[Reported, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    markdown: tuple[MarkdownCell, ...] = ()
    counts: tuple[int | None, ...] = ()

    def tags_of(self, number: int) -> tuple[str, ...]:
        """The tags of a cell, by its number from 1."""
        return self.tags[number - 1] if number <= len(self.tags) else ()


def read_submission(name: str, data: bytes) -> Script:
    """The code cells of a `.ipynb` or the code of a `.py`. Raises SubmissionError, naming what is wrong.

    There is a most of cells, characters and values, which is looked at before they are made, and of statements.
    """
    script = _read_script(name, data)
    _require_no_more(name, code=script.cells)
    return script


def _read_script(name: str, data: bytes) -> Script:
    if name.lower().endswith(".py"):
        return Script(name, _cells_of_module(name, read_module(name, data)))
    cells, markdown = read_cells(name, data)
    tags, counts = tuple(cell.tags for cell in cells), tuple(cell.count for cell in cells)
    return Script(
        name,
        tuple(cell.source for cell in cells),
        _reported([cell.saved for cell in cells]),
        tags if any(tags) else (),
        markdown,
        counts if any(counts) else (),
    )


def _require_no_more(name: str, *, cells: int = 0, characters: int = 0, code: Iterable[str] = ()) -> None:
    """Refuse more code than a person reads: all that is done with it before, during and after the run hangs on its size."""
    if cells > MOST_CELLS:
        raise SubmissionError(f"{name}: has more than {MOST_CELLS:,} code cells.", FEWER)
    if characters > MOST_CODE:
        raise SubmissionError(f"{name}: holds more than {MOST_CODE:,} characters of code.", FEWER)
    statements = (found for text in code for found in STATEMENT.finditer(text))
    if next(islice(statements, MOST_STATEMENTS, None), None) is not None:
        raise SubmissionError(f"{name}: holds more than {MOST_STATEMENTS:,} statements.", FEWER)


def _reported(texts: Sequence[str]) -> tuple[Reported, ...]:
    found: list[Reported] = []
    left = MOST_SAVED
    for number, text in reversed(list(enumerate(texts, 1))):
        told = reported_accuracies(text)
        found = [*(Reported(cell=number, words=words, value=value) for words, value in told.items()), *found]
        left -= len(text)
        if len(found) >= MOST_REPORTED or left <= 0:
            break
    return tuple(found[-MOST_REPORTED:])


def reported_accuracies(text: str) -> dict[str, float]:
    """The last accuracy of each wording in a cell's text, as fractions: "val_accuracy: 0.98", "test accuracy 98.0%"."""
    found: dict[str, float] = {}
    text, end = text[-MOST_SEARCHED:], 0
    for match in ACCURACY.finditer(text):
        value = float(match["value"]) / (100 if match["percent"] else 1)
        before = BEFORE.search(text[max(end, match.start() - LONGEST_BEFORE) : match.start()])
        end = match.end()
        if value <= 1:
            words = f"{before[0] if before else ''}{match['words']}"
            found[" ".join(words.lower().split())] = value
    return found


def _cells_of_module(name: str, text: str) -> tuple[str, ...]:
    """Its cells. Raises SubmissionError for a module of which nothing could run, where that is plain to see."""
    cells = split_module(text)
    _require_no_more(name, cells=len(cells))
    line = conflict_line(text) if len(cells) == 1 else None
    if line is not None and not _is_python(text):
        raise SubmissionError(f"{name}: holds conflict markers of Git (line {line}).", RESOLVE)
    if MARIMO.search(text):
        raise SubmissionError(
            f"{name}: is a notebook of marimo, whose cells are functions that nothing here calls.",
            f"Hand in what `marimo export ipynb {name}` makes of it.",
        )
    return cells


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def read_module(name: str, data: bytes) -> str:
    """A module's text, decoded as Python would. Raises SubmissionError."""
    _refuse_kind(name, data)
    _require_no_more(name, characters=len(data) // 4)  # a character takes four bytes at most
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name in ENDLESS:
            raise LookupError(encoding)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        raise _no_utf_8(name, data) from None
    if "\0" in text:
        raise SubmissionError(f"{name}: is not a Python module; it holds binary data.", "Hand in the .py file itself.")
    if not text.strip():
        raise SubmissionError(f"{name}: is empty.", "Save your work and hand it in again.")
    _require_no_more(name, characters=len(text))
    return without_surrogates(plain_lines(text))


def split_module(text: str) -> tuple[str, ...]:
    """A module in the cells that Jupyter (`# In[3]:`) or an editor (`# %%`) marked in it; else as it is."""
    starts, quotes, seen = [0], 0, 0
    for mark in CELL_MARK.finditer(text):
        quotes += len(TRIPLE.findall(text, seen, mark.start()))
        seen = mark.start()
        if quotes % 2 == 0:  # else it stands in a string
            starts.append(seen)
    cells: list[str] = []
    head = ""
    for start, end in pairwise([*starts, len(text)]):
        head += text[start:end]
        if any(line.strip() and not line.lstrip().startswith("#") for line in text[start:end].splitlines()):
            cells.append(head)
            head = ""
    return (*cells[:-1], cells[-1] + head) if cells else (text,)


def code_beside(script: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """The code of modules and notebooks that lie beside `script`, in the order of their names, with a most of it in all."""
    found: dict[str, str] = {}
    left = MOST_BESIDE
    for name in sorted(files):
        if name == script or not name.lower().endswith((".py", ".ipynb")) or left <= 0:
            continue
        try:
            text = "\n".join(_read_script(without_surrogates(name), files[name]).cells)[:left]
        except SubmissionError:
            continue
        found[without_surrogates(name)] = text
        left -= len(text)
    return found


@dataclass(frozen=True)
class CodeCell:
    """A code cell as it was saved; `saved` is the end of the text among its outputs, `count` the number beside it."""

    source: str
    saved: str
    tags: tuple[str, ...]
    count: int | None


def read_cells(name: str, data: bytes) -> tuple[tuple[CodeCell, ...], tuple[MarkdownCell, ...]]:
    """A notebook's code cells that hold something, and its Markdown cells. Raises SubmissionError."""
    if not data.strip():
        raise SubmissionError(f"{name}: is empty.", "Save the notebook and hand it in again.")
    _refuse_kind(name, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_utf_8(name, data) from None
    if _count_values(data) > MOST_VALUES:
        raise SubmissionError(
            f"{name}: holds more than {MOST_VALUES:,} values (of tables and figures, most often).",
            "Clear the outputs, save it and hand it in again.",
        )
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_json(name, text, error) from None
    if not isinstance(raw, dict) or "nbformat" not in raw:
        raise SubmissionError(
            f"{name}: is not a notebook (it has no `nbformat`).", "Hand in the file that Jupyter saved."
        )
    if raw["nbformat"] != 4:
        raise SubmissionError(
            f"{name}: is a notebook of format {raw['nbformat']!s:.20}; this grader reads format 4.",
            "Open it in today's Jupyter and save it again (or `jupyter nbconvert --to notebook --nbformat 4`).",
        )
    _require_python(name, raw)
    entries = _cells(name, raw)
    cells = tuple(cell for cell in map(_code_cell, entries) if cell is not None)
    if not cells:
        raise SubmissionError(f"{name}: has no code.", "Hand in the notebook that holds your solution.")
    _require_no_more(name, cells=len(cells), characters=sum(len(cell.source) for cell in cells))
    return cells, tuple(_markdown_cells(entries))


def _count_values(data: bytes) -> int:
    """At least as many values as JSON holds, before any of them is made; what stands in texts is counted only at need."""
    found = data.count(b",") + data.count(b":")
    if found <= MOST_VALUES:
        return found
    bare = STRING.sub(b"", data)
    return bare.count(b",") + bare.count(b":")


def _refuse_kind(name: str, data: bytes) -> None:
    """SubmissionError for a file that is something else altogether."""
    kind = kind_of(data)
    if kind is not None:
        utf_8 = "" if data.isascii() else "not UTF-8 text, but "
        raise SubmissionError(f"{name}: is {utf_8}{kind.title}.", kind.remedy)


def _no_utf_8(name: str, data: bytes) -> SubmissionError:
    kind = encoding_of(data)
    if kind is None:
        return SubmissionError(f"{name}: is not UTF-8 text.", "Save it again with the encoding UTF-8.")
    return SubmissionError(f"{name}: is not UTF-8 text, but {kind.title}.", kind.remedy)


def _no_json(name: str, text: str, error: Exception) -> SubmissionError:
    """Why a text is not a notebook."""
    body = text.strip()
    line = conflict_line(text)
    if line is not None:
        return SubmissionError(f"{name}: holds conflict markers of Git (line {line}).", RESOLVE)
    ends = isinstance(error, json.JSONDecodeError) and error.pos >= len(text.rstrip())
    if body.startswith("{") and (ends or not body.endswith("}")):
        return SubmissionError(
            f"{name}: is half a notebook: it ends in the middle.",
            "Save or download it again, to the end, and hand that in.",
        )
    return SubmissionError(
        f"{name}: is not a notebook (its content is not JSON).", "Hand in the .ipynb file that Jupyter saved."
    )


def _require_python(name: str, raw: Mapping[str, Any]) -> None:
    """Refuse a notebook that says itself that it is written in another language: run as Python, it explains nothing."""
    metadata = raw.get("metadata")
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(part) if isinstance(metadata, dict) else None
        language = found.get(key) if isinstance(found, dict) else None
        if isinstance(language, str) and language.casefold() in OTHER_LANGUAGES:
            raise SubmissionError(
                f"{name}: is a notebook in {OTHER_LANGUAGES[language.casefold()]}; the exercise is to be done in Python.",
                "Hand in a notebook with a Python kernel; if its code is Python, choose that kernel and save it again.",
            )


def _cells(name: str, raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cells = raw.get("cells")
    if not isinstance(cells, list):
        raise SubmissionError(f"{name}: is a damaged notebook (it has no list of cells).", "Save it again.")
    return [cell for cell in cells if isinstance(cell, dict)]


def _holds_code(cell: Mapping[str, Any]) -> bool:
    return cell.get("cell_type") == "code" and bool(_source(cell).strip())


def _code_cell(cell: Mapping[str, Any]) -> CodeCell | None:
    if not _holds_code(cell):
        return None
    source = _source(cell)
    count = cell.get("execution_count")
    known = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= HIGHEST_COUNT
    return CodeCell(source, _saved_text(cell.get("outputs")), _tags(cell.get("metadata")), count if known else None)


def _source(cell: Mapping[str, Any]) -> str:
    return without_surrogates(plain_lines(_text_of(cell.get("source"))).replace("\0", ""))


def _text_of(given: object) -> str:
    """A text of a notebook, which may be written as a list of its lines; "" for anything else."""
    if isinstance(given, list):
        return "".join(part for part in given if isinstance(part, str))
    return given if isinstance(given, str) else ""


def _markdown_cells(cells: Iterable[Mapping[str, Any]]) -> Iterator[MarkdownCell]:
    """The Markdown cells that hold something, with a most of them, of their text and of their pictures."""
    after = count = 0
    text, pictures = MOST_MARKDOWN, MOST_ATTACHED
    for cell in cells:
        after += _holds_code(cell)
        source = DATA_URL.sub("data:", _source(cell)) if cell.get("cell_type") == "markdown" else ""
        if not source.strip() or count >= MOST_MARKDOWN_CELLS or text <= 0:
            continue
        attached = tuple(_attachments(cell.get("attachments"), pictures))
        pictures -= sum(len(item.png) for item in attached)
        yield MarkdownCell(after=after, source=source[:text], tags=_tags(cell.get("metadata")), attachments=attached)
        text, count = text - len(source), count + 1


def _attachments(given: object, room: int) -> Iterator[Attachment]:
    """The PNGs among a cell's attachments that there is room for, in characters of base64."""
    for name, kinds in islice(given.items() if isinstance(given, dict) else (), MOST_ATTACHMENTS):
        png = picture_of(_text_of(kinds.get("image/png"))) if isinstance(kinds, dict) else None
        if png is not None and len(png) <= room and len(name) <= LONGEST_NAME:
            room -= len(png)
            yield Attachment(name=without_surrogates(name), png=png)


def _tags(metadata: object) -> tuple[str, ...]:
    """The first tags of a cell; one that is too long is left out, since it names nothing."""
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    known = (tag for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, str))
    return tuple(
        without_surrogates(tag) for tag in islice((tag for tag in known if 0 < len(tag) <= LONGEST_TAG), MOST_TAGS)
    )


def _saved_text(outputs: object) -> str:
    """The end of the text among a cell's saved outputs, whatever stands there."""
    texts = []
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            data = output.get("data")
            texts.append(_tail(output.get("text")))
            texts.append(_tail(data.get("text/plain")) if isinstance(data, dict) else "")
    return "\n".join(text for text in texts if text)[-MOST_SEARCHED:]


def _tail(value: object) -> str:
    lines = value if isinstance(value, list) else [value]
    text = "".join(line[-MOST_SEARCHED:] for line in lines if isinstance(line, str))[-MOST_SEARCHED:]
    return without_surrogates(ANSI.sub("", text))


def plain_lines(text: str) -> str:
    """`text` with the line ends of Unix, whatever system it was written on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def count_fits(source: str) -> int:
    """How many calls of a network's `fit` a cell writes, by its words: scalers and generators have a `fit` too."""
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    return sum(PREPARES.search(found[1]) is None for found in FITTING.finditer(code))


def without_surrogates(text: str) -> str:
    """`text` with a question mark for each lone surrogate: JSON can spell them, UTF-8 and evidence can't hold them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def strip_ansi(text: str) -> str:
    """`text` as UTF-8 can hold it, without terminal escapes, at most `MOST_TEXT` characters."""
    return _shortened(without_surrogates(ANSI.sub("", text[: 4 * MOST_TEXT]).replace("\x1b", "")))


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n{SHORTENED}"


def picture_of(data: object) -> str | None:
    """The base64 text of a PNG if it is one and not too big, else None."""
    if not isinstance(data, str) or len(data) > MOST_PICTURE * 4 // 3:
        return None
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(decoded).decode() if decoded.startswith(PNG_MAGIC) else None


def plain_outputs(
    outputs: Iterable[Mapping[str, Any]], *, module: bool = False
) -> tuple[tuple[Output, ...], CellError | None]:
    """A cell's outputs as text and PNG alone (HTML, SVG, JavaScript are dropped), and its error if it ended in one.

    `module`: of a program, which `sys.exit()` ends in good order.
    """
    kept: list[Output] = []
    error: CellError | None = None
    for output in outputs:
        kind = output.get("output_type") if isinstance(output, Mapping) else None
        if kind == "stream":
            text = TENSORFLOW_BOOT.sub("", _text(output.get("text")))
            if text:
                _append_stream(kept, text)
        elif kind == "error" and module and _is_good_end(output):
            continue
        elif kind == "error":
            error = CellError(
                name=_text(output.get("ename"))[:200] or "Error",
                message=_without_graph(_text(output.get("evalue")))[:2000],
                traceback=_traceback(output.get("traceback")),
            )
            kept.append(Output(kind="error", text=error.traceback or f"{error.name}: {error.message}"))
        elif kind in ("display_data", "execute_result"):
            data = output.get("data")
            data = data if isinstance(data, Mapping) else {}
            kept.append(
                Output(
                    kind="result" if kind == "execute_result" else "display",
                    text=_text(data.get("text/plain")),
                    png=picture_of(data.get("image/png")),
                )
            )
    return tuple(kept), error


def _without_graph(message: str) -> str:
    """The message of an error in TensorFlow's graph, without the places where the graph was made."""
    if not message.startswith("Graph execution error"):
        return message
    lines = [
        line
        for line in message.splitlines()[1:]
        if line.strip() and not line.startswith(("  File ", "\t [[", "Detected at"))
    ]
    return "\n".join(lines) or message


def _is_good_end(output: Mapping[str, Any]) -> bool:
    """Whether this is the `sys.exit()`, `sys.exit(0)` or `sys.exit(main())` of a program that did what it was to do."""
    return output.get("ename") == "SystemExit" and _text(output.get("evalue")) in ("", "0", "None")


def _text(value: object) -> str:
    """What a kernel sent as text, as evidence holds it."""
    return strip_ansi(_text_of(value))


def _append_stream(kept: list[Output], text: str) -> None:
    if not kept or kept[-1].kind != "stream":
        kept.append(Output(kind="stream", text=text))
    elif len(kept[-1].text) <= MOST_TEXT:  # else it was shortened before
        kept[-1] = Output(kind="stream", text=_shortened(kept[-1].text + text))


def _traceback(lines: object) -> str:
    if not isinstance(lines, list):
        return ""
    return strip_ansi("\n".join(line for line in lines[:200] if isinstance(line, str)))[:20_000]
