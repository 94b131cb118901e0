"""Decoys show what an attack reached, and nothing that another run's attacks reached."""

from threading import Thread

import pytest

from grader.attacks import decoys
from grader.attacks.corpus import Seen, choose, load_corpus
from grader.attacks.decoys import place_decoys
from grader.attacks.try_attacks import run_controls
from grader.core.errors import Infrastructure


def test_the_control_of_another_run_waits_and_reaches_no_decoy_but_its_own() -> None:
    controls: dict[str, Seen] = {}
    chosen = choose(load_corpus(), ("signal-all",))
    other = Thread(target=lambda: controls.update(run_controls(chosen, processes=True)))
    with place_decoys(processes=True) as mine:
        other.start()
        other.join(timeout=8)
        assert other.is_alive(), "without its turn it would have ended"
        assert mine.look() == {}
    other.join(timeout=2 * decoys.TURN_S)  # other tests of attacks may have their turn first
    assert controls["signal-all"].host == ("the host's process got the signal",)


def test_a_run_that_gets_no_turn_says_why() -> None:
    with decoys._turn(), pytest.raises(Infrastructure, match=r"Another run tries attacks .* in 0.2 s") as caught:
        decoys._turn(seconds=0.2).__enter__()
    assert "Wait" in caught.value.remedy
    with decoys._turn(seconds=0.2):
        pass
