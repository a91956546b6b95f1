"""Compressed zeros, very many of few bytes, without compressing them all: one block of them, repeated."""

import struct
import zlib

_BLOCK = 1 << 20
# The prime of Adler-32.
_ADLER = 65_521


def deflated(count: int) -> bytes:
    """A raw deflate stream of so many zeros; at most a mebibyte of them is compressed here."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush nothing refers to what came before.
    block = packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (count // _BLOCK) + packer.compress(bytes(count % _BLOCK)) + packer.flush()


def zlib_stream(count: int) -> bytes:
    """So many zeros as `zlib.compress` gives them."""
    return b"\x78\xda" + deflated(count) + struct.pack(">I", count % _ADLER << 16 | 1)


def gzip_stream(beginning: bytes, count: int) -> bytes:
    """`beginning` and so many zeros behind it, as `gzip.compress` gives them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(beginning) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum, block = zlib.crc32(beginning), bytes(_BLOCK)
    for _ in range(count // _BLOCK):
        checksum = zlib.crc32(block, checksum)
    checksum = zlib.crc32(bytes(count % _BLOCK), checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return header + first + deflated(count) + struct.pack("<II", checksum, (len(beginning) + count) % (1 << 32))
