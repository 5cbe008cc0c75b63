"""Measures what ``%load_ext wenwen_magic`` adds to starting IPython: pairs of runs, alternating.

    python benchmarks/load_ext.py [PAIRS]

Exit code 1 when the median of the pairs' ratios is above 1.10.
"""

import os
import subprocess
import sys
import tempfile
import time
from statistics import median

MOST = 1.10


def seconds(code: str, folder: str) -> float:
    """How long one start of IPython takes, its bytecode in a cache as it is on anybody's second start."""
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", "-c", code]
    here = {**os.environ, "IPYTHONDIR": folder, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=here)
    return time.perf_counter() - began


def main(pairs: int = 15) -> int:
    """Print both medians and the median ratio."""
    with tempfile.TemporaryDirectory() as folder:
        codes = ("pass", "%load_ext wenwen_magic")
        for code in codes:  # bytecode, disk cache, IPython's own folder
            seconds(code, folder)
        runs = []
        for turn in range(pairs):
            order = codes if turn % 2 == 0 else codes[::-1]
            taken = {code: seconds(code, folder) for code in order}
            runs.append((taken[codes[0]], taken[codes[1]]))
    bare, ours = (median(column) * 1000 for column in zip(*runs, strict=True))
    ratio = median(loaded / plain for plain, loaded in runs)
    print(f"ipython -c pass                     {bare:7.0f} ms")
    print(f"ipython -c '%load_ext wenwen_magic' {ours:7.0f} ms")
    print(f"median ratio of {pairs} pairs: {ratio:.3f} (at most {MOST})")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
