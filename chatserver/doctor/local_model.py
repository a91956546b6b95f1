"""The model of the diffusers provider: its packages, and its folder as far as that shows without loading it."""

from chatserver.config import Config
from chatserver.doctor.findings import Finding, failure, ok
from chatserver.providers import diffusers

NAME = "local model"


def check(config: Config) -> list[Finding]:
    """The findings on the model; none where the diffusers provider is not in use."""
    if "diffusers" not in config.provider_order:
        return []
    missing = diffusers.missing_packages()
    if missing:
        return [
            failure(
                NAME,
                f"Not installed: {', '.join(missing)}.",
                f"Run {diffusers.INSTALL}",
            )
        ]
    if not config.diffusers_model:
        return [failure(NAME, "DIFFUSERS_MODEL is not set.", "Set it to the folder of a pipeline, or a hub id.")]
    words = diffusers.problem(config.diffusers_model)
    if words:
        return [failure(NAME, words, "Set DIFFUSERS_MODEL to the folder of a whole pipeline (docs/diffusers.md).")]
    makes = {"image": "pictures", "variation": "variations", "edit": "edits by an instruction"}
    tasks = diffusers.tasks(config.diffusers_model)
    does = ", ".join(words for task, words in makes.items() if task in tasks)
    return [ok(NAME, f"{config.diffusers_model} is there to be loaded at the first picture. It makes: {does}.")]
