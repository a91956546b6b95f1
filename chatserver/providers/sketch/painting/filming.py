"""Short clips: the picture's layers on planes at their distances, moved against each other, one frame after another.

Everything swings or runs in whole turns, so that the last frame leads back to the first: players repeat short clips.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from chatserver.providers.sketch.painting import compositions, finishing, stage
from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array
from chatserver.providers.sketch.painting.reading import Brief
from chatserver.providers.sketch.painting.scene import Layer

SECONDS = 3
FRAMES_A_SECOND = 16
# Longer sides and larger areas take more than a minute of CPU and look no better for it.
LONGEST, LARGEST = 896, 640 * 640
# How far the nearest plane swings to either side, as a part of the width.
SWING = 0.05
WATER = {"sea", "lake", "water", "harbour", "glitter", "breakers 1", "breakers 5", "breakers 7"}
# Whole falls through the picture in one clip.
FALLS = {"rain": 4, "snowfall": 1, "petals": 1}


@dataclass
class Plane:
    """Layers that move together: premultiplied pixels with alpha, and the rows that they touch."""

    depth: float
    names: set[str]
    canvas: Canvas

    def rows(self) -> slice:
        assert self.canvas.alpha is not None
        used = np.nonzero((self.canvas.alpha.max(axis=1) > 0) | (self.canvas.rgb.max(axis=(1, 2)) > 0))[0]
        return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)


class Film:
    """One clip in the making. `steps` counts layers and frames."""

    def __init__(self, brief: Brief, seed: int, width: int, height: int) -> None:
        self.width, self.height = _even(width, height)
        self._margin = int(self.width * SWING) + 2
        self._scene = stage.scene_of(brief, seed, self.width + 2 * self._margin, self.height)
        self._shown = stage.scene_of(brief, seed, self.width, self.height)
        self._layers = compositions.layers_of(self._scene)
        self._planes: list[Plane] = []
        self._frames = SECONDS * FRAMES_A_SECOND
        self._buffer = io.BytesIO()
        self.steps = len(self._layers) + self._frames

    def shoot(self) -> Iterator[Array]:
        """Paints the planes, then takes the frames; yields what is to be seen after each step."""
        self._scene.below = self._flat
        for layer in self._layers:
            layer.paint(self._plane_for(layer).canvas, self._scene)
            yield self._flat()
        with av.open(self._buffer, "w", format="webm", options={"fflags": "+bitexact"}) as container:
            stream = self._stream(container)
            for number in range(self._frames):
                frame = self._frame(number / self._frames)
                container.mux(stream.encode(_video_frame(frame, number)))
                yield frame
            container.mux(stream.encode())

    def finished(self) -> bytes:
        """The WebM."""
        return self._buffer.getvalue()

    def _plane_for(self, layer: Layer) -> Plane:
        """The plane in front, if the layer moves with it; otherwise a new one before it."""
        special = {layer.name} & (WATER | FALLS.keys() | {"stars"})
        front = self._planes[-1] if self._planes else None
        if (
            front
            and not special
            and not front.names & (FALLS.keys() | {"stars"} | WATER)
            and abs(front.depth - layer.depth) < 0.09
        ):
            return front
        if front and special and special <= WATER and front.names & WATER:
            return front
        plane = Plane(layer.depth, special, Canvas(self._scene.width, self._scene.height, transparent=True))
        self._planes.append(plane)
        return plane

    def _flat(self) -> Array:
        flat = np.zeros((self._scene.height, self._scene.width, 3), dtype=np.float32)
        for plane in self._planes:
            assert plane.canvas.alpha is not None
            flat *= 1 - plane.canvas.alpha[..., None]
            flat += plane.canvas.rgb
        return flat

    def _frame(self, t: float) -> Array:
        picture = np.zeros((self.height, self.width, 3), dtype=np.float32)
        for plane in self._planes:
            rows = plane.rows()
            pixels, alpha = self._moved(plane, rows, t)
            part = picture[rows]
            part *= 1 - alpha[..., None]
            part += pixels
        canvas = Canvas(self.width, self.height)
        canvas.rgb[:] = np.clip(picture, 0, 1)
        finishing.finish(canvas, self._shown)
        return canvas.rgb

    def _moved(self, plane: Plane, rows: slice, t: float) -> tuple[Array, Array]:
        assert plane.canvas.alpha is not None
        stack = np.dstack([plane.canvas.rgb[rows], plane.canvas.alpha[rows]])
        turn = 2 * np.pi * t
        for name in plane.names & FALLS.keys():
            stack = np.roll(stack, int(self.height * FALLS[name] * t), axis=0)
        offset = self._margin * (1 + 0.94 * plane.depth * float(np.sin(turn)))
        if plane.names & WATER:
            window = _rippled(stack, offset, self.width, t, self._scene.unit)
        else:
            window = _window(stack, offset, self.width)
        if "stars" in plane.names:
            window = window * self._twinkle(window.shape[0], turn)[..., None]
        return window[..., :3], window[..., 3]

    def _twinkle(self, rows: int, turn: float) -> Array:
        phases = self._scene.dice("twinkle").uniform(0, 2 * np.pi, (rows // 9 + 1, self.width // 9 + 1))
        grown = phases.repeat(9, axis=0).repeat(9, axis=1)[:rows, : self.width]
        return (0.75 + 0.35 * np.sin(2 * turn + grown)).astype(np.float32)

    def _stream(self, container: av.container.OutputContainer) -> av.video.stream.VideoStream:
        stream = container.add_stream("libvpx-vp9", rate=FRAMES_A_SECOND)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"deadline": "realtime", "cpu-used": "7", "crf": "30", "b:v": "0"}
        return stream


def _even(width: int, height: int) -> tuple[int, int]:
    """The size of the clip: within what we can film, in even numbers as the codec wants them."""
    scale = min(1.0, LONGEST / max(width, height), (LARGEST / (width * height)) ** 0.5)
    return max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)


def _window(stack: Array, offset: float, width: int) -> Array:
    """`width` columns from `offset` on, exact to a part of a pixel."""
    first = int(offset)
    part = np.float32(offset - first)
    return stack[:, first : first + width] * (1 - part) + stack[:, first + 1 : first + 1 + width] * part


def _rippled(stack: Array, offset: float, width: int, t: float, unit: float) -> Array:
    """The window with each row swaying on its own, more towards us."""
    rows = np.arange(stack.shape[0], dtype=np.float32)
    near = rows / max(1, stack.shape[0])
    sway = np.sin(2 * np.pi * (2 * t + rows / (unit * 0.035) / (0.25 + near))) * unit * 0.006 * (0.25 + near)
    columns = np.arange(width)[None, :] + np.round(offset + sway).astype(np.int64)[:, None]
    return np.asarray(
        np.take_along_axis(stack, np.clip(columns, 0, stack.shape[1] - 1)[..., None], axis=1), dtype=np.float32
    )


def _video_frame(pixels: Array, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8), format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_A_SECOND)
    return frame
