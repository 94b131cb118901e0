"""A network that was handed in as pages tell of it: which file, whether the code builds it, what its audit gave. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.core.metrics import chance_of_catching, more_than_chance
from grader.core.results import AuditFinding, Grade, Result
from grader.core.text import one_line, shorten
from grader.pages.language import many, say
from grader.pages.numbers import percent

LONGEST = 400  # characters of one difference
CHEATS = (1, 2, 5)  # of which it is told how likely a lot would have found one


@dataclass(frozen=True)
class HandedInView:
    """What a student's page says of a handed-in network."""

    sentence: str
    differences: tuple[str, ...]
    audit: str


def handed_in_view(result: Result) -> HandedInView | None:
    """None where the network was trained here."""
    if result.model.source != "handed-in" or result.model.maker is None:
        return None
    listed = result.model.differences if result.model.maker == "different" else ()
    return HandedInView(
        sentence=_sentence(result), differences=tuple(shorten(line, LONGEST) for line in listed),
        audit=audit_sentence(result.audit),
    )  # fmt: skip


def _sentence(result: Result) -> str:
    file = one_line(result.model.file or "", 120)
    match result.model.maker:
        case "same":
            return say(
                "The network in {file} was judged as it was handed in. The code was run for a moment: it builds this very "
                "network.",
                file=file,
            )  # fmt: skip
        case "different":
            return say(
                "The network in {file} is not the one that the code builds. It earns nothing until your instructor decides.",
                file=file,
            )  # fmt: skip
        case "no code":
            return say("The network in {file} was judged as it was handed in. It came without code.", file=file)
        case "no network":
            return say("No trained network was handed in, and this exercise trains none.")
    if not result.model.differences:
        return say("The network in {file} could not be opened.", file=file)
    return say("Nobody saw the code build the network in {file}: it was not judged.", file=file)


def audit_sentence(audit: AuditFinding | None) -> str:
    """What an audit gave; empty where there was none, or none yet."""
    if audit is None or audit.outcome == "due":
        return ""
    if audit.outcome == "not judged":
        return say("An audit trained the code in full, and got no network that could be judged.")
    told = {"trained": percent(audit.trained or 0.0, 2), "file": percent(audit.handed_in or 0.0, 2)}
    if audit.outcome == "confirmed":
        return say(
            "An audit trained the code in full: it reaches {trained}, the handed-in network {file}. That confirms it.",
            **told,
        )
    return say(
        "An audit trained the code in full: it reaches {trained}, the handed-in network {file}. That does not confirm it.",
        **told,
    )


def network_words(grade: Grade) -> str:
    """In a cell of a table: which way the mark was reached, and what an audit gave."""
    way = {"trained": say("trained here"), "handed-in": say("handed in"), None: "–"}[grade.source]
    match grade.audit:
        case "confirmed":
            return say("{way}; audit: confirmed", way=way)
        case "not confirmed":
            return say("{way}; audit: not confirmed", way=way)
        case "not judged":
            return say("{way}; audit: no network to judge", way=way)
        case "due":
            return say("{way}; audit: not trained yet", way=way)
    return way


@dataclass(frozen=True)
class AuditsView:
    """What a class page says of handed-in networks; `alarming`: more audits failed than chance explains."""

    sentences: tuple[str, ...]
    alarming: str


def audits_view(results: Sequence[Result]) -> AuditsView | None:
    """None for a class whose networks were all trained here."""
    judged = [result for result in results if result.model.source == "handed-in" and result.model.maker != "no network"]
    if not judged:
        return None
    audits = [result.audit for result in judged if result.audit is not None]
    drawn = [audit for audit in audits if audit.by_lot and audit.outcome != "due"]
    failed = sum(audit.outcome != "confirmed" for audit in drawn)
    alarm = ""
    if more_than_chance(failed, len(drawn)):
        alarm = say(
            "{failed} of {audited} audits that the lot named did not confirm the handed-in network. That is more than seeds "
            "and chance explain: have everybody trained (`--train always`).",
            failed=failed, audited=len(drawn),
        )  # fmt: skip
    return AuditsView(sentences=tuple(_class_sentences(results, judged, audits)), alarming=alarm)


def _class_sentences(
    results: Sequence[Result], judged: Sequence[Result], audits: Sequence[AuditFinding]
) -> Iterator[str]:
    yield many(
        len(judged), "{n} network of {all} was judged as it was handed in.",
        "{n} networks of {all} were judged as they were handed in.", all=len(results),
    )  # fmt: skip
    found = Counter(audit.outcome for audit in audits)
    lot = sum(audit.by_lot for audit in audits)
    if audits:
        yield say(
            "{n} of them were audited, {lot} by lot: {confirmed} confirmed, {failed} not confirmed, {unjudged} without a "
            "network that could be judged, {due} not trained yet.",
            n=len(audits), lot=lot, confirmed=found["confirmed"], failed=found["not confirmed"],
            unjudged=found["not judged"], due=found["due"],
        )  # fmt: skip
    known = sum(result.model.maker == "same" for result in judged)
    if lot and known:
        chances = (chance_of_catching(cheats, of=known, audited=lot) for cheats in CHEATS)
        one, two, five = (percent(chance, 0) for chance in chances)
        yield say(
            "A lot of {lot} among {n} names at least one of 1, 2 or 5 networks that the code does not train with a chance "
            "of {one}, {two} or {five}.",
            lot=lot, n=known, one=one, two=two, five=five,
        )  # fmt: skip
