"""Addresses of the desk, and what each of them answers. The pages themselves are made in the files beside this one."""

from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from grader.core.errors import UsageError
from grader.exports.csv_files import write_grades
from grader.exports.what_may_leave import MARK
from grader.review.access import Access, Guard
from grader.review.class_page import class_page
from grader.review.comments import add_comment, change_comment, comments_page, preview_change, undoing
from grader.review.decisions import decide, decide_check, reveal, undo
from grader.review.decisions_page import log_page
from grader.review.desk import Desk, Gone
from grader.review.one_check import (
    across_page,
    check_address,
    checks_page,
    find_check,
    kept_reason,
    next_address,
    usual_seed,
)
from grader.review.similar_code_page import compare_now, pair_page, pairs_page, take_verdict
from grader.review.submission import after_decision, submission_page
from grader.review.web import Visit, address, answering, explain
from grader.review.what_if_page import WhatIf


def show_class(visit: Visit) -> Response:
    """The class' table and queues."""
    state = visit.desk.state()
    page = class_page(state, visit.query, visit.names)
    return visit.page("class.html.j2", {"page": page, "otherwise": state.otherwise})


def show_log(visit: Visit) -> Response:
    """Every decision, the newest first."""
    return visit.page("log.html.j2", {"page": log_page(visit.desk.state(), visit.query, visit.names)})


def show_checks(visit: Visit) -> Response:
    """The list of checks; or one part of every notebook, without a check."""
    if {"shows", "cell", "figure"} & set(visit.query):
        page = across_page(visit.desk, None, visit.query, visit.names)
        return visit.page("one_check.html.j2", {"page": page})
    return visit.page("checks.html.j2", {"page": checks_page(visit.desk)})


def show_check(visit: Visit) -> Response:
    """Everybody's answer to one check, in the order of the seed in the address."""
    check = find_check(visit.desk, visit.part("label"))
    if not visit.query.get("seed"):
        seed = usual_seed(visit.desk, check.label)
        return RedirectResponse(check_address(check.label, {**visit.query, "seed": seed}), 303)
    return visit.page("one_check.html.j2", {"page": across_page(visit.desk, check, visit.query, visit.names)})


def take_check(visit: Visit) -> Response:
    """A person's points for one answer; then the next one, or for the desk's script that answer as it is now."""
    check = find_check(visit.desk, visit.part("label"))
    kept = {**dict(parse_qsl(visit.form.text("back"))), "reason": kept_reason(visit.form)}
    row = decide_check(visit.desk, check, visit.form)
    if visit.fragment:
        page = across_page(visit.desk, check, kept, visit.names, only=visit.desk.row(row.key))
        return visit.page("one_check_part.html.j2", {"page": page})
    return RedirectResponse(next_address(visit.desk, check, row, kept), 303)


def show_submission(visit: Visit) -> Response:
    """One submission: its notebook, its checks, what is decided of it."""
    row = visit.desk.row(visit.part("key"))
    page = submission_page(visit.desk, row, visit.query, visit.names)
    return visit.page("submission.html.j2", {"page": page})


def take_decision(visit: Visit) -> Response:
    """A decision on one submission; then the same screen and place, or the next submission."""
    row = visit.desk.row(visit.part("key"))
    place, go_on = decide(visit.desk, row, visit.form), bool(visit.form.text("go_on"))
    row = visit.desk.row(row.key)
    return RedirectResponse(
        after_decision(visit.desk, row, visit.form.text("back"), place, visit.names, go_on=go_on), 303
    )


def take_undo(visit: Visit) -> Response:
    """Another entry with what stood before; then the page that asked: the submission's, or the log.

    Of a saved comment, which many may have, it is shown first who moves.
    """
    changed = undoing(visit.desk, visit.form, visit.names)
    if changed is not None:
        page = preview_change(visit.desk, changed, visit.names)
        return visit.page("comment_preview.html.j2", {"page": page})
    undo(visit.desk, visit.form)
    row = visit.desk.state().by_key.get(visit.form.text("row"))
    if row is None:
        return RedirectResponse("/log", 303)
    return RedirectResponse(
        after_decision(visit.desk, row, visit.form.text("back"), "history", visit.names, go_on=False), 303
    )


def show_comments(visit: Visit) -> Response:
    """The comment bank."""
    return visit.page("comments.html.j2", {"page": comments_page(visit.desk.state(), visit.query, visit.names)})


def take_new_comment(visit: Visit) -> Response:
    """A comment that is to be kept."""
    return RedirectResponse(address("/comments", anchor=f"comment-{add_comment(visit.desk, visit.form)}"), 303)


def show_comment_preview(visit: Visit) -> Response:
    """Who moves if a saved comment is changed so, or deleted."""
    page = preview_change(visit.desk, visit.form, visit.names)
    return visit.page("comment_preview.html.j2", {"page": page})


def take_comment(visit: Visit) -> Response:
    """A saved comment as it is to be from now on, wherever it was used."""
    return RedirectResponse(address("/comments", anchor=f"comment-{change_comment(visit.desk, visit.form)}"), 303)


def publish(visit: Visit) -> Response:
    """Write the students' pages and the lists again."""
    changed = len(visit.desk.state().unpublished)
    troubles = visit.desk.publish()
    values = {"changed": changed, "troubles": troubles, "folder": str(visit.desk.options.out)}
    return visit.page("published.html.j2", values)


def download_grades(visit: Visit) -> Response:
    """Everybody's grade as a CSV file. Raises UsageError while names are hidden."""
    if visit.names.hidden:
        raise UsageError("The list of grades holds names, and names are hidden.", "Reveal them first.")
    desk = visit.desk
    text = MARK + write_grades(desk.book.grades(desk.assignment))
    name = f"attachment; filename*=UTF-8''{quote(desk.assignment, safe='')}-grades.csv"
    return Response(text, media_type="text/csv", headers={"content-disposition": name})


def show_pairs(visit: Visit) -> Response:
    """The pairs with similar code."""
    return visit.page("pairs.html.j2", {"page": pairs_page(visit.desk.state(), visit.names)})


def show_pair(visit: Visit) -> Response:
    """One pair side by side."""
    page = pair_page(visit.desk, visit.part("first"), visit.part("second"), visit.names)
    return visit.page("pair.html.j2", {"page": page})


def take_pair(visit: Visit) -> Response:
    """A person's verdict on a pair."""
    return RedirectResponse(take_verdict(visit.desk, visit.part("first"), visit.part("second"), visit.form), 303)


def compare_class(visit: Visit) -> Response:
    """Compare the class now."""
    compare_now(visit.desk)
    return RedirectResponse("/pairs", 303)


def take_reveal(visit: Visit) -> Response:
    """Names are shown to who asks, of one submission or of all, and the log says so."""
    return RedirectResponse(reveal(visit.desk, visit.form), 303)


def show_keys(visit: Visit) -> Response:
    """The keys that work on the desk's pages."""
    return visit.page("keys.html.j2", {})


def make_application(desk: Desk, access: Access) -> ASGIApp:
    """The desk as a web application: nothing is answered that `access` does not let through."""
    one_check, one_pair = "/check/{label:path}", "/pairs/{first}/{second}"
    what_if = WhatIf(desk)
    gets = {
        "/": show_class,
        "/log": show_log,
        "/grades.csv": download_grades,
        "/keys": show_keys,
        "/check": show_checks,
        one_check: show_check,
        "/submission/{key}": show_submission,
        "/comments": show_comments,
        "/what-if": what_if.show,
        "/pairs": show_pairs,
        one_pair: show_pair,
    }
    posts = {
        "/publish": publish,
        one_check: take_check,
        "/submission/{key}/decide": take_decision,
        "/undo": take_undo,
        "/comments/add": take_new_comment,
        "/comments/preview": show_comment_preview,
        "/comments/change": take_comment,
        "/what-if": what_if.preview,
        "/what-if/apply": what_if.apply,
        "/what-if/mark-again": what_if.mark_again,
        "/pairs/compare": compare_class,
        "/reveal": take_reveal,
        one_pair: take_pair,
    }
    routes = [Route(path, answering(desk, access, page), methods=["GET"]) for path, page in gets.items()]
    routes += [Route(path, answering(desk, access, take), methods=["POST"]) for path, take in posts.items()]

    def missing(request: Request, error: Exception) -> Response:
        return explain(Visit(request, desk, access), Gone("There is no such page.", "Go back to the class."))

    return Guard(Starlette(routes=routes, exception_handlers={404: missing, 405: missing}), access)
