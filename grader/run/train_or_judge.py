"""In which way the network of a submission comes about: trained here, or judged as it was handed in. Pure.

A trained run never sees the handed-in network where it is there to prove it (`to_train_unseen`): a notebook could load it.
"""

from dataclasses import replace
from typing import Literal

from grader.core.limits import Train
from grader.intake import Submission

Way = Literal["trained", "handed-in"]


def choose_way(train: Train, *, network: bool, code: bool) -> Way:
    """What is judged: by the rubric's `train`, and by what there is. Who handed in a network alone has nothing to train."""
    if train == "always":
        return "trained"
    if train == "never":
        return "handed-in"
    return "handed-in" if network or not code else "trained"


def to_train(submission: Submission) -> Submission:
    """The submission to be trained with all of its files."""
    return replace(submission, way="trained", unseen=False)


def to_train_unseen(submission: Submission) -> Submission:
    """The submission to be trained without the networks that were handed in."""
    return replace(submission, way="trained", files=without_networks(submission), unseen=_shows_networks(submission))


def to_judge(submission: Submission) -> Submission:
    """The submission whose handed-in network is judged."""
    return replace(submission, way="handed-in", files=without_networks(submission), unseen=_shows_networks(submission))


def without_networks(submission: Submission) -> dict[str, bytes]:
    """The files without handed-in networks."""
    return {name: data for name, data in submission.files.items() if name not in submission.networks}


def _shows_networks(submission: Submission) -> bool:
    return any(name in submission.networks for name in submission.files)
