"""A pipeline's CLIP text encoder, run once: names and prompts -> vectors, and the file that keeps them.

Running it needs transformers, which nothing else here does; mmdet and mmpretrain do not import beside transformers 5,
so vectors are made in a process of their own.
"""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dive_mmdet.checkpoints.class_names import as_text
from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.checkpoints.publishing import write_whole
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted

from .diffusers_parts import read_part

AT_ONCE = 64
STEMS = ('model', 'pytorch_model')


def of_transformers(*names: str) -> list[type]:
    """Classes of transformers.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        import transformers
    except ModuleNotFoundError:
        raise ModuleNotFoundError('Text is encoded by transformers, which is not installed: `pip install --target text '
                                  'transformers`, and run this with PYTHONPATH=text.') from None
    return [getattr(transformers, name) for name in names]


def read_tokenizer(folder: Path):
    """CLIP's tokenizer of a directory.

    Raises:
        ModuleNotFoundError: transformers is not installed.
        OSError: there is none.
    """
    return of_transformers('CLIPTokenizer')[0].from_pretrained(folder, local_files_only=True)


def require_room(text: str, count: int, most: int) -> None:
    """Raises ValueError where a text has more tokens than the text encoder takes."""
    if count > most:
        raise ValueError(f"'{text[:40]}...' has {count} tokens and the text encoder takes {most}: shorten it.")


class TextEncoder:
    """Text encoder and tokenizer of a pipeline.

    Args:
        encoder, tokenizer: their directories.

    Raises:
        ModuleNotFoundError: transformers is not installed.
        FileNotFoundError, UnreadableCheckpoint, WeightsMismatch: the directory does not hold a CLIP text encoder with
            all of its weights.
    """

    def __init__(self, encoder: Path, tokenizer: Path):
        CLIPTextConfig, CLIPTextModel = of_transformers('CLIPTextConfig', 'CLIPTextModel')
        part = read_part(encoder, ('CLIPTextModel',), STEMS)
        self.config = CLIPTextConfig.from_dict(part.config)
        self.model, loading = CLIPTextModel.from_pretrained(
            None, config=self.config, state_dict={name: value.float() for name, value in part.weights.items()},
            output_loading_info=True)
        wrong = sorted(map(str, (*loading['missing_keys'], *loading['mismatched_keys'])))
        if wrong:
            raise WeightsMismatch(f'{part.file} lacks {len(wrong)} weights of the text encoder that its config '
                                  f'describes ({wrong[0]}): download it again.')
        self.model.eval().requires_grad_(False)
        self.tokenizer = read_tokenizer(tokenizer)

    @property
    def length(self) -> int:
        """Tokens of a prompt, 77."""
        return min(self.tokenizer.model_max_length, self.config.max_position_embeddings)

    def phrases(self, phrases: Sequence[str]) -> Tensor:
        """Pooled vectors as GLIGEN takes them, before any projection, (C, W)."""
        return torch.cat([self._encode(phrases[start:start + AT_ONCE], True).pooler_output
                          for start in range(0, len(phrases), AT_ONCE)])

    def prompts(self, prompts: Sequence[str]) -> Tensor:
        """What a UNet attends to of each prompt, (M, S, W)."""
        return torch.cat([self._encode(prompts[start:start + AT_ONCE], 'max_length').last_hidden_state
                          for start in range(0, len(prompts), AT_ONCE)])

    def _encode(self, texts: Sequence[str], padding: bool | str):
        for text in texts:
            require_room(text, len(self.tokenizer(text).input_ids), self.length)
        found = self.tokenizer(list(texts), padding=padding, max_length=self.length, truncation=True,
                               return_tensors='pt')
        mask = found.attention_mask if padding is True or getattr(self.config, 'use_attention_mask', False) else None
        with torch.no_grad():
            return self.model(found.input_ids, attention_mask=mask)


class EncodedText(NamedTuple):
    """What remains of a text encoder.

    Attributes:
        names: of the C classes.
        tensors: `phrases` (C, W), `caption` (S, W) of the empty prompt, and, where templates were given, `prompts`
            (C T, S, W), all of a class together; or the ids that `layout_tokens` makes of names.
        prompt: the T templates, in which {} stands for a name, or that of layouts.
    """
    names: list[str]
    tensors: dict[str, Tensor]
    prompt: list[str] | str | None

    def write(self, target: Path) -> None:
        """Whole or not at all."""
        write_whole(target, dict(meta=dict(kind='text', classes=self.names, prompt=self.prompt),
                                 state_dict=self.tensors))

    @classmethod
    def read(cls, source: Path) -> 'EncodedText':
        """Raises UnreadableCheckpoint where `source` is something else."""
        found = load_untrusted(source)
        meta = found.get('meta') or {}
        if not isinstance(meta, dict) or meta.get('kind') != 'text':
            raise UnreadableCheckpoint(f'{source} holds no encoded text: make it by '
                                       'tools/model_converters/encode_text.py.')
        return cls(list(meta['classes']), found['state_dict'], meta['prompt'])


def encode(text: TextEncoder, names: Sequence[str], prompts: Sequence[str] | None) -> EncodedText:
    """Names as phrases, the empty caption, and each name in each of the T prompts, if there are any.

    Raises:
        ValueError: a text that is too long, or a prompt without a place for the name.
    """
    tensors = dict(phrases=text.phrases(names), caption=text.prompts([''])[0])
    for prompt in prompts or ():
        if prompt.count('{}') != 1:
            raise ValueError(f"The prompt '{prompt}' needs one {{}}, where the name of a class goes.")
    if prompts:
        tensors['prompts'] = text.prompts([prompt.replace('{}', name) for name in names for prompt in prompts])
    return EncodedText(list(names), tensors, list(prompts or ()) or None)


def read_names(text: str) -> list[str]:
    """Names of classes, from a text file with one a line, or as they stand between commas.

    Raises:
        ValueError: there is none, or two that a text encoder, which knows no capitals, cannot tell apart.
    """
    path = Path(text)
    names = [name.strip() for name in (path.read_text().splitlines() if path.is_file() else text.split(','))]
    names = [name for name in names if name]
    if not names:
        raise ValueError('There is no class: name some, between commas or in a text file with one a line.')
    seen = {}
    for name in names:
        other = seen.setdefault(as_text(name), name)
        if other is not name:
            raise ValueError(f"The classes '{other}' and '{name}' are the same text: give every class a name of its "
                             'own.')
    return names
