"""Names of classes -> ids of the words of a prompt that says where objects are.

GeoDiffusion's (arXiv 2306.04607; KaiChen1998/GeoDiffusion, `utils/data/coco_stuff.py`): an object is its name and two
location tokens, of the tokens `<l0>` to `<lN>`, which count the points of a square grid row by row.
"""
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .text_encoder import EncodedText, require_room

PLACES_OF_AN_OBJECT = 2


def layout_tokens(tokenizer, names: Sequence[str], prompt: str) -> EncodedText:
    """Ids by the tokenizer of a pipeline: `words` (C, M), those of a name at the end and -1 before them; `before` (P,)
    with the begin; `end`, `padding` (1,) each; `places` (n n,).

    Args:
        tokenizer: CLIP's, with location tokens.
        names: of the classes.
        prompt: of a layout, {} at its end, where the objects go.

    Raises:
        ValueError: no location tokens, or not those of a square; a prompt without a place for objects, or with words
            behind it; a name with which not even one object fits.
    """
    if prompt.count('{}') != 1 or not prompt.endswith('{}'):
        raise ValueError(f"The prompt of a layout '{prompt}' needs one {{}} at its end, where the objects go.")
    places = _places(tokenizer)
    begin, end = tokenizer('').input_ids[0], tokenizer.eos_token_id
    before = [begin, *_ids(tokenizer, prompt.removesuffix('{}'))]
    words = [_ids(tokenizer, name) for name in names]
    for name, ids in zip(names, words):
        require_room(prompt.replace('{}', name), len(before) + len(ids) + PLACES_OF_AN_OBJECT + 1,
                     tokenizer.model_max_length)
    longest = max(map(len, words))
    return EncodedText(list(names), dict(
        words=torch.tensor([[-1] * (longest - len(ids)) + ids for ids in words]), before=torch.tensor(before),
        end=torch.tensor([end]), padding=torch.tensor([tokenizer.pad_token_id]), places=places), prompt)


def _ids(tokenizer, text: str) -> list[int]:
    """Of a text, without those of its begin and end."""
    return tokenizer(text, add_special_tokens=False).input_ids


def _places(tokenizer) -> Tensor:
    """Ids of the location tokens, (n n,)."""
    known, ids = tokenizer.get_vocab(), []
    while (token := f'<l{len(ids)}>') in known:
        ids.append(known[token])
    if not ids:
        raise ValueError('The tokenizer has no location tokens <l0>, <l1>, ...: give that of a GeoDiffusion.')
    if math.isqrt(len(ids)) ** 2 != len(ids):
        raise ValueError(f'The tokenizer has {len(ids)} location tokens, which are no square grid: corners are points '
                         'of one that has as many rows as columns.')
    return torch.tensor(ids)
