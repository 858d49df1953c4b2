"""Stable Diffusion in diffusers' format -> config and weights of a generator of images given a class.

A class is its prompt, as Diffusion Classifier has it (arXiv 2303.16203): the rows that a UNet attends to; or several,
of which the best speaks for it, as in that repository's `eval_prob_adaptive.py`. The null class is the empty prompt.
"""
from typing import Any

import torch
from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint

from .diffusers_pipeline import Network
from .text_encoder import EncodedText


def class_generator(network: Network, text: EncodedText) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights; of the text encoder what it made of each prompt remains.

    Raises:
        UnreadableCheckpoint: the names were encoded without a prompt.
    """
    if 'prompts' not in text.tensors:
        raise UnreadableCheckpoint('The text holds no prompts of its classes: encode it with --prompt, such as '
                                   "'a photo of a {}.'.")
    table = torch.cat([text.tensors['prompts'], text.tensors['caption'][None]])       # (C T + 1, S, W)
    config = dict(type='dive_mmdet.ClassGenerator', num_classes=len(text.names), row_dim=table.shape[2],
                  rows_per_class=table.shape[1], per_class=len(text.tensors['prompts']) // len(text.names),
                  **network.config)
    return config, {'table.weight': table, **network.weights}
