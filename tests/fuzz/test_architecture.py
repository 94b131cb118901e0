"""What a judge says about a network, through every check of every rubric to the page: odd networks, or a judge gone over.

A check may break on what Keras never says (a convolution without filters): it then says so, and a person looks.
"""

import json
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.base import Case
from grader.checks.registry import plan
from grader.core.assignment import read_assignment
from grader.core.evidence import Architecture, Judgement
from grader.core.results import Comparison
from grader.course.course import Course
from grader.pages.html import student_page
from grader.sandbox.channel import is_bounded
from tests.checks import builders as built
from tests.fakes import a_preparation, a_result
from tests.fuzz.cases import cases, mutated

COURSE = Course.at()
TEMPLATES = COURSE.report_templates() / "templates"
PLANS = [
    plan(assignment.check, origin=assignment.id)
    for assignment in map(read_assignment, sorted(COURSE.root.glob("assignments/*/assignment.toml")))
    if assignment.dataset is not None
]
EARLIER = {
    "exercise1": Comparison(assignment="exercise1", source="the reference", accuracy=0.5, judged=10, judged_on="test")
}
LABELS = np.arange(10, dtype=np.int64)
SKIP: dict[str, Any] = {
    "name": "add", "kind": "Add", "config": {}, "input_shapes": [[8, 8, 4], [8, 8, 4]], "output_shape": [8, 8, 4],
    "inputs": ["conv2d", "conv2d_1"], "parameters": 0, "trainable": 0,
}  # fmt: skip
NETWORKS = [
    json.loads(network.model_dump_json())
    for network in (
        built.perceptron(), built.convolutional(), built.model(), built.model(built.layer("Conv2D"), built.layer("Dense")),
        built.model(*(built.layer(kind, config={"name": kind}) for kind in ("Rescaling", "Add", "Bidirectional", "LSTM"))),
    )
]  # fmt: skip
NETWORKS[1]["layers"].insert(3, SKIP)


@cases
@given(mutated(st.sampled_from(NETWORKS)), st.sampled_from(PLANS), st.integers(0, 9))
@example(NETWORKS[1], PLANS[0], 0)
def test_any_network_that_a_judge_describes_is_marked_and_shown(described: Any, planned: Any, page: int) -> None:
    if not is_bounded(described):
        return
    try:
        architecture = Architecture.model_validate(described)
    except ValidationError:
        return
    judgement = Judgement(outcome="judged", architecture=architecture, preparation=a_preparation(), judged=10)
    evidence = built.evidence(built.TRAINED, judgement)
    case = Case(
        evidence=evidence, outputs=built.answers(LABELS, 9), labels=LABELS, classes=built.DIGITS, compared=EARLIER
    )
    results = built.run_checks(planned, case)
    assert len(results) == len(planned)
    assert all(0 <= result.points <= result.out_of for result in results)
    if page == 0:
        student_page(a_result(checks=results), evidence, templates=TEMPLATES, classes=built.DIGITS).encode("utf-8")
