"""A script that uses the client is checked by a type checker: what is right passes, what is wrong is found."""

import subprocess
import sys

SCRIPT = """
from wenwen_magic import Client

client = Client(mode="replay", budget=2, styles={"oil": "oil {prompt}"})
client.generate("a cat", model="m", orientation="square", references=["x.png"], params={"seed": 1})
client.edit("make it blue", references=["x.png"], style="oil")
client.describe("what?", references="x.png", stream=True)
client.generate_many(["a cat"], style="oil", concurrency=2, count=2)
client.generate(client.improve("a cat"))
"""
WRONG = (
    'Client(base_ulr="x")',
    'Client(timeout="soon")',
    'client.generate("a cat", modle="m")',
    'client.edit("x", references=1, cuont=2)',
)


def test_a_users_script_is_checked_by_mypy(here):
    (here / "right.py").write_text(SCRIPT)
    (here / "wrong.py").write_text(SCRIPT + "\n".join(WRONG))
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "right.py", "wrong.py"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    errors = {line.split(": error:")[0] for line in said.splitlines() if ": error:" in line}
    first = len(SCRIPT.splitlines()) + 1
    assert errors == {f"wrong.py:{number}" for number in range(first, first + len(WRONG))}, said
