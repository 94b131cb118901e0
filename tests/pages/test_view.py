"""What a report says, before anything is drawn: words, order, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Cause, Ending, Evaluation, Layer
from grader.core.limits import Limits
from grader.core.results import Flag, ModelSummary, Outcome, Status
from grader.core.text import percent
from grader.pages.accuracy import accuracy_view, confusion_view
from grader.pages.class_page import class_view, safe_href
from grader.pages.headline import write_headline
from grader.pages.network import model_view, settings
from grader.pages.plots import number_line
from grader.pages.view import strip, student_view
from grader.pages.wording import (
    BASIS,
    CAUSES,
    ISOLATION,
    MARKS,
    OUTCOMES,
    SERVE,
    STATUSES,
    TONES,
    accuracy_percent,
    accuracy_sentence,
    reference_sentence,
    reference_words,
)
from grader.selfcheck.text import accuracy_words
from tests.pages.builders import a_check, a_fit, a_result, a_spread, an_accuracy, some_evidence
from tests.pages.classes import a_class


def test_every_outcome_status_cause_and_isolation_has_words() -> None:
    assert set(MARKS) == set(OUTCOMES) == set(TONES) == set(Outcome)
    assert set(STATUSES) == set(Status)
    assert set(CAUSES) == set(Cause)
    assert set(ISOLATION) == {"bubblewrap", "podman", "docker", "none"}
    assert set(SERVE) == {"sealed", "open"}
    assert set(BASIS) == {"facts", "claims", "person"}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("passed", [True, False])
def test_every_status_gets_a_verdict_in_plain_words(status: Status, passed: bool) -> None:
    found = write_headline(a_result(status=status, passed=passed))
    assert found.headline and found.sentence.endswith(".")
    assert "_" not in found.headline


def test_a_submission_that_we_broke_shows_no_mark() -> None:
    seen = student_view(a_result(status=Status.BROKEN, passed=False), None)
    assert seen.points == "–"
    assert "not yours" in seen.verdict.sentence


def test_the_next_step_is_the_hint_with_most_points_in_it() -> None:
    small = a_check(Outcome.PARTIAL, hint="small")
    large = a_check(Outcome.FAILED, out_of=40.0, hint="large")
    silent = a_check(Outcome.FAILED, out_of=90.0)
    advice = a_check(Outcome.FAILED, out_of=0.0, hint="advice")
    step = student_view(a_result((small, large, silent, advice)), None).next_step
    assert step is not None and step.hint == "large" and step.number == 2


def test_there_is_no_next_step_while_a_person_has_yet_to_look() -> None:
    failed = a_check(Outcome.FAILED, points=0, hint="Add Dropout.")
    doubted = a_result((a_check(), failed), status=Status.NEEDS_REVIEW)
    assert student_view(a_result((a_check(), failed)), None).next_step is not None
    assert student_view(doubted, None).provisional
    assert student_view(doubted, None).next_step is None


def test_a_perfect_result_has_no_next_step() -> None:
    assert student_view(a_result((a_check(),)), None).next_step is None


def test_the_strip_of_points_adds_up_to_all_of_them() -> None:
    segments = strip(a_result().checks)
    assert sum(part.share for part in segments) == pytest.approx(1.0)
    assert [part.earned for part in segments] == sorted((part.earned for part in segments), reverse=True)
    assert strip((a_check(out_of=0.0, points=0.0),)) == ()


def test_advice_that_was_not_taken_is_calm_and_never_called_failed() -> None:
    for outcome in (Outcome.FAILED, Outcome.PARTIAL):
        (row,) = student_view(a_result((a_check(outcome, out_of=0.0, points=0.0, hint="Try it."),)), None).checks
        assert (row.tone, row.outcome, row.mark, row.hint) == ("calm", "advice", "→", "Try it.")
    (row,) = student_view(a_result((a_check(out_of=0.0, points=0.0),)), None).checks
    assert (row.tone, row.outcome) == ("good", "passed")


def test_only_what_was_looked_at_is_called_measured() -> None:
    checks = [a_check(outcome, name=outcome.value) for outcome in Outcome]
    seen = student_view(a_result((*checks, a_check(rests_on="claims"))), None)
    told = {check.outcome: check.basis for check in seen.checks[:-1]}
    assert told["not looked at"] == told["our fault"] == "" and told["passed"] == told["failed"] == "measured"
    assert [(word, kind) for word, kind, _ in seen.bases] == [("measured", "measured"), ("reported", "told")]


def test_a_doubted_accuracy_is_provisional_and_gets_no_verdict() -> None:
    far = an_accuracy(8_000, verdict="fail")
    seen = student_view(a_result(accuracy=far, status=Status.NEEDS_REVIEW, passed=False), None).accuracy
    assert seen is not None and (seen.badge, seen.tone, seen.sentence) == ("provisional", "warn", "")
    training = student_view(a_result(accuracy=far, status=Status.NEEDS_REVIEW, passed=False), some_evidence()).training
    assert (
        training is not None and "learnt by heart" not in training.overfitting and "stays below" not in seen.reference
    )
    settled = student_view(a_result(accuracy=far, passed=False), some_evidence())
    assert settled.training is not None and "learnt by heart" in settled.training.overfitting
    assert settled.accuracy is not None and "stays below" in settled.accuracy.reference
    close = a_result(accuracy=an_accuracy(9_690, verdict="borderline"), status=Status.NEEDS_REVIEW, passed=False)
    shown = student_view(close, None).accuracy
    assert shown is not None and shown.badge == "borderline" and shown.sentence


def test_advice_shows_no_points() -> None:
    seen = student_view(a_result((a_check(out_of=0.0, points=0.0),)), None)
    assert seen.checks[0].points == "no points"


def test_a_check_says_what_it_rests_on() -> None:
    seen = student_view(a_result((a_check(), a_check(rests_on="claims"))), None)
    assert [check.basis for check in seen.checks] == ["measured", "reported"]


def test_an_accuracy_is_never_rounded_up_to_a_threshold_that_it_misses() -> None:
    assert accuracy_percent(an_accuracy(9_699, 9_999)) == "96.99\u00a0%"
    assert accuracy_percent(an_accuracy(9_700, 10_000)) == "97.00\u00a0%"
    assert accuracy_percent(an_accuracy(794, 1_000)) == "79.4\u00a0%"


@given(st.integers(1, 60_000), st.data())
def test_a_shown_accuracy_lies_below_the_true_one_by_less_than_its_last_digit(judged: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, judged))
    shown = float(accuracy_percent(an_accuracy(correct, judged)).removesuffix("\u00a0%"))
    assert -1e-9 <= 100 * correct / judged - shown < 0.1 + 1e-9


def test_the_reference_is_told_with_its_spread_and_where_the_student_stands_beside_it() -> None:
    assert reference_words(a_spread(), 10_000) == "98.61\u00a0% ± 0.05 (5 seeds)"
    said = reference_sentence(a_spread(), an_accuracy(9_842))
    assert said == (
        "The course's reference solution reaches 98.61\u00a0% on the same images (5 runs, 98.55 to 98.68\u00a0%, "
        "standard deviation 0.05). Your network stays below all of them."
    )
    assert reference_sentence(a_spread(), an_accuracy(9_860)).endswith("Your network is among them.")
    assert reference_sentence(a_spread(), an_accuracy(9_900)).endswith("Your network is above all of them.")


def test_a_single_run_of_the_reference_has_no_deviation() -> None:
    one = a_spread(seeds=1, mean=0.986, lowest=0.986, highest=0.986, standard_deviation=None, interval=None)
    assert reference_words(one, 10_000) == "98.60\u00a0% (1 seed)"
    said = "The course's reference solution reaches 98.60\u00a0% on the same images (1 run)."
    assert reference_sentence(one, an_accuracy(9_860)) == said
    assert reference_sentence(one, an_accuracy(9_842)) == f"{said} Your network stays below it."


def test_a_deviation_is_told_with_the_digits_of_the_accuracy_unless_it_would_look_like_none() -> None:
    pets = a_spread(mean=0.7931, standard_deviation=0.0123, lowest=0.78, highest=0.81)
    assert reference_words(pets, 1_000) == "79.3\u00a0% ± 1.2 (5 seeds)"
    assert "± 0.02 (" in reference_words(a_spread(standard_deviation=0.0002), 1_000)
    assert "± 0.00 (" in reference_words(a_spread(standard_deviation=0.0), 10_000)


def test_the_line_is_drawn_with_the_reference_where_there_is_one() -> None:
    accuracy = student_view(a_result(), None).accuracy
    assert accuracy is not None and accuracy.line.reference is not None
    assert accuracy.line.reference.label == "reference: 98.61\u00a0% ± 0.05 (5 seeds)"
    without = student_view(a_result(baseline=None), None).accuracy
    assert without is not None and without.line.reference is None and without.reference == ""


def test_a_class_shows_the_reference_that_all_of_it_is_measured_by() -> None:
    figures = dict(class_view([a_result(), a_result()], title="", links={}).figures)
    assert figures["reference"] == "98.61\u00a0% ± 0.05 (5 seeds)"
    mixed = [a_result(), a_result(baseline=a_spread(mean=0.9862))]
    assert "reference" not in dict(class_view(mixed, title="", links={}).figures)
    assert "reference" not in dict(class_view([a_result(baseline=None)], title="", links={}).figures)


def test_the_interval_decides_how_an_accuracy_is_spoken_of() -> None:
    def said(correct: int, threshold: float | None) -> str:
        return accuracy_sentence(an_accuracy(correct, threshold=threshold))

    assert said(9_842, None) == ""
    assert said(9_842, 0.97).startswith("Clearly enough")
    assert said(9_702, 0.97).startswith("Enough, but close")
    assert said(9_698, 0.97).startswith("Just short")
    assert said(9_500, 0.97).startswith("Not yet enough")


def test_an_accuracy_on_a_line_is_told_where_points_begin_and_where_there_are_all_of_them() -> None:
    line = an_accuracy(9_842, threshold=0.97).model_copy(update={"full": 0.99})
    assert accuracy_sentence(line) == (
        "Points begin at 97\u00a0% and rise with the accuracy: from 99\u00a0% on there are all of them."
    )
    seen = accuracy_view(a_result(accuracy=line))
    assert seen is not None and "all points from 99\u00a0%" in number_line(seen.line)
    begins = an_accuracy(9_700, threshold=0.97).model_copy(update={"full": 0.99})
    assert accuracy_sentence(begins).startswith("Just short: points begin above 97"), "where it begins there is nothing"
    assert accuracy_words(begins, "MNIST").endswith("on MNIST; points begin at 97 %, all of them from 99 % on)")
    granted = begins.model_copy(update={"granted": True})
    assert accuracy_sentence(granted).startswith("Points begin at 97")
    short = an_accuracy(9_698, threshold=0.97).model_copy(update={"full": 0.99})
    assert accuracy_sentence(short).startswith("Just short: 97")


def test_substitute_data_are_a_warning_of_their_own_and_no_mere_notice() -> None:
    flags = (Flag(kind="substitute_data", reason="Demo digits."), Flag(kind="odd_thing", reason="Look."))
    seen = student_view(a_result(flags=flags), None)
    assert "not the real test set" in seen.warning and "Demo digits." in seen.warning
    assert [title for title, _ in seen.notices] == ["odd thing"]


def test_a_run_without_a_sandbox_is_said_at_the_top() -> None:
    assert student_view(a_result(isolation="none"), None).unsandboxed
    assert not student_view(a_result(), None).unsandboxed


def test_sealed_data_are_explained_only_where_a_notebook_ran() -> None:
    assert "stand-ins" in student_view(a_result(), some_evidence()).serve_note
    assert student_view(a_result(serve="open"), some_evidence()).serve_note == ""
    assert student_view(a_result(), None).serve_note == ""


def test_a_submission_without_evidence_still_has_a_page_of_its_own() -> None:
    result = a_result(
        status=Status.EXPLAINED,
        accuracy=None,
        model=ModelSummary(),
        ending=Ending(cause=Cause.NOT_RUN, message="The file is empty."),
    )
    seen = student_view(result, None)
    assert (seen.notebook, seen.training, seen.confusion, seen.accuracy) == (None, None, None, None)
    assert seen.model.chosen is None and seen.why_no_accuracy


def test_limits_stand_beside_what_was_used() -> None:
    facts = dict(student_view(a_result(), None, limits=Limits()).run)
    assert facts["time"] == "1 min 35 s of 30 min"
    assert facts["peak memory"] == "1.29 GiB of 4 GiB"


def test_classes_are_named_where_names_fit_and_numbered_otherwise() -> None:
    accuracy = an_accuracy(confusion=((402, 98), (108, 392)))
    named = confusion_view(accuracy, ("cat", "dog"))
    assert named is not None and named.classes == ("cat", "dog")
    assert named.worst[0] == "108 images of “dog” taken for “cat”"
    numbered = confusion_view(accuracy, ("only one",))
    assert numbered is not None and numbered.classes == ("0", "1")
    assert confusion_view(an_accuracy(confusion=()), ()) is None


def test_a_single_mix_up_is_still_shaded() -> None:
    seen = confusion_view(an_accuracy(confusion=((9_999, 1), (0, 10_000))), ())
    assert seen is not None
    assert [shade for _, shade in seen.rows[0][1]] == [9, 1]
    assert seen.rows[1][1][0] == (0, 0)


def test_a_layer_is_known_by_what_sets_it_apart() -> None:
    convolution = {"filters": 32, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "activation": "relu"}
    assert settings(Layer(name="c", kind="Conv2D", config=convolution)) == (
        "filters 32, kernel 3 × 3, padding same, activation relu"
    )
    pool = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
    assert settings(Layer(name="p", kind="MaxPooling2D", config=pool)) == "pool 2 × 2"
    assert settings(Layer(name="b", kind="BatchNormalization", config={"scale": True})) == ""
    assert settings(Layer(name="r", kind="Rescaling", config={"scale": 0.5})) == "scale 0.5"
    odd = {"units": {"deep": []}, "activation": {"class_name": "Own"}, "rate": 0.25}
    assert settings(Layer(name="d", kind="Dense", config=odd)) == "units an own one, activation Own, rate 0.25"


def test_the_curves_are_of_the_graded_network_if_it_has_a_history() -> None:
    fits = (a_fit(model="model"), a_fit(model="other", history={"loss": (9.0,)}))
    base = some_evidence()
    evidence = base.model_copy(update={"claims": base.claims.model_copy(update={"fits": fits})})
    training = student_view(a_result(), evidence).training
    assert training is not None and "`model`" in training.caption
    assert [chart.title for chart in training.charts] == ["Accuracy", "Loss"]


def test_every_network_is_told_with_the_accuracy_that_the_notebook_itself_got_for_it() -> None:
    old = a_fit(model="old_model", history={"val_accuracy": (0.5, 0.913, None), "accuracy": (0.6, 0.7, 0.8)})
    asked = Evaluation(cell=5, model="model", identity=1, accuracy=0.972)
    base = some_evidence().claims
    claims = base.model_copy(update={"fits": (old, *base.fits), "evaluations": (asked,)})
    told = {item.name: item.about for item in model_view(a_result(), some_evidence(claims=claims)).candidates}
    assert told["model"] == f"trained, 10 outputs, {percent(0.972, 1)} according to the notebook"
    assert told["old_model"] == "trained, 10 outputs"  # its last training left no history
    claims = claims.model_copy(update={"fits": (*base.fits[1:], old)})
    told = {item.name: item.about for item in model_view(a_result(), some_evidence(claims=claims)).candidates}
    assert told["old_model"] == f"trained, 10 outputs, {percent(0.913, 1)} according to the notebook"


def test_a_class_is_sorted_counted_and_spread() -> None:
    results = a_class(120)
    seen = class_view(results, title="All", links={result.student: "r/report.html" for result in results})
    names = [row.student for row in seen.rows]
    assert names == sorted(names, key=str.casefold)
    assert sum(number for _, number, _, _ in seen.tally) == 120
    assert sum(seen.bins) == sum(result.status is not Status.BROKEN for result in results)
    assert seen.pass_share == pytest.approx(0.6)


def test_full_points_fall_into_the_last_bin_and_none_into_the_first() -> None:
    full, none = a_result((a_check(),)), a_result((a_check(Outcome.FAILED),))
    assert class_view([full, none], title="", links={}).bins == (1, 0, 0, 0, 0, 0, 0, 0, 0, 1)


def test_the_check_that_fails_most_comes_first_and_skipped_ones_do_not_count() -> None:
    often, seldom = a_check(Outcome.FAILED, name="a", title="often"), a_check(Outcome.PARTIAL, name="b", title="seldom")
    skipped = a_check(Outcome.SKIPPED, name="c", title="never")
    seen = class_view([a_result((seldom, often, skipped)), a_result((often,))], title="", links={})
    assert [(check.title, check.failed, check.partly) for check in seen.failed_checks] == [
        ("often", 2, 0),
        ("seldom", 0, 1),
    ]


def test_advice_that_nobody_took_is_no_trouble() -> None:
    advice = a_check(Outcome.FAILED, name="d", title="advice", points=0.0, out_of=0.0)
    assert class_view([a_result((advice,))], title="", links={}).failed_checks == ()


def test_a_student_without_a_report_has_a_reason() -> None:
    ending = Ending(cause=Cause.NOT_RUN, message="The zip file is damaged.")
    row = class_view([a_result(ending=ending)], title="", links={}).rows[0]
    assert row.href is None and row.why_no_report == "no report: The zip file is damaged."


def test_a_class_of_nobody_is_no_error() -> None:
    seen = class_view([], title="Empty", links={})
    assert seen.rows == () and seen.failed_checks == () and seen.strip == ()


def test_a_class_with_substitute_data_or_without_sandbox_says_so_with_how_many() -> None:
    flag = Flag(kind="substitute_data", reason="Demo digits.")
    seen = class_view([a_result(flags=(flag,), isolation="none"), a_result()], title="", links={})
    assert "not the real test set" in seen.warning and "1 of 2 students" in seen.warning
    assert seen.unsandboxed == "1 submission of 2 ran without a sandbox."


@pytest.mark.parametrize(
    ("address", "href"),
    [
        ("ada/report.html", "ada/report.html"),
        ("ada b#1?/report.html", "ada%20b%231%3F/report.html"),
        ("ada%20b/report.html", "ada%20b/report.html"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("//evil.example/x", None),
        ("\\\\evil.example", None),
        ("", None),
        (None, None),
    ],
)
def test_links_are_relative_and_have_no_scheme(address: str | None, href: str | None) -> None:
    assert safe_href(address) == href
