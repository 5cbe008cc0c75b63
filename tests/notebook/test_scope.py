"""A magic inside a function sees the function's names; a name that it cannot see stops the cell, and costs nothing."""

import sys
import types
from textwrap import dedent

import pytest
from support.shells import prompts

from wenwen_magic.errors import ConfigError

LINE = "%wenwen_image -q {{animal}} in {{style}}"
CALL = f"get_ipython().run_line_magic('wenwen_image', '{LINE.partition(' ')[2]}')"
CELL = "get_ipython().run_cell_magic('wenwen_image', '-q', '{{animal}} in {{style}}')"
SEEN = {
    "an argument and a local": f"""
        def draw(animal):
            style = "ink"
            {LINE}
        draw("cat")
        """,
    "a loop in a function": f"""
        def draw():
            style = "ink"
            for animal in ["cat"]:
                {LINE}
        draw()
        """,
    "names of functions around it": f"""
        def outer(style):
            def middle(animal):
                def inner():
                    {LINE}
                return inner
            return middle("cat")
        outer("ink")()
        """,
    "another call of the function around it, later": f"""
        def outer(style):
            def inner(animal):
                {LINE}
            return inner
        first, second = outer("ink"), outer("oil")
        first("cat")
        """,
    "a method": """
        class Artist:
            style = "no class's name"
            def __init__(self):
                self.style = "ink"
            def draw(self, animal):
                %wenwen_image -q {{animal}} in {{self.style}}
        Artist().draw("cat")
        """,
    "a class": f"""
        class Artist:
            animal, style = "cat", "ink"
            {LINE}
        """,
    "an async function": f"""
        async def draw(animal, style):
            {LINE}
        await draw("cat", "ink")
        """,
    "a generator": f"""
        def drawn(style):
            for animal in ["cat"]:
                yield {CALL}
        list(drawn("ink"))
        """,
    "a comprehension": f"""
        def draw(animals, style):
            return [{CALL} for animal in animals]
        draw(["cat"], "ink")
        """,
    "a generator expression": f"""
        def draw(animals, style):
            return ({CALL} for animal in animals)
        list(draw(["cat"], "ink"))
        """,
    "a comprehension in a cell": f"""
        style = "ink"
        [{CALL} for animal in ["cat"]]
        """,
    "a lambda": f"""
        (lambda style: lambda animal: {CALL})("ink")("cat")
        """,
    "a cell magic": f"""
        def draw(animal, style):
            {CELL}
        draw("cat", "ink")
        """,
    "a timed magic": """
        def draw(animal, style):
            %time %wenwen_image -q {{animal}} in {{style}}
        draw("cat", "ink")
        """,
    "functions in a timed cell": f"""
        def run():
            cell = get_ipython().run_cell_magic
            return cell("time", "", made)
        made = '''def outer(style):
            def inner(animal):
                {CALL.replace("'", '"')}
            inner("cat")
        outer("ink")'''
        run()
        """,
    "a call by way of a library": f"""
        from contextlib import ExitStack
        def draw(animal, style):
            with ExitStack() as stack:
                stack.callback(get_ipython().run_line_magic, "wenwen_image", "{LINE.partition(" ")[2]}")
        draw("cat", "ink")
        """,
    "a text of a function": """
        def draw(animal, style, line="-q {{animal}} in {{style}}"):
            get_ipython().run_line_magic("wenwen_image", line)
        draw("cat", "ink")
        """,
    "a name of the notebook": f"""
        def draw(animal):
            global style
            style = "ink"
            {LINE}
        draw("cat")
        """,
    "an axis": """
        def draw(animals, style):
            %wenwen_image -q --for "animal={{animals}}" {{animal}} in {{style}}
        draw(["cat"], "ink")
        """,
    "many prompts": """
        def draw(rows, style):
            %wenwen_image -q --from rows {{animal}} in {{style}}
        draw([{"animal": "cat"}], "ink")
        """,
}


@pytest.mark.parametrize("source", SEEN.values(), ids=SEEN)
def test_names_of_the_function_come_before_the_notebooks(shell, relay, source):
    shell.run("animal, style, self, animals, rows = 'dog', 'chalk', None, ['dog'], [{'animal': 'dog'}]")
    shell.run(dedent(source))
    assert prompts(relay) == ["cat in ink"]


UNSEEN = {
    "has no value yet": f"""
        def draw(animal):
            {LINE}
            style = "ink"
        draw("cat")
        """,
    "was deleted": f"""
        def draw(animal, style):
            del style
            {LINE}
        draw("cat", "ink")
        """,
    "is of a function around this one, and the text is made elsewhere": """
        def outer(style):
            def inner(animal):
                get_ipython().run_line_magic("wenwen_image", template)
            inner("cat")
        outer("ink")
        """,
    "is a builtin's name too": """
        def outer(id):
            def inner():
                get_ipython().run_line_magic("wenwen_image", builtin)
            inner()
        builtin = "-q {{id}}"
        outer(7)
        """,
    "is of a function around this one, whose source is gone": '''
        made = """def outer(style):
            def inner(animal):
                get_ipython().run_line_magic("wenwen_image", template)
            inner("cat")
        """
        exec(made)
        outer("ink")
        ''',
    "is the list of an axis": """
        text = "--for animal={{animals}} {{animal}}"
        def outer(animals):
            def inner():
                get_ipython().run_line_magic("wenwen_image", text)
            inner()
        outer(["cat"])
        """,
    "is what --ref, --mask or --from names": """
        def draw():
            for line in ("--ref animal x", "--mask animal x", "--from animal"):
                try:
                    get_ipython().run_line_magic("wenwen_image", line)
                except Exception as error:
                    failed.append(error)
            animal = "cat"
        failed = []
        draw()
        assert len(failed) == 3
        raise failed[0]
        """,
    "is what a command names": """
        def draw():
            %wenwen show animal
            animal = 1
        draw()
        """,
}


@pytest.mark.parametrize("source", UNSEEN.values(), ids=UNSEEN)
def test_a_name_that_cannot_be_seen_stops_the_cell_and_no_other_of_that_name_takes_its_place(shell, relay, source):
    shell.run("animal, style, animals, template = 'dog', 'chalk', ['dog'], '-q {{animal}} in {{style}}'")
    error = shell.fail(dedent(source))
    assert isinstance(error, ConfigError)
    assert "cannot be seen" in str(error), error
    assert (error.charged, prompts(relay)) == ("no", [])


def module(name, source):
    made = types.ModuleType(name)
    exec(dedent(source), made.__dict__)
    return made


def test_a_function_of_a_module_sees_its_own_names_then_its_modules_then_the_notebooks(shell, relay, monkeypatch):
    source = """
        from IPython import get_ipython
        style = "ink"
        def draw(animal):
            get_ipython().run_line_magic("wenwen_image", "-q {{animal}} in {{style}} on {{paper}}")
        """
    monkeypatch.setitem(sys.modules, "artist", module("artist", source))
    shell.run("animal, style, paper = 'dog', 'chalk', 'silk'")
    shell.run("from artist import draw\ndraw('cat')")
    assert prompts(relay) == ["cat in ink on silk"]


def test_a_picture_and_a_command_of_a_function_are_its_own(shell, relay):
    shell.run("%%wenwen_image -q old\na dog")
    shell.run("%%wenwen_image -q new\na cat")
    made = "def show(old):\n    return get_ipython().run_line_magic('wenwen', 'show old')\nshow(new).request.prompt"
    assert shell.run(made) == "a cat"
    source = "def edit(old):\n    %wenwen_image -q --ref old a hat\n    return old\nedit(new)"
    shell.run(source)
    (reference,) = relay.posts[-1][1]["messages"][0]["content"][1:]
    shell.run("%%wenwen_image -q --ref new\na hat")
    assert len(relay.posts) == 3  # the same request: it began with the function's picture
    assert reference["type"] == "image_url"


BY_ITSELF = {
    "a thread": "t = Thread(target=ask, args=(*ARGS,)); t.start(); t.join(20)",
    "a timer": "t = Timer(0, ask, ARGS); t.start(); t.join(20)",
    "a pool": "with ThreadPoolExecutor(1) as pool:\n        pool.submit(ask, *ARGS)",
    "a thread of asyncio": "await to_thread(ask, *ARGS)",
    "a later turn of the loop": "get_running_loop().call_soon(ask, *ARGS); await sleep(0.01)",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("start", BY_ITSELF.values(), ids=BY_ITSELF)
@pytest.mark.parametrize("line", ["{{animal}}", "--ref animal a hat", "--from animal", "a cat"])
def test_a_magic_that_a_thread_or_callback_runs_directly_takes_no_name_of_the_notebook(shell, relay, start, line):
    shell.run(
        "from asyncio import get_running_loop, sleep, to_thread\nfrom concurrent.futures import ThreadPoolExecutor"
    )
    shell.run("from threading import Thread, Timer\nanimal = 'dog'")
    call = "get_ipython().run_line_magic"
    made = f"ARGS = 'wenwen_image', '-q {line}'\nask = {call}\nasync def draw(animal):\n    {start}\nawait draw('cat')"
    shell.run_cell(made)
    assert prompts(relay) == (["a cat"] if line == "a cat" else [])


def test_a_name_that_a_thread_cannot_see_says_how_to_go_on(shell, relay):
    shell.run("from concurrent.futures import ThreadPoolExecutor\nanimal = 'dog'\nask = get_ipython().run_line_magic")
    text = "with ThreadPoolExecutor(1) as pool:\n    pool.submit({}).result(20)"
    error = shell.fail(text.format("ask, 'wenwen_image', '-q {{animal}}'"))
    assert isinstance(error, ConfigError)
    assert "lambda" in error.do
    assert (error.charged, prompts(relay)) == ("no", [])
    shell.run(text.format("lambda: ask('wenwen_image', '-q {{animal}}')"))
    assert prompts(relay) == ["dog"]


def test_a_cell_names_a_variable_of_the_notebook_and_never_one_of_the_function(shell, relay):
    named = "def draw():\n    get_ipython().run_cell_magic('wenwen_image', '-q img', 'a cat')\n"
    shell.run(f"{named}    return img.request.prompt\nassert draw() == 'a cat'")
    error = shell.fail(f"{named}    img = None\ndraw()")
    assert "img = %wenwen_image" in error.do
    assert prompts(relay) == ["a cat"]


def test_the_hook_for_functions_is_there_once_and_goes_with_the_extension(shell):
    shell.run("%reload_ext wenwen_magic")
    assert [type(hook).__name__ for hook in shell.ast_transformers] == ["Capture"]
    shell.run("%unload_ext wenwen_magic")
    assert shell.ast_transformers == []
    shell.run("%load_ext wenwen_magic")
