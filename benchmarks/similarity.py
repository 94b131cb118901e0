"""Planted copies in a class and in last year's class: which are found, and who is accused without cause.

    .venv/bin/python benchmarks/similarity.py [--seed N] [--dolos FOLDER] [--jplag FILE.jar]

The honest ones are 56 submissions of `tests/submissions` (MNIST; all of them by one hand) and the three reference solutions,
dealt into two years by the seed. `ORIGINALS` of them are copied in each way of `WAYS`, one way at a time; half of the
originals are this year's, half last year's, and all copies are handed in this year. Then three programs and their rewordings
(`benchmarks/rewordings`). A copy counts as found where the pair with its original is told from a share of 80 % of either
one's code; any other pair of which one is no copy is a false alarm. Dolos (`npm install @dodona/dolos-lib` in a folder),
JPlag (its jar) and copydetect (`pip install copydetect`) are compared where they are there. They know nothing of a class, so
for them the second number is what is found at the lowest bar with no more false alarms than the grader has.

Exit status: 0 where the grader finds every copy that is verbatim, renamed, reordered or translated, accuses nobody else, and
nobody of copying from himself.
"""

import argparse
import io
import keyword
import os
import platform
import random
import sys
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.core.notebook import read_submission  # noqa: E402
from grader.core.results import Student  # noqa: E402
from grader.intake import read_path  # noqa: E402
from grader.marking.similarity import SHARE, Question, answer, same_people  # noqa: E402
from grader.run import jplag_and_dolos  # noqa: E402
from grader.sandbox import open_sandbox  # noqa: E402
from tests import zoo  # noqa: E402

ORIGINALS = (
    "exercise1", "keras-1-adadelta", "experts-quickstart", "exercise2", "colab-mnist", "argparse-module", "np-utils-hdf5",
    "usual-packages",
)  # fmt: skip
TWINS = ("two-nets-and-acc", "zip-with-sibling")  # word for word other submissions of the zoo
REWORDED = ("exercise1", "keras-1-adadelta", "experts-quickstart")
WORDS = (
    "carica i dati",
    "qui comincia la rete",
    "si addestra",
    "Bilder laden",
    "das Netz",
    "Ergebnis ausgeben",
    "prueba",
)
NAMES = ("daten", "rete", "werte", "prova", "resultado", "bild", "zahl", "modello", "lista", "uscita", "peso", "passo")

Share = Callable[[Question], Mapping[tuple[int, int], float]]  # the shares of pairs that an engine tells


def honest() -> dict[str, list[str]]:
    """The cells of each honest submission, by name."""
    found = {}
    for name in zoo.names():
        story = zoo.expected(name)
        if "pattern" in story and story["assignment"] in ("exercise1", "exercise2") and name not in TWINS:
            found[name] = list(read_path(zoo.ZOO / name / story["path"], student=name).script.cells)
    for name in ("exercise1", "exercise2", "pets"):
        path = ROOT / f"reference/{name}/solution.ipynb"
        found[name] = list(read_submission(path.name, path.read_bytes()).cells)
    return found


def joined(cells: Iterable[str]) -> str:
    """The code of a submission."""
    return "\n".join(cells)


def edited(code: str, change: Callable[[tokenize.TokenInfo], str]) -> str:
    """Code with its tokens changed; as it is where it is no Python."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    lines = code.splitlines(keepends=True)
    for token in reversed(tokens):
        (row, start), (last, end) = token.start, token.end
        if row == last and token.string and (new := change(token)) != token.string:
            lines[row - 1] = lines[row - 1][:start] + new + lines[row - 1][end:]
    return "".join(lines)


def verbatim(cells: Sequence[str], chance: random.Random) -> str:
    """As it is."""
    return joined(cells)


def renamed(cells: Sequence[str], chance: random.Random) -> str:
    """Every name that the program gives itself, and every text, is another."""
    code = joined(cells)
    own = [
        word.split(maxsplit=1)[0] for word in code.replace(",", " ").splitlines() if " = " in word and word[0].isalpha()
    ]
    new = {
        name: f"{chance.choice(NAMES)}_{number}"
        for number, name in enumerate(dict.fromkeys(own))
        if name.isidentifier()
    }
    return edited(
        code, lambda token: new.get(token.string, token.string) if not keyword.iskeyword(token.string) else token.string
    )


def reordered(cells: Sequence[str], chance: random.Random) -> str:
    """Its cells, or the paragraphs of a module, in another order."""
    parts = [part for cell in cells for part in cell.split("\n\n")] if len(cells) < 3 else list(cells)
    chance.shuffle(parts)
    return joined(parts)


def translated(cells: Sequence[str], chance: random.Random) -> str:
    """Comments in another language, and one before every third line."""
    plain = edited(
        joined(cells), lambda token: f"# {chance.choice(WORDS)}" if token.type == tokenize.COMMENT else token.string
    )
    lines = plain.splitlines()
    return "\n".join(
        f"{line}\n{' ' * (len(line) - len(line.lstrip()))}# {chance.choice(WORDS)}"
        if number % 3 == 0 and line.strip() and not line.rstrip().endswith((",", "(", "[", "{", ":", "\\", '"', "'"))
        else line
        for number, line in enumerate(lines)
    )


def all_of_it(cells: Sequence[str], chance: random.Random) -> str:
    """Renamed, reordered and translated."""
    return translated([reordered([renamed([cell], chance) for cell in cells], chance)], chance)


def in_other_work(cells: Sequence[str], chance: random.Random) -> str:
    """With twice as much code behind it that nobody else of the class has."""
    mine = joined(cells)
    parts = [f"def {name}_{chance.randrange(10**6)}({', '.join(chance.sample(NAMES, 3))}):" for name in NAMES]
    while len("\n".join(parts)) < 3 * len(mine):
        one, other, third = chance.sample(NAMES, 3)
        parts.append(chance.choice((
            f"    {one} = [{other}({chance.randrange(99)}, key={third}) for {other} in {third}.items()]",
            f"    if {one}.{other} > {chance.randrange(99)} and not {third}:\n        return {one} ** {third}",
            f"    {one}[{chance.randrange(9)}:, {other}] += {third} @ {one}.T - {other}.mean(axis={chance.randrange(3)})",
            f"    while {one}:\n        {other} = {one}.pop() or {third}({one}, {other}=None)",
            f"    assert {one} in {{{other}: {third}}}, ({other}, {third})",
        )))  # fmt: skip
    return mine + "\n" + "\n".join(parts)


WAYS: Mapping[str, Callable[[Sequence[str], random.Random], str]] = {
    "verbatim": verbatim, "renamed": renamed, "reordered": reordered, "comments translated": translated,
    "all of these": all_of_it, "inside other work": in_other_work,
}  # fmt: skip
EASY = ("verbatim", "renamed", "reordered", "comments translated")


@dataclass(frozen=True, kw_only=True)
class Year:
    """A class and last year's with planted copies; `planted` are the places of each copy and its original."""

    question: Question
    planted: tuple[tuple[int, int], ...]
    copies: frozenset[int]

    def is_false(self, pair: tuple[int, int]) -> bool:
        """Whether somebody is accused without cause; two copies may well share how they were made."""
        return pair not in self.planted and not self.copies.issuperset(pair)


def a_year(pool: Mapping[str, list[str]], copies: Mapping[str, str], chance: random.Random) -> Year:
    """Deal the honest ones into two years; `copies` (name of an original to code) are handed in this year."""
    names = sorted(pool)
    chance.shuffle(names)
    half = {name for number, name in enumerate(sorted(copies)) if number % 2}
    ours = [name for number, name in enumerate(names) if (name not in half if name in copies else number % 2)]
    sources = {name: joined(pool[name]) for name in ours} | {f"copy of {name}": code for name, code in copies.items()}
    earlier = [name for name in names if name not in sources]
    places = {name: place for place, name in enumerate([*sources, *earlier])}
    starter = ROOT / "assignments/exercise1/starter.ipynb"
    question = Question(
        sources=sources, earlier=tuple(("last year", joined(pool[name])) for name in earlier),
        boilerplate=(joined(read_submission(starter.name, starter.read_bytes()).cells),),
    )  # fmt: skip
    planted = [(places[name], places[f"copy of {name}"]) for name in copies]
    return Year(question=question, planted=tuple((min(pair), max(pair)) for pair in planted),
                copies=frozenset(places[f"copy of {name}"] for name in copies))  # fmt: skip


def by_grader(question: Question) -> Mapping[tuple[int, int], float]:
    """What the grader itself tells."""
    return {(first, second): max(pair.of_first, pair.of_second) for first, second, pair in answer(question).pairs}


def by_engine(engine: jplag_and_dolos.Engine) -> Share:
    """What an engine tells, every pair."""

    def told(question: Question) -> Mapping[tuple[int, int], float]:
        with_all = jplag_and_dolos.find_by_engine(engine, question, open_sandbox("bubblewrap"), least=0.0)
        return {found[:2]: max(found.of_first, found.of_second) for found in with_all}

    return told


def by_copydetect(question: Question) -> Mapping[tuple[int, int], float]:
    """What copydetect tells by its own default settings, every pair."""
    from copydetect import CodeFingerprint, compare_files

    codes = [*question.sources.values(), *(code for _, code in question.earlier)]
    base = np.array(list(CodeFingerprint("starter.py", 25, 1, fp=io.StringIO(joined(question.boilerplate))).hashes))
    prints = [
        CodeFingerprint(f"{place}.py", 25, 6, boilerplate=base, fp=io.StringIO(code))
        for place, code in enumerate(codes)
    ]
    return {
        (first, second): max(compare_files(prints[first], prints[second])[1])
        for first in range(len(question.sources)) for second in range(first + 1, len(codes))
    }  # fmt: skip


def found_at(shares: Mapping[tuple[int, int], float], year: Year, bar: float) -> tuple[int, int]:
    """How many copies are found from this share on, and how many pairs are false alarms."""
    told = {pair for pair, share in shares.items() if share >= bar}
    return len(told & set(year.planted)), sum(map(year.is_false, told))


def lowest_bar(shares: Sequence[Mapping[tuple[int, int], float]], years: Sequence[Year], most: int) -> float:
    """The lowest bar with no more false alarms in all."""
    honest_pairs = sorted(
        (
            share for told, year in zip(shares, years, strict=True)
            for pair, share in told.items() if year.is_false(pair)
        ),
        reverse=True,
    )  # fmt: skip
    return honest_pairs[most] + 1e-9 if len(honest_pairs) > most else 0.0


def own_work(pool: Mapping[str, list[str]], chance: random.Random) -> int:
    """How many are accused who hand in again, this year, what they handed in last year; of one team-mate each."""
    year = a_year(pool, {name: joined(pool[name]) for name in ORIGINALS}, chance)
    people = [[Student(name=f"student {place}", login=f"s{place}")] for place in range(len(pool) + len(ORIGINALS))]
    for first, second in year.planted:
        people[second] = [Student(name="another name", login=f"s{first}"), *people[second]]
    same = same_people(people, len(year.question.sources))
    told = answer(year.question.model_copy(update={"same": same}))
    return sum((first, second) in year.planted for first, second, _ in told.pairs)


def the_years(pool: Mapping[str, list[str]], seed: int) -> dict[str, Year]:
    """The classes, one for each way of copying."""
    found = {}
    for way, change in WAYS.items():
        chance = random.Random(f"{seed} {way}")
        found[way] = a_year(pool, {name: change(pool[name], chance) for name in ORIGINALS}, chance)
    for degree in ("polished", "restructured", "rewritten"):
        copies = {
            name: (ROOT / f"benchmarks/rewordings/{name}-{degree}.txt").read_text(encoding="utf-8") for name in REWORDED
        }
        found[f"reworded: {degree}"] = a_year(pool, copies, random.Random(f"{seed} {degree}"))
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dolos", type=Path, help="a folder with node_modules/@dodona/dolos-lib")
    parser.add_argument("--jplag", type=Path, help="the jar of JPlag")
    options = parser.parse_args()
    tools: dict[str, Share] = {"grader": by_grader}
    if options.dolos:
        tools["Dolos"] = by_engine(jplag_and_dolos.dolos(options.dolos))
    if options.jplag:
        tools["JPlag"] = by_engine(jplag_and_dolos.jplag(options.jplag))
    try:
        import copydetect

        tools[f"copydetect {copydetect.__version__}"] = by_copydetect
    except ImportError:
        print("copydetect is not installed: pip install copydetect")
    pool = honest()
    years = the_years(pool, options.seed)
    shares = {tool: [tell(year.question) for year in years.values()] for tool, tell in tools.items()}
    alarms = sum(found_at(told, year, SHARE)[1] for told, year in zip(shares["grader"], years.values(), strict=True))
    bars = {tool: lowest_bar(told, list(years.values()), alarms) for tool, told in shares.items() if tool != "grader"}
    print(f"Python {platform.python_version()}, seed {options.seed}, {len(pool)} honest submissions, bar {SHARE:.0%}\n")
    print(
        "| copies | planted | "
        + " | ".join(f"{t} | {f'{t} from {bars[t]:.0%} | ' if t in bars else ''}{t}: false alarms" for t in tools)
        + " |"
    )
    for number, (way, year) in enumerate(years.items()):
        cells = [way, str(len(year.planted))]
        for tool in tools:
            at_share = found_at(shares[tool][number], year, SHARE)
            cells += [
                str(at_share[0]),
                *([str(found_at(shares[tool][number], year, bars[tool])[0])] if tool in bars else []),
            ]
            cells.append(str(at_share[1]))
        print("| " + " | ".join(cells) + " |")
    accused = own_work(pool, random.Random(options.seed))
    print(f"\nTheir own work of last year, or a team-mate's: {accused} of {len(ORIGINALS)} accused by the grader.")
    missed = sum(len(years[way].planted) - found_at(shares["grader"][place], years[way], SHARE)[0]
                 for place, way in enumerate(years) if way in EASY)  # fmt: skip
    return 1 if missed or alarms or accused else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # by which copydetect chooses what it compares
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
