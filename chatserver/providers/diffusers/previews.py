"""Previews straight from the latents, without the decoder: a linear map from latent channels to colours.

The map is fitted once to the model's own encoder (a chart of soft colours, encoded, compared with itself), so it holds
for any model whose latents are a picture, and costs less than a millisecond for each preview.
"""

import io
import time
from typing import Any

import torch
from PIL import Image

PREVIEW_SIDE = 160
# At most four previews a second: more would only be dropped on the way to the browser.
PREVIEW_SECONDS = 0.25
# A chart of 8 × 8 soft patches: large enough for a thousand latents, small enough to be encoded in half a second.
CHART_SIDE, PATCHES = 256, 8


class Previewer:
    """Small WebPs of latents, not too often. None where this model's latents do not lend themselves to it."""

    def __init__(self, pipe: Any) -> None:
        self._colours = _fitted(pipe)
        self._last = 0.0

    def of(self, latents: "torch.Tensor") -> bytes | None:
        """A preview, or None while the last one is fresh."""
        if self._colours is None or latents.ndim != 4 or latents.shape[1] != len(self._colours) - 1:
            return None
        if time.monotonic() - self._last < PREVIEW_SECONDS:
            return None
        self._last = time.monotonic()
        return _webp(_pixels(latents[0].float().cpu(), self._colours))


def _fitted(pipe: Any) -> "torch.Tensor | None":
    try:
        return _fit(pipe.vae)
    except Exception:  # noqa: BLE001  encoders differ from family to family; a model without previews is still one
        return None


def _fit(vae: Any) -> "torch.Tensor | None":
    """(channels + 1) × 3: what each channel adds to red, green and blue (0–1), and the constant. Least squares."""
    chart = _chart()
    latents = _encoded(vae, chart)
    if latents.ndim != 3 or not torch.isfinite(latents).all():
        return None
    colours = torch.nn.functional.adaptive_avg_pool2d(chart, latents.shape[1:])
    # A channel may say what others say already: small singular values are noise, and would be blown up to any colour.
    return torch.linalg.pinv(_with_constant(latents).double(), rtol=1e-4).float() @ colours.flatten(1).T.float()


def _chart() -> "torch.Tensor":
    """3 × side × side, 0–1, the same every time."""
    patches = torch.rand((1, 3, PATCHES, PATCHES), generator=torch.Generator().manual_seed(0))
    size = (CHART_SIDE, CHART_SIDE)
    return torch.nn.functional.interpolate(patches, size, mode="bicubic", align_corners=False)[0].clamp(0, 1)


def _encoded(vae: Any, chart: "torch.Tensor") -> "torch.Tensor":
    """The chart's latents, channels × height × width, scaled as they are while a picture is made."""
    # In half precision some encoders overflow.
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
    calm = latents / latents.std().clamp(min=1.0)
    pixels = (_with_constant(calm) @ colours).clamp(0, 1)
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
