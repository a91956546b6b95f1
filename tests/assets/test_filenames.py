"""Readable names, and headers that no name can break."""

import re
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.assets.disposition import content_disposition, safe_name
from chatserver.assets.filenames import readable_name

ID = "0198c0de-0000-7000-8000-0000000 07f3a".replace(" ", "")


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a beautiful sunset over mountains", "beautiful-sunset-over-mountains"),
        ("The THE cat", "cat"),
        ("an", "an"),
        ("Schöner Straßenzug, München!", "schoner-strassenzug-munchen"),
        ("don’t stop", "dont-stop"),
        ("Đà Nẵng về đêm", "da-nang-ve-dem"),
        ("закат над горами", "zakat-nad-gorami"),
        ("ηλιοβασίλεμα", "iliovasilema"),
        ("नमस्ते दुनिया", "namaste-duniyaa"),
        ("さくらのやま", "sakuranoyama"),
        ("서울의 밤", "seoulyi-bam"),
        ("日落", "picture"),
        ("日本語の城", "picture"),
        ("東京のタワー", "tawa"),
        ("مرحبا بالعالم", "mrhba-balaalm"),
        ("مُحَمَّد ٣", "mhmd-3"),
        ("گربه‌ای", "grbh-ay"),
        ("שלום עולם", "shlvm-avlm"),
        ("თბილისი", "tbilisi"),
        ("Երևան", "erewan"),
        ("ܫܠܡܐ", "picture"),
        ("１２ and ১২", "12-and-12"),
        ("🌅🌅", "picture"),
        ("", "picture"),
        ("../../etc/passwd", "etc-passwd"),
        ('x\r\nSet-Cookie: a="b"', "x-set-cookie-a-b"),
        ("one two three four five six seven eight nine ten", "one-two-three-four-five-six-seven-eight"),
        ("w" * 300, "w" * 60),
        ("short " + "w" * 300, "short"),
        ("ﬁne ① Ⅻ ½", "fine-1-xii-1-2"),
        ("𝕳𝖊𝖑𝖑𝖔 𝓦𝓸𝓻𝓵𝓭 №7", "hello-world-no7"),
    ],
)
def test_a_name_is_made_of_the_first_words(prompt, name):
    assert readable_name(prompt, ID, ".png", fallback="picture") == f"{name}-7f3a.png"


@given(st.text(max_size=200))
def test_every_prompt_gives_a_name_that_every_system_takes(prompt):
    name = readable_name(prompt, ID, ".png", fallback="picture")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-7f3a\.png", name)
    assert len(name) <= 60 + len("-7f3a.png")


NASTY = [
    'a"b.png', "a\\b.png", "a\r\nX-Evil: 1.png", "a;filename=evil.exe", "../../x.png", "..\\..\\x.png", "/etc/passwd",
    "C:\\x.png", "\u202egnp.exe", "a\x00b.png", "ä.png", "日落.png", "🌅.png", "", ".", "..", ".htaccess", " x.png ",
    "a%22b.png", "x" * 400 + ".png", "a\u0085b.png", "a\u2028b.png", "con*.png", "\ud800.png", "a\tb.png", "ffi\ufb03.png",
]  # fmt: skip


@pytest.mark.parametrize("filename", NASTY)
@pytest.mark.parametrize("kind", ["inline", "attachment"])
def test_a_nasty_name_neither_ends_the_header_nor_leaves_the_folder(kind, filename):
    value = content_disposition(kind, filename)
    assert re.fullmatch(r"(inline|attachment); filename=\"[ -~]+\"(; filename\*=UTF-8''[A-Za-z0-9%._~-]+)?", value)
    message = Message()
    message["Content-Disposition"] = value
    assert message.get_content_disposition() == kind
    for name in (message.get_param("filename", header="content-disposition"), _extended(value)):
        text = name[2] if isinstance(name, tuple) else name
        assert text and not re.search(r'[/\\:"\x00-\x1f]', text) and not text.startswith(".")


def _extended(value: str) -> str:
    _, found, name = value.partition("filename*=UTF-8''")
    return unquote(name) if found else "none"


def test_a_name_keeps_what_is_harmless_in_it():
    assert content_disposition("inline", "sunset-7f3a.png") == 'inline; filename="sunset-7f3a.png"'
    assert content_disposition("attachment", "Straße.png").endswith("; filename*=UTF-8''Stra%C3%9Fe.png")
    assert safe_name("日落 am Meer.png") == "日落 am Meer.png"
    assert safe_name("x" * 400 + ".png").endswith(".png")


@given(st.text(max_size=60))
def test_any_name_gives_a_header_that_latin_1_can_carry(filename):
    value = content_disposition("attachment", filename)
    assert value.isascii() and "\n" not in value and "\r" not in value and value.count('"') == 2
