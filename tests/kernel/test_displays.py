"""What is displayed is kept up to date, in time that does not grow with how often that is done."""

import time

import nbformat
import pytest

from grader.kernel.socket_proxy import DISPLAYS, PLACES, HardenedNotebookClient

Client = tuple[HardenedNotebookClient, nbformat.NotebookNode]


@pytest.fixture
def client() -> Client:
    cell = nbformat.v4.new_code_cell("1")
    made = HardenedNotebookClient(nbformat.v4.new_notebook(cells=[cell]))
    made.reset_execution_trackers()
    made.clear_before_next_output = False
    return made, cell


def show(client: Client, kind: str, text: str, name: str = "one") -> None:
    made, cell = client
    content: dict[str, object] = {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": name}}
    if kind == "clear_output":
        content = {"wait": False}
    header = {"msg_type": kind, "msg_id": "1"}
    made.process_message({"msg_type": kind, "header": header, "parent_header": {}, "content": content}, cell, 0)


def texts(client: Client) -> list[str]:
    return [output["data"]["text/plain"] for output in client[1].outputs]


def test_a_display_is_updated_wherever_it_stands(client: Client) -> None:
    show(client, "display_data", "first")
    show(client, "display_data", "other", name="two")
    show(client, "display_data", "second")
    assert texts(client) == ["second", "other", "second"]
    show(client, "update_display_data", "third")
    assert texts(client) == ["third", "other", "third"]


def test_thousands_of_displays_and_updates_take_no_longer_each(client: Client) -> None:
    def seconds(count: int) -> float:
        started = time.process_time()
        for number in range(count):
            show(client, "display_data", "x")
            show(client, "update_display_data", "y")
            show(client, "display_data", "z", name=f"name {number}")
        return time.process_time() - started

    few = seconds(500)
    assert seconds(1_000) < max(0.1, 3 * few)
    assert texts(client)[-2:] == ["y", "z"]
    assert len(client[0]._display_id_map) <= DISPLAYS + 1
    assert sum(map(len, client[0]._display_id_map["one"].values())) <= PLACES + 1


def test_clearing_goes_through_few_displays(client: Client) -> None:
    for number in range(3 * DISPLAYS):
        show(client, "display_data", "x", name=f"name {number}")
    show(client, "clear_output", "")
    assert texts(client) == []
    assert len(client[0]._display_id_map) <= DISPLAYS + 1
