"""Of several networks of one notebook the exercise's own is taken, by the layers in the files themselves."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.architecture import ExpectedLayers, expected_layers
from grader.core.evidence import Candidate, Claims
from grader.course.course import Course
from grader.course.rubric import plan_checks
from grader.judge.choose_network import choose_network
from grader.judge.keras_archive import saved_kinds
from tests.judge.hostile import CONFIG, MEMBERS, archive

MLP, CNN = ("InputLayer", "Flatten", "Dense", "Dense"), ("InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense")
DROPOUT = (*CNN[:-1], "Conv2D", "Dropout", "Dense")
FILES = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")


def network(*kinds: str) -> bytes:
    """A saved network with layers of these kinds; a list within stands for an inner network."""
    layers = [{"class_name": kind, "config": {}} for kind in kinds]
    inner = [{"class_name": "Sequential", "config": {"layers": layers}}]
    return archive({**MEMBERS, CONFIG: json.dumps({"class_name": "Functional", "config": {"layers": inner}}).encode()})


def wishes(exercise: str) -> ExpectedLayers:
    course = Course.at()
    return expected_layers(plan_checks(course, course.assignment(exercise)))


def choose(
    kinds: Sequence[tuple[str, ...]],
    wanted: ExpectedLayers,
    *,
    units: Sequence[int | None] = (),
    fitted: Sequence[bool] = (),
) -> tuple[int, Claims]:
    """The choice among networks in files of their own; the first one is proposed by the kernel."""
    candidates = tuple(
        Candidate(
            name=f"net{place}", fitted=fitted[place] if fitted else True, output_units=units[place] if units else 10,
            taken=place == 0, reason="fitted last" if place == 0 else "", file=FILES[place],
        )
        for place in range(len(kinds))
    )  # fmt: skip
    saved = [(file, network(*own)) for file, own in zip(FILES, kinds, strict=False)]
    return choose_network(saved, Claims(candidates=candidates), wanted, units=(10,))


@pytest.mark.parametrize(("exercise", "proposed", "other", "taken"), [
    ("exercise1", CNN, MLP, 1), ("exercise1", MLP, CNN, 0), ("exercise2", MLP, CNN, 1), ("exercise2", CNN, MLP, 0),
    ("pets", CNN, DROPOUT, 1), ("pets", DROPOUT, CNN, 0),
])  # fmt: skip
def test_both_networks_of_one_notebook_are_graded_for_their_own_exercise(
    exercise: str, proposed: tuple[str, ...], other: tuple[str, ...], taken: int
) -> None:
    place, claims = choose([proposed, other], wishes(exercise))
    assert place == taken
    assert [item.taken for item in claims.candidates] == [place == 0, place == 1]


def test_of_equals_the_kernels_proposal_stands_and_keeps_its_reason() -> None:
    place, claims = choose([MLP, MLP, MLP], wishes("exercise1"))
    assert place == 0
    assert [item.reason for item in claims.candidates] == ["fitted last", "trained earlier", "trained earlier"]


def test_what_speaks_against_the_others_is_told() -> None:
    _, claims = choose([CNN, MLP], wishes("exercise1"))
    first, second = claims.candidates
    assert "Conv2D and MaxPooling2D, which this exercise does not want" in first.reason
    assert second.reason == "its layers are those that this exercise asks for"


def test_what_was_never_trained_or_answers_something_else_does_not_compete() -> None:
    assert choose([CNN, MLP], wishes("exercise1"), fitted=[True, False])[0] == 0
    assert choose([CNN, MLP], wishes("exercise1"), units=[10, 784])[0] == 0
    _, claims = choose([CNN, CNN], wishes("exercise2"), units=[10, 784])
    assert claims.candidates[1].reason == "its output has 784 units"


def test_a_file_that_can_not_be_read_is_not_preferred_and_a_rubric_without_wishes_changes_nothing() -> None:
    claims = Claims(candidates=tuple(
        Candidate(name=file, fitted=True, output_units=10, taken=not place, reason="", file=file)
        for place, file in enumerate(FILES[:2])
    ))  # fmt: skip
    for broken in (b"", b"PK", archive(), archive({**MEMBERS, CONFIG: b'{"config": {"layers": [1, null]}}'})):
        saved = [(FILES[0], network(*CNN)), (FILES[1], broken)]
        assert choose_network(saved, claims, wishes("exercise1"), units=(10,))[0] == 0
        assert choose_network(saved[::-1], claims, wishes("exercise1"), units=(10,))[0] == 0
    assert choose([CNN, MLP], ExpectedLayers())[0] == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("layers"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config", "layers", "class_name"]), inner, max_size=3)
    ),
)


@given(JSON)
def test_whatever_a_configuration_holds_kinds_are_texts_or_nothing(config: object) -> None:
    found = saved_kinds(archive({**MEMBERS, CONFIG: json.dumps(config).encode()}))
    assert found is None or all(isinstance(kind, str) for kind in found)


def test_layers_of_inner_networks_count() -> None:
    assert saved_kinds(network(*CNN)) == CNN
