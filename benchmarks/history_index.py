"""What a history of 100,000 records costs: a page, a search and an insert, against one of 1,000.

Writes records of its own into a temporary folder, as copies of one real record with other ids, prompts and dates, and
measures with a cache of its own. Run it with `python benchmarks/history_index.py`; it takes minutes.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ANIMALS = "猫 狗 狐狸 鹿 a cat|a dog|a fox in the snow".replace("|", " ").split()


def fill(folder: Path, records: int, per_day: int) -> None:
    """Write records without the index's help, as if the folder had been copied here."""
    from wenwen_magic.history.record_json import encode
    from wenwen_magic.history.store import slug
    from wenwen_magic.records import GeneratedImage, Generation, ImageRequest

    chance = random.Random(7)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(records):
        prompt = f"画一只{chance.choice(ANIMALS)}，水彩，第 {number} 号，" + "柔和的光线与细节" * chance.randint(1, 8)
        created = start + timedelta(days=number // per_day, seconds=number % per_day)
        day = folder / created.date().isoformat()
        day.mkdir(parents=True, exist_ok=True)
        picture = GeneratedImage(day / f"p-{number}.png", "image/png", 1024, 1024, alt=prompt, size=1, sha256="0" * 64)
        made = Generation(
            f"{number:08x}", ImageRequest(prompt, chance.choice(["gpt-4o-image", "nano-banana"])), prompt, "complete",
            created.isoformat(timespec="milliseconds"), charged="yes", elapsed=30.0, pictures=(picture,),
        )  # fmt: skip
        (day / f"{slug(prompt)}-{made.id}.json").write_bytes(encode(replace(made, star=number % 50 == 0)))


def median_ms(work: Callable[[], object], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def measure(records: int, per_day: int) -> dict[str, float]:
    """Milliseconds by name, for a history of so many records."""
    from wenwen_magic.history.index import Wanted
    from wenwen_magic.history.store import History
    from wenwen_magic.records import ImageRequest

    with tempfile.TemporaryDirectory(prefix="wenwen-benchmark") as place:
        folder = Path(place) / "wenwen_images"
        fill(folder, records, per_day)
        history = History(folder)
        began = time.perf_counter()
        assert history.count() == records
        found = {"build": 1000 * (time.perf_counter() - began)}
        time.sleep(2.1)  # until a folder's time of change is trusted
        history.count()
        request = ImageRequest("画一只猫")
        searches = {"猫": "猫", "x fox": "fox snow", "nothing": "恐龙"}
        found["page"] = median_ms(lambda: history.recent(20))
        found["last page"] = median_ms(lambda: history.search("", count=20, skip=records - 20))
        for name, words in searches.items():
            found[f"search {name}"] = median_ms(lambda: history.page(words))  # noqa: B023
        found["stars"] = median_ms(lambda: history.search(Wanted(star=True), count=20))
        found["takes"] = median_ms(lambda: history.takes(request.fingerprint))
        found["insert"] = median_ms(
            lambda: history.begin(request, prompt_sent="画一只猫", endpoint="https://a.example")
        )
        found["page after an insert"] = median_ms(lambda: history.recent(20))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--per-day", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wenwen-cache") as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        small, large = measure(1000, asked.per_day), measure(asked.records, asked.per_day)
    print(f"{'ms':24}{1000:>12,}{asked.records:>12,}")
    for name, value in large.items():
        print(f"{name:24}{small[name]:12.1f}{value:12.1f}")


if __name__ == "__main__":
    main()
