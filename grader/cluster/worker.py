"""The other end of a batch that runs elsewhere: takes a submission as bytes, gives evidence or trouble back as bytes.

It opens course and data of its own, once for all orders that name the same setting, and compares them with what the batch
has: evidence that comes of other data or another version of a library would be kept under a wrong name.
"""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from grader.bench import Bench, Setup, open_bench
from grader.cluster.parcels import Order, Trouble, differences, pack_answer, pack_trouble, setting_of, unpack_order
from grader.course import Course
from grader.errors import GraderError, Infrastructure
from grader.grading import collect
from grader.progress import Progress, Silent

COURSE, DATA = "course", "data"  # what a batch hints at, and a worker may be told otherwise
SAME = "Give every machine the same grader, libraries, course and data."


@dataclass
class Workroom:
    """The benches of one worker, open as long as it lives.

    `where`: the worker's address; `places`: the folders of course and data that it was told of.
    """

    where: str
    places: Mapping[str, str]
    _benches: dict[str, Bench] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, parcel: bytes, progress: Progress) -> bytes:
        """Run the submission in `parcel`; never raises, so that nothing but bytes goes back."""
        try:
            order, submission = unpack_order(parcel)
            bench = self._bench(order)
            other = differences(setting_of(bench), order.setting)
        except GraderError as error:
            return self._trouble("unfit", error.message, error.remedy)
        except (ValueError, KeyError) as error:
            return self._trouble("unfit", f"it can't read what the batch sends ({error})", SAME)
        except Exception as error:
            return self._trouble("bug", f"{type(error).__name__}: {error}")
        if other:
            return self._trouble("unfit", f"it differs from the batch: {'; '.join(other)}", SAME)
        try:
            return pack_answer(*collect(submission, replace(bench, seed=order.seed), progress))
        except Infrastructure as error:
            return self._trouble("fault", error.message, error.remedy)
        except Exception as error:  # a bug of ours is a row of the batch, and must not look like a lost worker
            return self._trouble("bug", f"{type(error).__name__}: {error}")

    def _trouble(self, kind: Literal["unfit", "fault", "bug"], message: str, remedy: str = "") -> bytes:
        words = message.encode("utf-8", "replace").decode()
        return pack_trouble(Trouble(kind=kind, message=words, remedy=remedy, where=self.where))

    def close(self) -> None:
        """Throw the served data away."""
        self._open.close()

    def _bench(self, order: Order) -> Bench:
        """The bench for an order. Raises GraderError where this machine has no such data, sandbox or assignment."""
        wanted = f"{order.assignment} {order.isolation} {order.serve} {sorted(order.hints.items())}"
        with self._lock:
            if wanted not in self._benches:
                self._benches[wanted] = self._open.enter_context(self._opened(order))
            return self._benches[wanted]

    def _opened(self, order: Order) -> AbstractContextManager[Bench]:
        course = Course.at(self._place(COURSE, order))
        threads = course.assignment(order.assignment).run.threads
        setup = Setup(
            isolation=order.isolation, data=self._place(DATA, order), jobs=threads, serve=order.serve
        )  # a thread for each kernel: a worker has a core
        return open_bench(course, order.assignment, setup, Silent())

    def _place(self, name: str, order: Order) -> Path | None:
        """A folder that this worker was told of, else the batch's own where it is here too, else the usual places."""
        if self.places.get(name):
            return Path(self.places[name])
        hinted = Path(order.hints[name]) if name in order.hints else None
        return hinted if hinted is not None and hinted.is_dir() else None
