"""The lot: it can be repeated, hangs on everything that was handed in, and names as many as it is told to."""

import hashlib
import math
from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grader.core.assignment import AuditPolicy
from grader.core.metrics import chance_of_catching, more_than_chance
from grader.marking.handed_in import Lot, draw, draw_again

SECRET = b"s" * 32
names = st.dictionaries(
    st.text(min_size=1, max_size=8), st.text("0123456789abcdef", min_size=4, max_size=4), max_size=30
)


def digests(count: int, start: int = 0) -> dict[str, str]:
    return {f"s{n}": hashlib.sha256(str(n).encode()).hexdigest() for n in range(start, start + count)}


@given(names, st.floats(0, 1), st.integers(0, 5), st.binary(min_size=1, max_size=8))
def test_a_draw_names_its_share_of_the_class_and_is_the_same_again(
    submissions: dict[str, str], share: float, least: int, secret: bytes
) -> None:
    drawn = draw(submissions, share=share, least=least, secret=secret)
    again = draw(dict(reversed(submissions.items())), share=share, least=least, secret=secret)
    assert drawn == again
    assert set(drawn) <= set(submissions)
    assert len(drawn) == min(len(submissions), max(least, math.ceil(round(share * len(submissions), 9))))


def test_who_is_drawn_hangs_on_the_secret_and_on_every_submission() -> None:
    class_ = digests(40)
    first = draw(class_, share=0.2, least=0, secret=SECRET)
    assert draw(class_, share=0.2, least=0, secret=b"t" * 32) != first
    assert draw({**class_, "s39": "0" * 64}, share=0.2, least=0, secret=SECRET) != first


def test_everybody_is_drawn_as_often_as_anybody() -> None:
    often = Counter(
        name for n in range(2000) for name in draw(digests(10), share=0.2, least=0, secret=n.to_bytes(4, "big"))
    )
    assert all(abs(often[name] - 400) < 100 for name in digests(10))


def test_who_comes_later_is_drawn_in_a_round_of_their_own_and_who_was_drawn_stays_so() -> None:
    policy = AuditPolicy(share=0.1, least=2)
    first = draw_again(Lot(secret="x"), digests(20), policy, SECRET)
    assert len(first.rounds[0].drawn) == 2
    assert draw_again(first, digests(20), policy, SECRET) == first
    later = draw_again(first, digests(30), policy, SECRET)
    assert later.rounds[0] == first.rounds[0]
    assert set(later.rounds[1].submissions) == {f"s{n}" for n in range(20, 30)}
    assert len(later.rounds[1].drawn) == 1
    assert all(later.is_drawn(name, digests(30)[name]) for one in later.rounds for name in one.drawn)
    again = {**digests(30), first.rounds[0].drawn[0]: "0" * 64}
    assert not later.is_drawn(first.rounds[0].drawn[0], "0" * 64), "another hand-in is another ticket"
    assert len(draw_again(later, again, policy, SECRET).rounds[2].drawn) == 1


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 12))
def test_the_chance_of_catching_one_is_what_counting_all_draws_says(of: int, cheats: int, audited: int) -> None:
    cheats, audited = min(cheats, of), min(audited, of)
    draws = list(combinations(range(of), audited))
    caught = sum(any(place < cheats for place in drawn) for drawn in draws)
    assert abs(chance_of_catching(cheats, of=of, audited=audited) - caught / len(draws)) < 1e-12


def test_a_simulated_lot_catches_as_often_as_the_sum_says() -> None:
    generator = np.random.default_rng(1)
    caught = 0
    for _ in range(2000):
        drawn = draw(digests(40), share=0.1, least=0, secret=generator.bytes(16))
        caught += any(name in ("s0", "s1", "s2", "s3", "s4") for name in drawn)
    assert abs(caught / 2000 - chance_of_catching(5, of=40, audited=4)) < 0.04


def test_one_failure_of_a_few_audits_is_more_than_chance_and_one_of_many_is_not() -> None:
    assert not more_than_chance(0, 4)
    assert more_than_chance(2, 4)
    assert more_than_chance(1, 1)
    assert not more_than_chance(1, 10)
