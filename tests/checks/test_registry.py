import inspect
from importlib.metadata import EntryPoint

import pytest

from grader.assignment import CheckSpec
from grader.checks import registry
from grader.checks.registry import Check, NoParameters, all_checks, built_in, check, plan
from grader.errors import Failure, RubricError
from grader.evidence import Judgement
from tests.checks.builders import case, planned

BUILT_IN = built_in()


def test_the_built_in_checks_are_those_of_the_book() -> None:
    assert set(BUILT_IN) == {
        *("executes", "model_found", "trained", "suggested_epochs", "suggested_batch_size", "history_plotted"),
        *("input_shape", "output_units", "allowed_layers", "required_layers", "forbidden_layers", "units_decrease"),
        *("dropout_before_last_dense", "filters_increase", "kernel_size", "pooling_after_convolution", "inspired_by"),
        *("no_padding_or_stride", "accuracy", "better_than", "computes", "allowed_imports"),
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
    assert claimed == {"executes", "trained", "suggested_epochs", "suggested_batch_size", "history_plotted"}


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
    def my_check(case: registry.Case, parameters: NoParameters) -> None:
        """The title.

        More words.
        """

    assert (my_check.name, my_check.title, my_check.needs) == ("my_check", "The title", ("trained",))


@check(parameters=NoParameters, rests_on="facts")
def accuracy(case: registry.Case, parameters: NoParameters) -> None:
    """An impostor."""


not_a_check = 3


def test_third_parties_add_checks_but_can_not_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint(name, f"{__name__}:accuracy", "grader.checks") for name in ("accuracy", "extra")]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    found = all_checks()
    assert found["extra"] is accuracy
    assert found["accuracy"] is BUILT_IN["accuracy"]


def test_an_entry_point_that_is_no_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint("extra", f"{__name__}:not_a_check", "grader.checks")]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    with pytest.raises(RubricError, match="'extra' is no check"):
        all_checks()


def test_a_case_without_a_model_says_so_as_a_finding() -> None:
    with pytest.raises(Failure, match="none was left"):
        _ = case(judgement=Judgement(outcome="no-model", reason="none was left")).architecture
