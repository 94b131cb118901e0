import inspect
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from grader.checks import registry
from grader.checks.base import Case, Check, NoParameters, Planned, check
from grader.checks.registry import all_checks, built_in, own_checks, plan
from grader.core.assignment import CheckSpec
from grader.core.errors import Failure, RubricError
from grader.core.evidence import Judgement
from grader.core.results import Outcome
from tests.checks.builders import case, planned, run_checks

BUILT_IN = built_in()


def test_the_built_in_checks_are_those_of_the_book() -> None:
    assert set(BUILT_IN) == {
        *("executes", "model_found", "trained", "suggested_epochs", "suggested_batch_size", "history_plotted"),
        *("input_shape", "output_units", "allowed_layers", "required_layers", "forbidden_layers", "units_decrease"),
        *("dropout_before_last_dense", "filters_increase", "kernel_size", "pooling_after_convolution", "inspired_by"),
        *("no_padding_or_stride", "accuracy", "better_than", "computes", "allowed_imports", "manual"),
        *("parameters", "model_size", "training_time"),
    }


@pytest.mark.parametrize("item", BUILT_IN.values(), ids=list(BUILT_IN))
def test_every_check_has_a_title_and_describes_its_parameters(item: Check) -> None:
    text = inspect.getdoc(item.run) or ""
    assert 8 <= len(item.title) <= 70
    assert text.startswith(item.title + ".")
    for parameter in item.parameters.model_fields:
        assert f"`{parameter}" in text
    assert item.parameters.model_fields or "No parameters." in text


@pytest.mark.parametrize("item", BUILT_IN.values(), ids=list(BUILT_IN))
def test_every_needed_check_exists_and_can_run_without_a_rubric(item: Check) -> None:
    for name in item.needs:
        assert isinstance(BUILT_IN[name].parameters(), NoParameters)


def test_the_checks_of_the_model_rest_on_facts_and_those_of_the_run_on_claims() -> None:
    claimed = {name for name, item in BUILT_IN.items() if item.rests_on == "claims"}
    assert claimed == {
        *("executes", "trained", "suggested_epochs", "suggested_batch_size", "history_plotted", "training_time"),
    }


def test_a_misspelt_check_is_refused_with_the_nearest_name_and_its_place() -> None:
    specs = (CheckSpec(use="trained", points=1), CheckSpec(use="acuracy", points=1))
    with pytest.raises(
        RubricError, match=r"assignment\.toml: check 2: no check is called `acuracy` \(did you mean `acc"
    ):
        plan(specs, origin="assignment.toml")


def test_a_misspelt_parameter_is_refused_with_the_nearest_key() -> None:
    with pytest.raises(RubricError, match=r"check 1 \(`executes`\): key `after_trainig` .* `after_training`"):
        planned("executes", {"after_trainig": 0.5})


def test_a_check_takes_its_name_and_title_from_the_function() -> None:
    @check(parameters=NoParameters, rests_on="claims", needs=("trained",))
    def my_check(case: Case, parameters: NoParameters) -> None:
        """The title.

        More words.
        """

    assert (my_check.name, my_check.title, my_check.needs) == ("my_check", "The title", ("trained",))


@check(parameters=NoParameters, rests_on="facts")
def accuracy(case: Case, parameters: NoParameters) -> None:
    """An impostor."""


not_a_check = 3


def test_third_parties_add_checks_but_can_not_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint(name, f"{__name__}:accuracy", "grader.checks") for name in ("accuracy", "extra")]
    monkeypatch.setattr(registry, "third_parties", lambda: tuple(entries))
    found = all_checks()
    assert found["extra"] is accuracy
    assert found["accuracy"] is BUILT_IN["accuracy"]


def test_an_entry_point_that_is_no_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint("extra", f"{__name__}:not_a_check", "grader.checks")]
    monkeypatch.setattr(registry, "third_parties", lambda: tuple(entries))
    with pytest.raises(RubricError, match="'extra' is not a check"):
        all_checks()


def test_a_case_without_a_model_says_so_as_a_finding() -> None:
    with pytest.raises(Failure, match="none was left"):
        _ = case(judgement=Judgement(outcome="no-model", reason="none was left")).architecture


OWN = '''
from pydantic import Field
from grader.checks import Case, Failure, Parameters, Score, check


class Words(Parameters):
    """`most`: how many layers there may be."""

    most: int = Field(ge=1)


@check(parameters=Words, rests_on="facts", needs=("model_found",))
def few_layers(case, given):
    """Few layers are enough. `most`: how many there may be."""
    count = len(case.architecture.layers)
    if count > given.most:
        raise Failure(f"{count} layers, more than {given.most}", "Take one away.")


@check(parameters=Words, rests_on="facts", needs=("few_layers",))
def half(case, given):
    """Half the points whatever it is. `most`: not looked at."""
    return Score(0.5, "half")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checks.py").write_text(OWN, encoding="utf-8")
    return tmp_path


def own_plan(folder: Path, *specs: CheckSpec) -> tuple[Planned, ...]:
    return plan(specs, origin="assignment.toml", own=own_checks(specs, folder))


def spec(use: str, most: int = 30) -> CheckSpec:
    return CheckSpec.model_validate({"use": use, "points": 10, "most": most})


def test_a_check_of_the_course_lies_beside_the_rubric_and_works_like_any_other(folder: Path) -> None:
    rubric = own_plan(folder, spec("checks:few_layers"), spec("checks:half"))
    found = run_checks(rubric, case())
    assert [(item.name, item.outcome, item.points) for item in found] == [
        ("checks:few_layers", Outcome.PASSED, 10.0), ("checks:half", Outcome.PARTIAL, 5.0),
    ]  # fmt: skip
    found = run_checks(own_plan(folder, spec("checks:few_layers", 1), spec("checks:half")), case())
    assert [item.outcome for item in found] == [Outcome.FAILED, Outcome.SKIPPED]
    assert found[0].reason.endswith("layers, more than 1") and "`checks:few_layers` failed" in found[1].reason


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        (("checks:few_layer",), r"no check is called `checks:few_layer` \(did you mean `checks:few_layers`"),
        (("check:few_layers",), r"check\.py: can't be read"),
        (("../checks:few_layers",), r"named `file:function`"),
        (("checks:half",), r"needs the check `checks:few_layers`, which the rubric does not have"),
    ],
)
def test_a_check_of_the_course_that_can_not_be_had_is_refused_in_words(
    folder: Path, uses: tuple[str, ...], said: str
) -> None:
    with pytest.raises(RubricError, match=said):
        own_plan(folder, *(spec(use) for use in uses))


def test_a_file_of_checks_that_fails_is_named_with_its_error(folder: Path) -> None:
    (folder / "checks.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(RubricError, match=r"checks\.py: fails with ZeroDivisionError"):
        own_plan(folder, spec("checks:few_layers"))
