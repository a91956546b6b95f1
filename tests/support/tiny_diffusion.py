"""A tiny Stable Diffusion pipeline with random weights: `python -m tests.support.tiny_diffusion FOLDER`.

Real in every part (tokenizer, text encoder, U-Net, autoencoder, scheduler), so that all of the product's code meets what it
meets in earnest; only what it paints means nothing. FOLDER gets three: `tiny-diffusion`; `prudish`, whose safety checker
refuses everything; and `instructed`, which edits a picture by an instruction.
"""

import json
import string
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 32
LENGTH = 77


def tokenizer(folder: Path) -> CLIPTokenizer:
    """One token for each letter, alone and at the end of a word."""
    letters = string.ascii_lowercase + string.digits + ",.'!?-"
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=LENGTH)


def text_encoder(words: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=LENGTH,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return CLIPTextModel(config)


def unet(in_channels: int = 4) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        in_channels=in_channels,
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=WIDTH,
    )


def autoencoder() -> AutoencoderKL:
    """Four blocks, as in the real one: a latent stands for 8 × 8 pixels."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    )


def safety_checker() -> StableDiffusionSafetyChecker:
    """It refuses every picture: no likeness is below its thresholds."""
    small = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_attention_heads": 4, "num_hidden_layers": 1}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(projection_dim=WIDTH, text_config=small, vision_config={**small, "image_size": 32, "patch_size": 8})
    )
    checker.concept_embeds_weights.data.fill_(-2.0)
    return checker


def pipeline(words: CLIPTokenizer, prudish: bool) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=text_encoder(words),
        tokenizer=words,
        unet=unet(),
        # What Stable Diffusion 1.5 comes with; it takes one step more than it is asked for.
        scheduler=PNDMScheduler(
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, skip_prk_steps=True, steps_offset=1
        ),
        safety_checker=safety_checker() if prudish else None,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32) if prudish else None,
        requires_safety_checker=prudish,
    )


def build(target: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = tokenizer(target / "words")
    pipeline(words, prudish=False).save_pretrained(target / "tiny-diffusion")
    plain = pipeline(words, prudish=False)
    # Half of its channels are for the picture that it edits.
    parts = {**plain.components, "unet": unet(in_channels=8)}
    StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False).save_pretrained(
        target / "instructed"
    )
    pipeline(words, prudish=True).save_pretrained(target / "prudish")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
