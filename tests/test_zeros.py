"""What bombs are made of is what compressing would have made: a decoder must not refuse it for another reason."""

import gzip
import zlib

import pytest

from tests.support import zeros


@pytest.mark.parametrize("count", [0, 1, 65_521, 1 << 20, (3 << 20) + 5])
def test_compressed_zeros_are_zeros_again(count):
    assert zlib.decompress(zeros.zlib_stream(count)) == bytes(count)
    assert gzip.decompress(zeros.gzip_stream(b"before", count)) == b"before" + bytes(count)
