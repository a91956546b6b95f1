"""The painter of the built-in provider: from a prompt and a seed to pixels, with numpy and Pillow alone.

`reading` makes a brief of the prompt, `compositions` chooses the layers, the layer modules (sky, land, water, …) paint
them back to front, `finishing` gives the style. Sizes are in units of the picture, so the same prompt and seed give the
same composition at every resolution. Runs in a child process (`python -m chatserver.providers.sketch.painting.painter`).
"""
