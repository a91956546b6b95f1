"""Checks that a clip's file is as long as its container declares: a truncated one would play to the cut, and bytes after the
end could be another file that must not be served.

Sources: RFC 8794 and RFC 9559 (EBML, Matroska), ISO/IEC 14496-12 §4.2 (the boxes of MP4).
"""

SEGMENT = b"\x18\x53\x80\x67"


def webm_length_matches(data: bytes) -> bool:
    """Whether a header element and one segment fill the file. A segment of unknown size (a live recording) always does."""
    _, header_size, offset = _element(data, 0)
    if header_size is None:
        return False
    name, size, offset = _element(data, offset + header_size)
    return name == SEGMENT and (size is None or offset + size == len(data))


def mp4_length_matches(data: bytes) -> bool:
    """Whether consecutive boxes fill the file."""
    offset = 0
    while offset + 8 <= len(data):
        size = int.from_bytes(data[offset : offset + 4])
        if size == 0:  # "to the end of the file"
            return True
        if size == 1:
            size = int.from_bytes(data[offset + 8 : offset + 16])
        if size < 8:
            return False
        offset += size
    return offset == len(data)


def _element(data: bytes, offset: int) -> tuple[bytes, int | None, int]:
    """(Name, size or None where unknown, offset of the content) of the EBML element at `offset`."""
    name_length = _length(data, offset)
    size_offset = offset + name_length
    size_length = _length(data, size_offset)
    bits = 7 * size_length
    size = int.from_bytes(data[size_offset : size_offset + size_length]) & ((1 << bits) - 1)
    unknown = size == (1 << bits) - 1
    return data[offset:size_offset], None if unknown else size, size_offset + size_length


def _length(data: bytes, offset: int) -> int:
    """How many bytes a variable-length number takes: the number of leading zero bits of its first byte, plus one."""
    first = data[offset] if offset < len(data) else 0
    return 9 - first.bit_length()
