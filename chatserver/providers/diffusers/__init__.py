"""Pictures by a diffusers pipeline on this machine: any Stable Diffusion model, on the processor or a graphics card.

`provider` asks, `studio` paints in a process of its own: it alone imports torch. `models` knows, without loading
anything, whether there is something to load.
"""

from chatserver.providers.diffusers.models import INSTALL, missing_packages, problem
from chatserver.providers.diffusers.provider import Diffusers

__all__ = ["INSTALL", "Diffusers", "missing_packages", "problem"]
