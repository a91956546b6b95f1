"""What Autobahn's test suite asks of a websocket server, asked of ours: its cases by their numbers, in our own words.

Autobahn wants an echo, and we take commands; so what it sends as a message is here the command `ping` with a `ref` that
carries the payload, and the reply plays the echo. What can be no command (nothing, binary) ends with our own code.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chatserver.realtime.limits import FRAME_BYTES, FRAMES_AT_ONCE
from tests.realtime import utf8
from tests.realtime.raw import BINARY, CLOSE, CONTINUATION, NO_CODE, PING, PONG, TEXT, masked

# Autobahn's words for results, and ours for where a bound of the product answers in place of an echo.
OK, NON_STRICT, INFORMATIONAL, POLICY = "OK", "NON-STRICT", "INFORMATIONAL", "policy"
DONE, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG, BAD_FRAME, FLOODING = 1000, 1002, 1007, 1009, 4400, 4429


@dataclass(frozen=True)
class Pong:
    """A pong with this payload is to come next."""

    payload: bytes = b""


@dataclass(frozen=True)
class Reply:
    """The reply to the `ping` command with this `ref` is to come next."""

    ref: str


@dataclass(frozen=True)
class Ends:
    """The server says goodbye with this code and hangs up, and nothing else comes."""

    code: int = DONE


Step = bytes | Pong | Reply | Ends
GOODBYE = masked(CLOSE, DONE.to_bytes(2))


@dataclass(frozen=True)
class Case:
    """A conversation: each `bytes` is one write. Where it does not end, the client says goodbye and the server answers."""

    number: str
    sentence: str
    script: tuple[Step, ...]
    verdict: str = OK

    @property
    def section(self) -> int:
        return int(self.number.partition(".")[0])

    @property
    def steps(self) -> tuple[Step, ...]:
        """The script with its end."""
        return self.script if isinstance(self.script[-1], Ends) else (*self.script, GOODBYE, Ends())


def command(ref: str) -> bytes:
    """What is answered with this `ref`."""
    return b'{"type":"ping","ref":"' + ref.encode() + b'"}'


def sized(size: int) -> str:
    """The `ref` that makes a command of so many bytes."""
    return "*" * (size - len(command("")))


def fragments(*payloads: bytes, opcode: int = TEXT) -> list[bytes]:
    """One message in as many frames."""
    last = len(payloads) - 1
    return [masked(CONTINUATION if at else opcode, each, final=at == last) for at, each in enumerate(payloads)]


def halves(data: bytes) -> list[bytes]:
    return fragments(data[:10], data[10:])


def chops(data: bytes, size: int = 1) -> list[bytes]:
    """Writes of so many octets."""
    return [data[at : at + size] for at in range(0, len(data), size)]


HELLO, AGAIN = masked(TEXT, command("Hello")), masked(TEXT, command("again"))
HEARD = Reply("Hello")
VIOLATED = Ends(PROTOCOL_ERROR)


def framing() -> Iterator[Case]:
    """1: messages of the sizes at which the length of a frame changes its form."""
    yield Case("1.1.1", "an empty text is no command", (masked(TEXT), Ends(BAD_FRAME)), POLICY)
    for number, size in enumerate((125, 126, 127, 128, 65535, 65536), 2):
        frame, ref = masked(TEXT, command(sized(size))), sized(size)
        yield Case(f"1.1.{number}", f"a text of {size} octets is answered", (frame, Reply(ref)))
    writes = chops(masked(TEXT, command(sized(65536))), 997)
    yield Case("1.1.8", "a text of 65536 octets in chops of 997 is answered", (*writes, Reply(sized(65536))))
    for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
        frame = masked(BINARY, b"\xfe" * size)
        yield Case(f"1.2.{number}", f"{size} binary octets are refused", (frame, Ends(BAD_FRAME)), POLICY)
    writes = chops(masked(BINARY, b"\xfe" * 65536), 997)
    yield Case("1.2.8", "binary octets in chops are refused", (*writes, Ends(BAD_FRAME)), POLICY)


def pings() -> Iterator[Case]:
    """2: every ping has its pong, and nobody else."""
    whole, binary = b"\xfe" * 125, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
    ten = [f"payload {number}".encode() for number in range(10)]
    yield Case("2.1", "a ping without payload", (masked(PING), Pong()))
    yield Case("2.2", "a ping with text", (masked(PING, b"Hello, world!"), Pong(b"Hello, world!")))
    yield Case("2.3", "a ping with what is no UTF-8", (masked(PING, binary), Pong(binary)))
    yield Case("2.4", "a ping of 125 octets, the most there may be", (masked(PING, whole), Pong(whole)))
    yield Case("2.5", "a ping of 126 octets", (masked(PING, b"\xfe" * 126), VIOLATED))
    yield Case("2.6", "a ping of 125 octets, octet by octet", (*chops(masked(PING, whole)), Pong(whole)))
    yield Case("2.7", "a pong that nobody asked for", (masked(PONG),))
    yield Case("2.8", "a pong that nobody asked for, with payload", (masked(PONG, b"unasked"),))
    yield Case("2.9", "a pong, then a ping", (masked(PONG, b"unasked"), masked(PING, b"asked"), Pong(b"asked")))
    pongs = [Pong(payload) for payload in ten]
    every = [masked(PING, payload) for payload in ten]
    yield Case("2.10", "ten pings have ten pongs in their order", (*every, *pongs))
    yield Case("2.11", "ten pings, octet by octet", (*chops(b"".join(every)), *pongs))


def reserved_bits() -> Iterator[Case]:
    """3: no extension gave the reserved bits a meaning."""
    ping = masked(PING)
    again = command("again")
    yield Case("3.1", "a text with RSV 1", (masked(TEXT, again, reserved=1), VIOLATED))
    yield Case(
        "3.2", "a text, one with RSV 2, a ping", (HELLO, HEARD, masked(TEXT, again, reserved=2) + ping, VIOLATED)
    )
    writes = (masked(TEXT, again, reserved=3), ping)
    yield Case("3.3", "a text, one with RSV 3, a ping, frame by frame", (HELLO, HEARD, *writes, VIOLATED))
    writes = chops(masked(TEXT, again, reserved=4) + ping)
    yield Case("3.4", "a text, one with RSV 4, a ping, octet by octet", (*chops(HELLO), HEARD, *writes, VIOLATED))
    yield Case("3.5", "a binary message with RSV 5", (masked(BINARY, b"\x00\xff", reserved=5), VIOLATED))
    yield Case("3.6", "a ping with RSV 6", (masked(PING, b"x", reserved=6), VIOLATED))
    yield Case("3.7", "a close with RSV 7", (masked(CLOSE, DONE.to_bytes(2), reserved=7), VIOLATED))


def reserved_opcodes() -> Iterator[Case]:
    """4: opcodes that mean nothing yet."""
    for part, kind, first in ((1, "data", 3), (2, "control", 11)):
        for number, payload in enumerate((b"", b"reserved", b"", b"reserved", b""), 1):
            opcode = first + number - 1
            bad = masked(opcode, payload)
            sentence = f"opcode {opcode}, reserved for {kind}" + (", with payload" if payload else "")
            script: tuple[Step, ...] = (bad, VIOLATED)
            if number > 2:
                sentence += ", after a text and before a ping"
                script = (HELLO, HEARD, bad + masked(PING), VIOLATED)
            yield Case(f"4.{part}.{number}", sentence, script)


def fragmentation() -> Iterator[Case]:
    """5: messages in pieces, with control frames between them, and pieces of nothing."""
    yield Case("5.1", "a ping in two fragments", (*fragments(b"one", b"two", opcode=PING), VIOLATED))
    yield Case("5.2", "a pong in two fragments", (*fragments(b"one", b"two", opcode=PONG), VIOLATED))
    whole, ping = halves(command("Hello")), masked(PING, b"between")
    between = (whole[0], ping, whole[1])
    yield Case("5.3", "a text in two fragments, in one write", (b"".join(whole), HEARD))
    yield Case("5.4", "a text in two fragments, frame by frame", (*whole, HEARD))
    yield Case("5.5", "a text in two fragments, octet by octet", (*chops(b"".join(whole)), HEARD))
    yield Case("5.6", "a ping between two fragments, in one write", (b"".join(between), Pong(b"between"), HEARD))
    yield Case("5.7", "a ping between two fragments, frame by frame", (*between, Pong(b"between"), HEARD))
    writes = chops(b"".join(between))
    yield Case("5.8", "a ping between two fragments, octet by octet", (*writes, Pong(b"between"), HEARD))
    yield from _nothing_to_continue(whole)
    yield Case("5.18", "two fragments that both begin a text", (masked(TEXT, b"one", final=False) + HELLO, VIOLATED))
    five = fragments(*chops(command("five pieces"), 7))
    first, second = masked(PING, b"first"), masked(PING, b"second")
    early, late = (*five[:2], first), (*five[2:4], second, *five[4:])
    heard = (Pong(b"second"), Reply("five pieces"))
    script = (b"".join(early), Pong(b"first"), b"".join(late), *heard)
    yield Case("5.19", "five fragments with two pings, each answered at once", script)
    yield Case("5.20", "five fragments with two pings, frame by frame", (*early, Pong(b"first"), *late, *heard))


def _nothing_to_continue(whole: list[bytes]) -> Iterator[Case]:
    for start, is_final in ((9, True), (12, False)):
        stray = masked(CONTINUATION, b"of nothing", final=is_final)
        kind = "a last piece of nothing" if is_final else "a piece of nothing"
        for number, (how, writes) in enumerate(
            (
                ("in one write", [stray + HELLO]),
                ("frame by frame", [stray, HELLO]),
                ("octet by octet", chops(stray + HELLO)),
            ),
            start,
        ):
            yield Case(f"5.{number}", f"{kind}, then a text, {how}", (*writes, VIOLATED))
    stray = masked(CONTINUATION, b"of nothing", final=False)
    script = (*whole, HEARD, stray + AGAIN, VIOLATED)
    yield Case("5.15", "a whole text in two fragments, a piece of nothing, a text", script)
    for number, is_final in ((16, False), (17, True)):
        stray = masked(CONTINUATION, b"of nothing", final=is_final)
        kind = "a last piece of nothing" if is_final else "a piece of nothing"
        yield Case(f"5.{number}", f"twice {kind} and a text in fragments", (b"".join([stray, *whole] * 2), VIOLATED))


def encoding() -> Iterator[Case]:
    """6: text is UTF-8, whole messages of it; what is not ends with 1007."""
    bad = Ends(NOT_UTF8)
    greeting = command("Hello-µ@ßöäüàá-UTF-8!!")
    empty = (*fragments(b"", b"", b""), Ends(BAD_FRAME))
    yield Case("6.1.1", "an empty text is no command", (masked(TEXT), Ends(BAD_FRAME)), POLICY)
    yield Case("6.1.2", "three empty fragments are no command", empty, POLICY)
    yield Case("6.1.3", "a text between two empty fragments", (*fragments(b"", command("Hello"), b""), HEARD))
    said = Reply("Hello-µ@ßöäüàá-UTF-8!!")
    middle = greeting.index("ß".encode())
    yield Case("6.2.1", "letters of two octets", (masked(TEXT, greeting), said))
    yield Case("6.2.2", "cut between two letters", (*fragments(greeting[:middle], greeting[middle:]), said))
    yield Case("6.2.3", "a fragment for each octet", (*fragments(*chops(greeting)), said))
    yield Case(
        "6.2.4", "Greek, a fragment for each octet", (*fragments(*chops(command(utf8.GREEK))), Reply(utf8.GREEK))
    )
    broken = utf8.GREEK.encode() + b"\xed\xa0\x80" + b"edited"
    yield Case("6.3.1", "a surrogate among letters", (masked(TEXT, broken), bad))
    yield Case("6.3.2", "the same, a fragment for each octet", (*fragments(*chops(broken)), bad))
    yield from _failing_late(bad)
    for number, sentence, sequence, is_valid in utf8.SEQUENCES:
        yield _sequence(number, sentence, sequence, is_valid)


def _failing_late(bad: Ends) -> Iterator[Case]:
    """Whether it is said at the octet that spoils it, or, as here, at the message's end, which is not strict."""
    first, spoilt, rest = utf8.GREEK.encode(), b"\xf4\x90\x80\x80", b"edited"
    to_the_octet = (first + spoilt[:1], spoilt[1:2], spoilt[2:] + rest)
    frame = masked(TEXT, first + spoilt + rest)
    at = len(frame) - len(spoilt + rest)
    yield Case("6.4.1", "spoilt in the second fragment", (*fragments(first, spoilt, rest), bad), NON_STRICT)
    yield Case("6.4.2", "spoilt by an octet's fragment", (*fragments(*to_the_octet), bad), NON_STRICT)
    writes = (frame[:at], frame[at : at + 4], frame[at + 4 :])
    yield Case("6.4.3", "spoilt in the second chop of a frame", (*writes, bad), NON_STRICT)
    writes = (frame[: at + 1], frame[at + 1 : at + 2], frame[at + 2 :])
    yield Case("6.4.4", "spoilt by an octet's chop of a frame", (*writes, bad), NON_STRICT)


def _sequence(number: str, sentence: str, sequence: bytes, is_valid: bool) -> Case:
    if not is_valid:
        return Case(number, sentence, (masked(TEXT, sequence), Ends(NOT_UTF8)))
    text = sequence.decode()
    if text < " ":
        # JSON takes no bare control character, so it is text, but no command.
        return Case(number, sentence, (masked(TEXT, command(text)), Ends(BAD_FRAME)), POLICY)
    return Case(number, sentence, (masked(TEXT, command(text)), Reply(text)))


def closing() -> Iterator[Case]:
    """7: goodbyes, and what comes after them."""
    ping, end = masked(PING), Ends()
    begun = masked(TEXT, command("Hello")[:10], final=False)
    rest = masked(CONTINUATION, command("Hello")[10:])
    yield Case("7.1.1", "a text, then goodbye", (HELLO, HEARD, GOODBYE, end))
    yield Case("7.1.2", "goodbye twice", (GOODBYE * 2, end))
    yield Case("7.1.3", "a ping after goodbye has no pong", (GOODBYE + ping, end))
    yield Case("7.1.4", "a text after goodbye is not answered", (GOODBYE + HELLO, end))
    yield Case("7.1.5", "goodbye between two fragments", (begun + GOODBYE + rest, end))
    big = masked(TEXT, command(sized(256 * 1024)))
    yield Case("7.1.6", "256 KiB, goodbye and a ping", (big + GOODBYE + ping, Ends(TOO_BIG)), INFORMATIONAL)
    yield Case("7.3.1", "goodbye without a code", (masked(CLOSE), Ends(NO_CODE)))
    yield Case("7.3.2", "goodbye with half a code", (masked(CLOSE, b"x"), VIOLATED))
    yield Case("7.3.3", "goodbye with a code", (GOODBYE, end))
    yield Case("7.3.4", "goodbye with a reason", (masked(CLOSE, DONE.to_bytes(2) + b"done"), end))
    yield Case("7.3.5", "goodbye with the longest reason", (masked(CLOSE, DONE.to_bytes(2) + b"*" * 123), end))
    yield Case("7.3.6", "goodbye with a reason too long", (masked(CLOSE, DONE.to_bytes(2) + b"*" * 124), VIOLATED))
    broken = DONE.to_bytes(2) + utf8.GREEK.encode() + b"\xed\xa0\x80"
    yield Case("7.5.1", "a reason that is no UTF-8", (masked(CLOSE, broken), Ends(NOT_UTF8)))
    for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield Case(f"7.7.{number}", f"goodbye with {code} is given back", (masked(CLOSE, code.to_bytes(2)), Ends(code)))
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", f"no goodbye has {code}", (masked(CLOSE, code.to_bytes(2)), VIOLATED))
    for number, code in enumerate((5000, 65535), 1):
        script = (masked(CLOSE, code.to_bytes(2)), VIOLATED)
        yield Case(f"7.13.{number}", f"{code} means nothing", script, INFORMATIONAL)


def limits() -> Iterator[Case]:
    """9: up to the bounds, and promptly over at them. Autobahn goes on to 16 MiB and thousands of messages."""
    over = FRAME_BYTES + 1
    yield Case("9.1.1", "a text of 64 KiB", (masked(TEXT, command(sized(FRAME_BYTES))), Reply(sized(FRAME_BYTES))))
    for number, opcode in (("9.1.2", TEXT), ("9.2.2", BINARY)):
        head = masked(opcode, b"*" * 4 * FRAME_BYTES)[:1000]
        yield Case(number, "256 KiB are refused by their length", (head, Ends(TOO_BIG)), POLICY)
    for number, opcode in (("9.3.8", TEXT), ("9.4.8", BINARY)):
        writes = fragments(*chops(b"*" * over, FRAME_BYTES // 2), opcode=opcode)
        yield Case(number, "large fragments are refused where they become too much", (*writes, Ends(TOO_BIG)), POLICY)
    for number, opcode in (("9.3.1", TEXT), ("9.4.1", BINARY)):
        writes = fragments(*chops(b"*" * 64 * (FRAMES_AT_ONCE + 100), 64), opcode=opcode)
        yield Case(number, "small fragments without end are a flood", (b"".join(writes), Ends(FLOODING)), POLICY)
    for number, opcode in (("9.5.1", TEXT), ("9.6.1", BINARY)):
        writes = chops(masked(opcode, b"*" * 1024 * 1024)[:640], 64)
        yield Case(number, "1 MiB in chops is refused by its length", (*writes, Ends(TOO_BIG)), POLICY)
    # Sent faster than they can be answered, so that which of them are answered is a matter of chance.
    flood = (masked(CONTINUATION, final=False)) * 1000
    yield Case(
        "9.7.1", "a thousand messages at once are a flood", (masked(TEXT, final=False) + flood, Ends(FLOODING)), POLICY
    )


def auto_fragmentation() -> Iterator[Case]:
    """10: what a sender cuts by itself."""
    writes = fragments(*chops(command(sized(65536)), 1300))
    yield Case("10.1.1", "64 KiB in frames of 1300 octets", (*writes, Reply(sized(65536))))


SECTIONS = (
    framing,
    pings,
    reserved_bits,
    reserved_opcodes,
    fragmentation,
    encoding,
    closing,
    limits,
    auto_fragmentation,
)
CASES = tuple(case for section in SECTIONS for case in section())
# 12 and 13: offers of compression (permessage-deflate), all of which are declined.
OFFERS = (
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_no_context_takeover; client_max_window_bits",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=15, permessage-deflate",
    "permessage-deflate; no_such_parameter",
)
