"""In which way the network of a submission comes about: trained here, or judged as it was handed in. Pure.

A trained run never sees the handed-in network where it is there to prove it (`to_train_unseen`): a notebook could load it.
"""

from dataclasses import replace
from typing import Literal

from grader.core.errors import SubmissionError
from grader.core.limits import Train
from grader.intake import Submission
from grader.run.context import RunContext

Way = Literal["trained", "handed-in"]


def train_or_judge(submission: Submission, context: RunContext) -> Submission:
    """The submission as the policy wants it: trained, or judged as it was handed in.

    Raises SubmissionError where one is to be trained that is nothing but a network.
    """
    network, code = bool(submission.networks), submission.without_code is None
    way = choose_way(context.rubric.assignment.run.train, network=network, code=code)
    if way == "handed-in" and context.images is not None:
        return to_judge(submission)
    if submission.without_code is not None:
        raise SubmissionError(*submission.without_code)
    return to_train(submission)


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
    """The submission to be trained without the networks that were handed in: to prove one, a notebook could load it."""
    files = {name: data for name, data in submission.files.items() if name not in submission.networks}
    return replace(submission, way="trained", files=files, unseen=len(files) < len(submission.files))


def to_judge(submission: Submission) -> Submission:
    """The submission whose handed-in network is judged."""
    return replace(to_train_unseen(submission), way="handed-in")
