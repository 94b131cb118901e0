"""How a network comes about: a table of the policy, and what a run sees of the files."""

import pytest

from grader.core.limits import Train
from grader.core.notebook import Script
from grader.intake import Submission
from grader.intake.networks import NetworkFile
from grader.run.train_or_judge import Way, choose_way, to_judge, to_train, to_train_unseen

FILES = {"a.py": b"", "model.keras": b"PK"}
WHOLE = Submission(
    student="ada", script=Script("a.py", ("",)), files=FILES, sha256="0", networks={"model.keras": NetworkFile(data=b"PK")}
)  # fmt: skip


@pytest.mark.parametrize(
    ("train", "network", "code", "way"),
    [
        ("always", True, True, "trained"), ("always", False, True, "trained"), ("always", True, False, "trained"),
        ("handed-in", True, True, "handed-in"), ("handed-in", False, True, "trained"),
        ("handed-in", True, False, "handed-in"), ("never", True, True, "handed-in"), ("never", False, True, "handed-in"),
    ],
)  # fmt: skip
def test_the_policy_decides_with_what_there_is(train: Train, network: bool, code: bool, way: Way) -> None:
    assert choose_way(train, network=network, code=code) == way


def test_only_who_is_always_trained_sees_the_network_that_was_handed_in() -> None:
    assert dict(to_train(WHOLE).files) == FILES
    assert (to_train(WHOLE).way, to_train(WHOLE).unseen) == ("trained", False)
    for other in (to_train_unseen(WHOLE), to_judge(WHOLE), to_train_unseen(to_judge(WHOLE))):
        assert dict(other.files) == {"a.py": b""}
    assert to_train_unseen(WHOLE).unseen
    assert to_judge(WHOLE).way == "handed-in"
