"""GLIGEN (arXiv 2301.07093) in diffusers' format -> config and weights of a generator of images given boxes and names.
"""
from typing import Any

from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint

from .diffusers_pipeline import Network
from .text_encoder import EncodedText

SLOTS = 30  # objects that every published GLIGEN was trained with


def gligen_generator(network: Network, text: EncodedText, grid: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights; of the text encoder one vector a name and the empty caption remain.

    Args:
        network: of the pipeline.
        text: names of the classes, each a phrase.
        grid: points an axis on which corners of answers lie.

    Raises:
        UnreadableCheckpoint: the UNet has no gates.
    """
    if not network.takes_boxes:
        raise UnreadableCheckpoint(f'{network.file} is of a UNet without gates, which no box reaches: give that of a '
                                   'GLIGEN.')
    phrases, caption = text.tensors['phrases'], text.tensors['caption']
    config = dict(
        type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=len(phrases), num_objects=SLOTS, grid=grid),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=phrases.shape[1]),
        condition=dict(type='dive_mmdet.GroundingEncoder', width=phrases.shape[1], slots=SLOTS,
                       caption_length=len(caption)), **network.config)
    return config, {'table.weight': phrases, 'condition.caption': caption, **network.weights}
