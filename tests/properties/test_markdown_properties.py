"""What holds for the picture in any Markdown: wrapped, cut, surrounded and swollen as it may be."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.replies import STREAM, in_pieces, outcome
from support.scripted import addresses, answering, grows_in_proportion, read, reply_of, streaming

from wenwen_magic.formats.parse import addresses as written
from wenwen_magic.formats.parse.markdown import split_thoughts

PICTURE = "https://h.example/x.png"

# -- wrapped

WRITTEN = st.sampled_from(
    [
        f"![i]({PICTURE})",
        f'<img src="{PICTURE}">',
        f"![i][1]\n\n[1]: {PICTURE}\n",
        f"![i](<{PICTURE}>)",
        PICTURE,
        f"<{PICTURE}>",
        f"[图]({PICTURE})",
        f"![[{PICTURE}]]",
        f"![i]({PICTURE} “标题”)",
    ]
)
WRAPS = st.sampled_from(
    [
        "<div>\n{}\n</div>",
        "<center>{}</center>",
        "<details>\n<summary>图</summary>\n{}\n</details>",
        "<table><tr><td>\n{}\n</td></tr></table>",
        "<p align=center>{}",
        "{}<br>",
        "<b>\n\n{}\n\n</b>",
        "<think>a</think>\n{}",
        "<think>\n\n```\n\n</think>\n\n{}",
        "<!-- a -->\n{}",
        "**{}**",
        "_{}_",
        "~~{}~~",
        "「{}」",
        "（{}）",
        "“{}”",
        "({})",
        "图片：{}",
        "好的\n\n{}\n\n完成",
        "{}。",
        "{} 🎉",
        "```\n{}\n```",
        "~~~html\n{}\n~~~",
        "```\n{}",
        "    {}",
        "\t{}",
        "`{}`",
        "> {}",
        "- {}",
        "1. {}",
        "# {}",
        "| {} |",
        "\u200b{}\ufeff",
        "{}\n\n[page](https://h.example/page)",
        "<pre>{}</pre>",
        "<!-- {} -->",
        "<think>{}</think>",
        "{}</think>",
    ]
)


@given(WRITTEN, st.lists(WRAPS, max_size=6), st.lists(st.integers(0, 400), max_size=8))
@example(PICTURE, ["**{}**", "「{}」"], [])
def test_a_picture_is_found_whatever_is_wrapped_around_it(picture, wraps, places):
    content = picture
    for wrap in wraps:
        content = wrap.format(content)
    whole = read(answering(content))
    assert addresses(whole) == [PICTURE], content
    split = read(streaming(*in_pieces(content, places)), STREAM)
    assert (split.sources, split.text) == (whole.sources, whole.text)


PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`~<[◁"), max_size=40)
MARKS = st.sampled_from(["<think>{}</think>", "<Thinking a=b>{}</thinking>", "◁think▷{}◁/think▷", "[THINK]{}[/THINK]"])


@given(PLAIN, MARKS, PLAIN, PLAIN)
def test_a_text_is_parted_into_the_answer_and_the_thoughts(before, mark, thought, after):
    assert split_thoughts(before + mark.format(thought) + after) == (f"{before}\n\n{after}", thought)
    assert split_thoughts(before + after) == (before + after, "")


SIGNS = st.text("`<>[]()!*_~#>-:/.\\\"'={}|@&;,。「」 \n\tab", max_size=60)


@given(SIGNS, SIGNS)
def test_any_signs_before_a_picture_leave_its_address_whole(before, after):
    answer = read(answering(f"{before}\n\n![i]({PICTURE})\n\n{after}"))
    assert PICTURE in addresses(answer) or answer.videos


# -- the end of an address

PATHS = st.text("abc-_~0/图%2F.", min_size=1, max_size=20).map(lambda path: f"https://h.example/a{path}z.png")
QUERIES = st.text("ab=&%2F~,;:+-1", max_size=20).map(lambda query: f"?{query}=1" if query else "")
BEHIND = st.sampled_from(
    ["", " ", "。", "，好", "图片已生成", "」", "』", "】", "）", "”", "\n", ".", ")", "!", "🎉", "、b", "**"]
)


@given(PATHS, QUERIES, BEHIND)
def test_an_address_ends_where_a_person_would_end_it(path, query, behind):
    address = path + query
    assert next(written.written_in(f"见：{address}{behind}")) == address


# -- size and speed

HOSTILE = [
    "<a>",
    "<code>",
    "<video>",
    "<details>",
    "<think>",
    "</think>",
    "<!--",
    "<!-- -->",
    "~~~\n",
    "```a\n<think>\n",
    "[img]",
    "![[",
    "image::",
    "(https://h.example/\n",
    "https://h.example/x.png,",
    "https://h.example/'",
    "https://h.example/.mp4?",
    "https://h.example/a b",
    "「https://",
    "//a.example/",
    "sandbox:/",
    '"input_image":"',
    '"image_url": [ ',
    '<img srcset="a 1w,',
    "<b>![a](b)",
    "`![](a)`",
    "\u200b",
    "猫",
    " =1x1",
    "<x y='",
    "!",
    "\0",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_takes_time_in_proportion(piece):
    def body(factor):
        return answering(piece * (2_000 * factor // len(piece)))

    assert grows_in_proportion(body, lambda content: outcome("chat", reply_of(content)), 16)
