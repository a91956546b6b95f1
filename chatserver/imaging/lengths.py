"""Whether a clip is as long as it says: a cut one would play to the cut, and what follows the end is not ours to serve.

Sources: RFC 8794 and RFC 9559 (EBML, Matroska), ISO/IEC 14496-12 §4.2 (the boxes of MP4).
"""

SEGMENT = b"\x18\x53\x80\x67"


def webm_ends_where_it_says(data: bytes) -> bool:
    """A header element and one segment that fill the file; a segment of unknown size (a live recording) runs to the end."""
    _, header_size, place = _element(data, 0)
    if header_size is None:
        return False
    name, size, place = _element(data, place + header_size)
    return name == SEGMENT and (size is None or place + size == len(data))


def mp4_ends_where_it_says(data: bytes) -> bool:
    """Boxes that follow each other to the end of the file."""
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4])
        if size == 0:  # "to the end of the file"
            return True
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16])
        if size < 8:
            return False
        place += size
    return place == len(data)


def _element(data: bytes, place: int) -> tuple[bytes, int | None, int]:
    """(Name, size or None where unknown, where the content begins) of the EBML element at `place`."""
    name_length = _length(data, place)
    size_place = place + name_length
    size_length = _length(data, size_place)
    bits = 7 * size_length
    size = int.from_bytes(data[size_place : size_place + size_length]) & ((1 << bits) - 1)
    unknown = size == (1 << bits) - 1
    return data[place:size_place], None if unknown else size, size_place + size_length


def _length(data: bytes, place: int) -> int:
    """How many bytes a variable-length number takes: the leading zero bits of its first byte, and one."""
    first = data[place] if place < len(data) else 0
    return 9 - first.bit_length()
