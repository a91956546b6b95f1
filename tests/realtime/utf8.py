"""Sequences at the boundaries of UTF-8, after Markus Kuhn's stress test, by the numbers of Autobahn's cases 6.5 to 6.23."""

from collections.abc import Iterable, Iterator

# Its second letter has three octets, unlike the one that keyboards make.
GREEK = "κ\u1f79σμε"
_HIGH, _LOW = (0xD800, 0xDB7F, 0xDB80, 0xDBFF), (0xDC00, 0xDF80, 0xDFFF)
_SIZES = range(2, 7)


def _points(*numbers: int) -> list[bytes]:
    return [chr(number).encode() for number in numbers]


def _octets(number: int, size: int) -> bytes:
    """A number in the form of so many octets, whether that is allowed or not."""
    tail = [0x80 | number >> 6 * at & 0x3F for at in reversed(range(size - 1))]
    return bytes([0xFF << 8 - size & 0xFF | number >> 6 * (size - 1), *tail])


def _largest(size: int) -> int:
    """The largest number that so many octets could hold."""
    return 2 ** (7 if size == 1 else 11 if size == 2 else 5 * size + 1) - 1


_MIXED = [b"hello" + point + b"world" for point in _points(0x24, 0xA2, 0x20AC, 0x24B62)]
_STRAY = [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:count] for count in _SIZES), bytes(range(0x80, 0xC0))]
_STARTS = [range(0xC0, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF8), range(0xF8, 0xFC), range(0xFC, 0xFE)]
_LONELY = [b"".join(bytes([start]) + b" " for start in starts) for starts in _STARTS]
_SMALLEST_CUT = [_octets(0, size)[:-1] for size in _SIZES]
_CUT = [*_SMALLEST_CUT, *(_octets(_largest(size), size)[:-1] for size in _SIZES)]
_OVERLONG_LARGEST = [_octets(_largest(size - 1), size) for size in _SIZES]
_PAIRS = [_octets(high, 3) + _octets(low, 3) for high in _HIGH for low in (0xDC00, 0xDFFF)]
_NO_CHARACTERS = _points(*(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))

# Autobahn's number, a sentence, the sequences, and whether they are valid.
_FAMILIES: tuple[tuple[str, str, Iterable[bytes], bool], ...] = (
    ("6.5", "letters of one to four octets", [*_MIXED, GREEK.encode()], True),
    ("6.7", "the first letter of each length", _points(0, 0x80, 0x800, 0x10000), True),
    ("6.8", "the first of five and of six octets", [_octets(0x200000, 5), _octets(0x4000000, 6)], False),
    ("6.9", "the last letter of each length", _points(0x7F, 0x7FF, 0xFFFF, 0x10FFFF), True),
    ("6.10", "the last of four, five and six octets", [_octets(_largest(size), size) for size in (4, 5, 6)], False),
    ("6.12", "continuations of nothing", _STRAY, False),
    ("6.13", "beginnings without an end", _LONELY, False),
    ("6.14", "sequences without their last octet", _CUT, False),
    ("6.15", "all of these in a row", [b"".join(_CUT)], False),
    ("6.16", "octets that never occur", [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"], False),
    ("6.17", "a slash in too many octets", [_octets(0x2F, size) for size in _SIZES], False),
    ("6.18", "the largest numbers in one octet too many", _OVERLONG_LARGEST, False),
    ("6.19", "NUL in too many octets", [_octets(0, size) for size in _SIZES], False),
    ("6.20", "one half of a UTF-16 pair", [_octets(half, 3) for half in (*_HIGH, *_LOW)], False),
    ("6.21", "both halves of a UTF-16 pair", _PAIRS, False),
    ("6.22", "numbers that are no characters, but valid", _NO_CHARACTERS, True),
    ("6.23", "specials", _points(*range(0xFFF9, 0x10000)), True),
)


def _sequences() -> Iterator[tuple[str, str, bytes, bool]]:
    for family, sentence, sequences, is_valid in _FAMILIES:
        for number, sequence in enumerate(sequences, 1):
            yield f"{family}.{number}", sentence, sequence, is_valid
    word = GREEK.encode()
    for size in range(1, len(word) + 1):
        yield f"6.6.{size}", f"the first {size} octets of a Greek word", word[:size], size in (2, 5, 7, 9, 11)
    for number, sequence in enumerate(_points(0xD7FF, 0xE000, 0xFFFD, 0x10FFFF), 1):
        yield f"6.11.{number}", "beside what is not allowed", sequence, True
    yield "6.11.5", "one beyond the last letter", _octets(0x110000, 4), False


SEQUENCES = tuple(_sequences())
