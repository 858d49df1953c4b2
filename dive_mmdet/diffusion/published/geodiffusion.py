"""GeoDiffusion (arXiv 2306.04607) in diffusers' format -> config and weights of a generator of images given a prompt
that names objects and where they are.
"""
import math
from typing import Any

from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint
from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT

from .clip_text import ClipText
from .diffusers_pipeline import Network
from .text_encoder import EncodedText

SLOTS = 18  # objects of the published training on COCO-Stuff: 77 tokens hold no more of two words each


def geodiffusion_generator(network: Network, encoder: ClipText,
                           text: EncodedText) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights; of the text encoder's words those of prompts remain.

    Args:
        network: of the pipeline.
        encoder: of the same pipeline, which was trained with it.
        text: of the classes, by its tokenizer.

    Raises:
        UnreadableCheckpoint: the UNet has gates, or the text encoder lacks words that the tokenizer has.
    """
    if network.takes_boxes:
        raise UnreadableCheckpoint(f'{network.file} is of a UNet with gates for boxes, and the text has location '
                                   'tokens: encode it without --layout for a GLIGEN, or give the UNet of a '
                                   'GeoDiffusion.')
    words, before, end, padding, places = (text.tensors[name] for name in (
        'words', 'before', 'end', 'padding', 'places'))
    most = max(int(ids.max()) for ids in (words, before, end, padding, places))
    if most >= len(encoder.words):
        raise UnreadableCheckpoint(f'{encoder.file} has {len(encoder.words)} words and the tokenizer of the text '
                                   f'{most + 1} or more: take text encoder and tokenizer of one pipeline.')
    longest, room = words.shape[1], encoder.config['length'] - len(before) - 1
    config = dict(
        type='dive_mmdet.LayoutGenerator',
        vocabulary=dict(num_classes=len(words), num_objects=min(SLOTS, room // TOKENS_PER_OBJECT),
                        grid=math.isqrt(len(places))),
        table=dict(type='dive_mmdet.PromptTable', width=encoder.config['width'], words=longest),
        condition=dict(type='dive_mmdet.PromptEncoder', words=longest, before=len(before), **encoder.config),
        **network.config)
    table = {
        'table.weight': encoder.words[words.clamp(min=0)], 'table.has_word': (words >= 0).float(),
        'table.places': encoder.words[places], 'condition.before': encoder.words[before],
        'condition.end': encoder.words[end[0]], 'condition.padding': encoder.words[padding[0]]}
    transformer = {f'condition.transformer.{name}': value for name, value in encoder.weights.items()}
    return config, table | transformer | network.weights
