"""Looks at a picture or clip that somebody asks about: what it is, and its fingerprint."""

from PIL import Image

from chatserver.imaging import clips, decoding, pictures
from chatserver.imaging.fingerprints import fingerprint
from chatserver.imaging.protocol import Inspection


def inspect(data: bytes) -> Inspection:
    """The content type and the fingerprint of a whole file. Raises Unreadable."""
    container = clips.container_of(data)
    if container is not None:
        return Inspection(content_type=clips.FORMATS[container][1], fingerprint=fingerprint(clips.poster_of(data)))
    image = decoding.decode(data)
    return Inspection(content_type=Image.MIME[decoding.format_of(data)], fingerprint=pictures.fingerprint_of(image))
