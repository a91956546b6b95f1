"""Pictures by a diffusers pipeline on this machine: any Stable Diffusion model, on the processor or a graphics card.

`provider` is the parent's side and `pipeline_process` the child process, the only one that imports torch; `protocol` holds
their messages. `models` checks DIFFUSERS_MODEL without loading anything.
"""

from chatserver.providers.diffusers.models import INSTALL, missing_packages, problem, tasks
from chatserver.providers.diffusers.provider import Diffusers

__all__ = ["INSTALL", "Diffusers", "missing_packages", "problem", "tasks"]
