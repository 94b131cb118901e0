"""The host's eyes come first, then the cell's word; silence is no proof."""

from hypothesis import given
from hypothesis import strategies as st

from grader.attacks.corpus import LONGEST, NO_SANDBOX, Attack, AttackTrial, Finding, Seen, decide, read_attack


def an_attack(control: str = "open") -> Attack:
    return read_attack(f"# title: Try it\n# control: {control}\n# remedy: Mend it.\n", name="try", group="files")


def found(seen: Seen, *, control: Seen | None = None, expected: str = "open", sandboxed: bool = True) -> Finding:
    return decide(AttackTrial(attack=an_attack(expected), seen=seen, control=control), sandboxed=sandboxed)


def test_a_cell_that_was_stopped_is_held_with_its_words() -> None:
    finding = found(Seen(output="HELD [Errno 1] Operation not permitted\n"), control=Seen(output="OPEN all of it"))
    assert finding.plain() == {
        "name": "try", "held": True, "control": "open", "detail": "[Errno 1] Operation not permitted", "remedy": "",
    }  # fmt: skip


def test_a_cell_that_worked_is_not_held_and_the_remedy_is_named() -> None:
    finding = found(Seen(output="OPEN 631 characters"))
    assert (finding.held, finding.ran, finding.remedy) == (False, True, "Mend it.")
    assert "631 characters" in finding.detail


@given(st.sampled_from(["", "HELD", "DONE", "HELD no\nDONE", "anything"]))
def test_what_the_host_saw_counts_whatever_the_cell_says(output: str) -> None:
    finding = found(Seen(output=output, host=("a secret of the host came out",)))
    assert (finding.held, finding.ran) == (False, True)
    assert finding.detail == "a secret of the host came out"


@given(st.text().filter(lambda text: not any(word in text for word in ("OPEN", "HELD", "DONE"))))
def test_a_cell_without_an_answer_was_not_run_and_is_never_held(output: str) -> None:
    finding = found(Seen(output=output))
    assert (finding.held, finding.ran) == (False, False)
    assert finding.detail.startswith("could not be run")
    assert finding.remedy


@given(st.lists(st.sampled_from(["HELD no", "DONE", "OPEN yes", "noise"]), max_size=6))
def test_one_success_outweighs_any_number_of_failures(lines: list[str]) -> None:
    said = [line for line in lines if line != "noise"]
    assert found(Seen(output="\n".join(lines))).held == (bool(said) and "OPEN yes" not in said)


def test_a_run_that_failed_is_not_held_whatever_was_said_before() -> None:
    assert not found(Seen(output="DONE", fault="the sandbox did not start")).held


def test_a_control_is_told_in_words() -> None:
    held = Seen(output="HELD")
    assert found(held, control=Seen(host=("a connection reached the host",))).control == "open"
    assert found(held, control=Seen(output="HELD EPERM")).control == "closed: EPERM"
    assert found(held, control=Seen(output="HELD EPERM"), expected="either: file modes").control == "closed: file modes"
    assert found(held, control=Seen(output="NameError: x")).control.startswith(
        "failed: the cell gave no answer (NameError"
    )
    assert found(held, control=Seen(fault="no python")).control == "failed: no python"
    assert found(held, expected="none: it would hurt").control == "none: it would hurt"


def test_without_a_sandbox_the_remedy_is_to_use_one() -> None:
    assert found(Seen(output="OPEN"), sandboxed=False).remedy == NO_SANDBOX


@given(st.text(max_size=2000))
def test_a_detail_is_one_short_printable_line(words: str) -> None:
    detail = found(Seen(host=(words,))).detail
    assert detail.isprintable()
    assert len(detail) <= LONGEST
