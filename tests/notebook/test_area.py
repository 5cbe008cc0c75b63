"""One output for a cell, changed through one handle from any thread; where nothing can be changed, the end result."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.shells import cell

from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.notebook.cell import status_line
from wenwen_magic.notebook.output_area import Area, WidgetHandle
from wenwen_magic.protocol import Progress
from wenwen_magic.records import ASK, ASK_JSON, CLIP, DESCRIBE, DRAW, Gallery, Generation, ImageRequest
from wenwen_magic.render import gallery, generation
from wenwen_magic.text.i18n import speak

CAT = ImageRequest("a cat", model="gpt-4o-image")


class Screen:
    """Notes what is shown and changed."""

    def __init__(self):
        self.shown, self.updates = [], []

    def show(self, bundle):
        self.shown.append(bundle)
        return self

    def update(self, bundle, **how):
        assert how == {"raw": True}
        self.updates.append(bundle)

    @property
    def last(self):
        return (self.shown + self.updates)[-1]

    @property
    def text(self):
        return self.last["text/plain"]


def drawn(name):
    return Generation(
        name, ImageRequest(f"prompt {name}", model=name), name, "complete", "", render=generation.generation_bundle
    )


def gathered(rows):
    return Gallery(tuple(rows), render=gallery.gallery_bundle)


@pytest.fixture
def screen():
    return Screen()


def area_on(screen, *, live=True, gather=gathered):
    return Area(screen.show if screen else None, live=live, gather=gather)


def order(screen, *names):
    return sorted(names, key=screen.text.index)


def test_the_first_line_makes_the_output_and_all_that_follows_changes_it(screen):
    area = area_on(screen)
    area.status("sent")
    area.status("drawing")
    area.show(drawn("aaaa"))
    area.show(drawn("bbbb"))
    area.refresh()
    assert (len(screen.shown), len(screen.updates)) == (1, 4)


def test_a_status_line_is_replaced_by_the_pictures(screen):
    area = area_on(screen)
    area.status("drawing <b>")
    assert screen.text == "drawing <b>"
    assert "drawing &lt;b&gt;" in screen.last["text/html"]
    area.show(drawn("aaaa"))
    assert "drawing" not in screen.text + screen.last["text/html"]


def test_percents_are_a_bar_before_the_status_line_and_no_percents_are_none(screen):
    area = area_on(screen)
    area.status("drawing 45%", percent=45.0)
    assert '<progress max="100" value="45"' in screen.last["text/html"]
    assert 'aria-label="drawing 45%"' in screen.last["text/html"]
    area.status("drawing")
    assert "<progress" not in screen.last["text/html"]


def test_an_error_takes_its_status_line_away_and_not_the_hints_that_the_cell_printed_before(screen):
    area = area_on(screen)
    area.status("drawing")
    area.clear()
    assert (screen.text, len(screen.shown), len(screen.updates)) == ("", 1, 1)


def test_a_status_line_stands_under_the_pictures_that_are_there(screen):
    area = area_on(screen)
    area.show(drawn("aaaa"))
    area.status("drawing more")
    assert screen.text.index("aaaa") < screen.text.index("drawing more")
    html = screen.last["text/html"]
    assert html.index("aaaa") < html.index("drawing more")


def test_generations_of_one_press_stand_in_the_order_in_which_they_came_in_place_of_those_before(screen):
    area = area_on(screen)
    area.show(drawn("aaaa"), drawn("bbbb"))
    assert order(screen, "bbbb", "aaaa") == ["aaaa", "bbbb"]
    area.show(drawn("cccc"))
    assert ("cccc" in screen.text, "aaaa" in screen.text) == (True, False)


def test_what_is_there_stays_in_its_place_and_pale_while_another_is_drawn(screen):
    area = area_on(screen)
    area.show(drawn("aaaa"))
    whole = screen.last["text/html"]
    area.dim()
    assert "opacity:.45" in screen.last["text/html"]
    assert "aaaa" in screen.last["text/html"]
    area.refresh()
    assert screen.last["text/html"] == whole


def test_what_is_drawn_beside_a_comparison_stands_below_it_under_a_heading(screen):
    area = area_on(screen)
    area.put(gathered([drawn("aaaa"), drawn("bbbb")]))
    assert "Beside" not in screen.text
    area.show(drawn("cccc"))
    assert order(screen, "Beside the comparison", "cccc", "aaaa", "bbbb") == [
        "aaaa",
        "bbbb",
        "Beside the comparison",
        "cccc",
    ]
    assert "<b>Beside the comparison:</b>" in screen.last["text/html"]


def test_all_that_one_cell_asked_for_is_shown_however_many(screen):
    area = area_on(screen)
    area.show(*[drawn(f"{number:04}") for number in range(12)])
    assert all(f"{number:04}" in screen.text for number in range(12))


def test_one_generation_is_shown_as_itself_and_several_as_one_thing(screen):
    def refused(rows):
        raise AssertionError("gathered one")

    area_on(screen, gather=refused).show(drawn("aaaa"))
    assert "aaaa" in screen.last["text/html"]


def test_where_nothing_can_be_changed_only_the_end_result_is_shown(screen):
    area = area_on(screen, live=False)
    area.status("sent")
    area.status("drawing")
    area.refresh()
    assert screen.shown == []
    area.show(drawn("aaaa"))
    area.status("more")
    assert (len(screen.shown), screen.updates) == (1, [])
    assert "aaaa" in screen.text


def test_where_nothing_may_be_shown_nothing_is():
    area = area_on(None)
    area.status("sent")
    area.show(drawn("aaaa"))
    area.clear()
    assert len(area.rows) == 1


def test_threads_share_one_output(screen):
    area, meeting = area_on(screen), threading.Barrier(8, timeout=5)

    def work(number):
        meeting.wait()
        area.status(f"line {number}")
        area.show(drawn(f"{number:04}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(screen.shown) == 1
    assert area.rows[0].id in screen.text


def test_a_slow_thread_does_not_put_an_old_picture_over_a_newer_one(screen):
    slow, go_on, turns = threading.Event(), threading.Event(), []

    def gather(rows):
        rows = list(rows)
        turns.append(1)
        if len(turns) == 1:
            slow.set()
            go_on.wait(0.3)
        return gathered(rows)

    area = area_on(screen, gather=gather)
    first = threading.Thread(target=area.show, args=(drawn("aaaa"), drawn("bbbb")))
    second = threading.Thread(target=area.show, args=(drawn("cccc"), drawn("dddd")))
    first.start()
    assert slow.wait(5)
    second.start()
    second.join(0.2)
    go_on.set()
    first.join(5)
    second.join(5)
    assert ("aaaa" in screen.text, "cccc" in screen.text) == (False, True)


@pytest.mark.parametrize(
    ("task", "wanted", "line"),
    [
        (DRAW, 1, "drawing"),
        (DRAW, 3, "drawing 1 of 3"),
        (CLIP, 1, "making a clip"),
        (CLIP, 3, "making clip 1 of 3"),
        *((task, 1, "answering") for task in (ASK, ASK_JSON, DESCRIBE)),
        (ASK, 2, "answering 1 of 2"),
    ],
)
def test_a_status_line_says_what_is_made(task, wanted, line):
    assert status_line(Job(10.0), 10.5, replace(CAT, task=task), wanted) == line


def test_a_status_line_tells_seconds_and_the_endpoints_words():
    job = Job(10.0)
    assert status_line(job, 52.9, CAT) == "drawing · 42 s"
    job.tell(Progress("queue: 3", 10))
    assert status_line(job, 9.0, CAT) == "drawing · queue: 3"
    job.arrive(0, "a picture")
    assert [status_line(job, 11.0, CAT, wanted)[:15] for wanted in (3, 2, 1)] == [
        "drawing 2 of 3 ",
        "drawing 2 of 2 ",
        "drawing · 1 s ·",
    ]
    speak("zh")
    try:
        assert "42 秒" in status_line(job, 52.0, CAT)
    finally:
        speak("")


def test_a_selected_generation_leaves_the_comparison_where_it_is(screen):
    area = area_on(screen)
    area.put(gathered([drawn("aaaa"), drawn("bbbb")]))
    area.show(drawn("bbbb"))
    area.show(drawn("cccc"))
    assert order(screen, "cccc", "aaaa") == ["aaaa", "cccc"]
    assert [row.id for row in area.rows] == ["cccc"]


# -- where a page shows outputs as they were -----------------------------------------------------------------------------

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(("variable", "views"), [("SERVER_SOFTWARE", 2), ("ANOTHER", 0)])
def test_a_page_that_a_server_runs_for_its_visitor_has_controls_and_pictures_that_change(
    shell, relay, monkeypatch, variable, views
):
    monkeypatch.setenv(variable, "any/1.0")
    loop = SimpleNamespace(add_callback=lambda work: work())
    monkeypatch.setattr(shell, "kernel", SimpleNamespace(_allow_stdin=False, io_loop=loop), raising=False)
    shell.run(cell())
    assert sum(VIEW in data for _kind, data in shell.seen) == views


def test_a_picture_that_is_a_widget_is_changed_in_the_main_thread_only():
    later = []
    handle = WidgetHandle({"text/html": "one"}, later.append)
    handle.update({"text/html": "two"})
    assert handle._shown.value == "one"
    later.pop()()
    assert handle._shown.value == "two"
