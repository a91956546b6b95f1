"""Previews computed from the latents without the decoder, by a linear map from latent channels to colours.

The map is fitted once to the model's own encoder (a chart of smooth colours and its encoding, by least squares), so it
works for any model whose latents are spatial. A preview costs less than a millisecond.
"""

import io
import time
from typing import Any

import torch
from PIL import Image

PREVIEW_SIDE = 160
# At most four previews a second: more would only be dropped on the way to the browser.
PREVIEW_SECONDS = 0.25
# The chart has 8 × 8 interpolated patches: a thousand latents to fit to, and encoded in half a second.
CHART_SIDE, PATCHES = 256, 8


class Previewer:
    """Makes WebP previews of latents, at most one every PREVIEW_SECONDS."""

    def __init__(self, pipe: Any) -> None:
        self._colours = _fitted(pipe)
        self._last = 0.0

    def encode(self, latents: "torch.Tensor") -> bytes | None:
        """A WebP of 1 × channels × height × width latents.

        None where the last preview is more recent than PREVIEW_SECONDS, or where this model's latents fit no linear map.
        """
        if self._colours is None or latents.ndim != 4 or latents.shape[1] != len(self._colours) - 1:
            return None
        if time.monotonic() - self._last < PREVIEW_SECONDS:
            return None
        self._last = time.monotonic()
        return _webp(_pixels(latents[0].float().cpu(), self._colours))


def _fitted(pipe: Any) -> "torch.Tensor | None":
    try:
        return _fit(pipe.vae)
    except Exception:  # noqa: BLE001  encoders differ between model families; a model without previews still works
        return None


def _fit(vae: Any) -> "torch.Tensor | None":
    """(channels + 1) × 3: what each channel adds to red, green and blue (0–1), and the constant. Least squares."""
    chart = _chart()
    latents = _encoded(vae, chart)
    if latents.ndim != 3 or not torch.isfinite(latents).all():
        return None
    colours = torch.nn.functional.adaptive_avg_pool2d(chart, latents.shape[1:])
    # Channels may be linearly dependent: tiny singular values are noise, and inverting them gives arbitrary colours.
    return torch.linalg.pinv(_with_constant(latents).double(), rtol=1e-4).float() @ colours.flatten(1).T.float()


def _chart() -> "torch.Tensor":
    """The chart, 3 × side × side, values 0–1, from a fixed seed."""
    patches = torch.rand((1, 3, PATCHES, PATCHES), generator=torch.Generator().manual_seed(0))
    size = (CHART_SIDE, CHART_SIDE)
    return torch.nn.functional.interpolate(patches, size, mode="bicubic", align_corners=False)[0].clamp(0, 1)


def _encoded(vae: Any, chart: "torch.Tensor") -> "torch.Tensor":
    """The latents of the chart, channels × height × width, scaled as during denoising."""
    # Some encoders overflow in half precision.
    vae_type = vae.dtype
    vae.to(dtype=torch.float32)
    with torch.no_grad():
        encoded = vae.encode((chart * 2 - 1)[None].to(vae.device))
    vae.to(dtype=vae_type)
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    scaled: torch.Tensor = (latents[0].cpu() - shift) * vae.config.scaling_factor
    return scaled


def _pixels(latents: "torch.Tensor", colours: "torch.Tensor") -> "torch.Tensor":
    # Some schedulers begin with noise ten times as strong as any picture.
    scaled = latents / latents.std().clamp(min=1.0)
    pixels = (_with_constant(scaled) @ colours).clamp(0, 1)
    return (pixels * 255).round().to(torch.uint8).reshape(*latents.shape[1:], 3)


def _with_constant(latents: "torch.Tensor") -> "torch.Tensor":
    flat = latents.flatten(1).T
    return torch.cat([flat, torch.ones(len(flat), 1)], dim=1)


def _webp(pixels: "torch.Tensor") -> bytes:
    image = Image.fromarray(pixels.numpy())
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=60, method=2)
    return buffer.getvalue()
