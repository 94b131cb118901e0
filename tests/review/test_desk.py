"""A desk over a real class answers who was let in: its class page shows everybody, its log what was decided."""

from tests.review.desks import SOME, RunningDesk


def test_the_class_page_shows_every_submission_and_each_member_of_a_group(a_desk: RunningDesk) -> None:
    page = a_desk.get("/")
    assert page.status == 200
    for entrant in SOME:
        assert f"/submission/{a_desk.key(entrant.name)}" in page.text
        assert all(name in page.text for name in entrant.members or (entrant.name,))
