"""Random pipelines in diffusers' format at the sizes of the public ones, for published_size.py."""
import json
from collections.abc import Iterable
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from safetensors.torch import save_file
from torch import Tensor

from dive_mmdet.diffusion.published.text_encoder import EncodedText
from dive_mmdet.registry import MODELS

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = dict(gligen='configs/dive/gligen/dive_gligen_coco-zero-shot.py',
               geodiffusion='configs/dive/geodiffusion/dive_geodiffusion-512_coco.py')
WORDS = 49408  # of CLIP's tokenizer
CLIP = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            max_position_embeddings=77, hidden_act='quick_gelu', architectures=['CLIPTextModel'])


def drawn(shapes: Iterable[tuple[str, torch.Size]]) -> dict[str, Tensor]:
    return {name: 0.02 * torch.randn(shape) for name, shape in shapes}


def write_part(folder: Path, file: str, config: dict, weights: dict[str, Tensor]) -> None:
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps(config))
    save_file(weights, folder / file)


def clip_shapes(words: int) -> list[tuple[str, torch.Size]]:
    """Of transformers' `CLIPTextModel`."""
    width, mlp = CLIP['hidden_size'], CLIP['intermediate_size']
    linears = {f'self_attn.{name}_proj': (width, width) for name in ('q', 'k', 'v', 'out')} | {
        'mlp.fc1': (mlp, width), 'mlp.fc2': (width, mlp), 'layer_norm1': (width,), 'layer_norm2': (width,)}
    shapes = [('embeddings.token_embedding.weight', (words, width)),
              ('embeddings.position_embedding.weight', (CLIP['max_position_embeddings'], width)),
              ('final_layer_norm.weight', (width,)), ('final_layer_norm.bias', (width,))]
    for layer in range(CLIP['num_hidden_layers']):
        for name, shape in linears.items():
            full = f'encoder.layers.{layer}.{name}'
            shapes += [(f'{full}.weight', shape), (f'{full}.bias', shape[:1])]
    return [(f'text_model.{name}', torch.Size(shape)) for name, shape in shapes]


def write_pipeline(kind: str, folder: Path) -> Path:
    """Write a pipeline, and the text of COCO's names as encode_text.py would; returns the file of the text."""
    config = Config.fromfile(ROOT / CONFIGS[kind])
    backbone = config.model.backbone
    with torch.device('meta'), DefaultScope.overwrite_default_scope('dive_mmdet'):
        shapes = {name: value.shape for name, value in MODELS.build(backbone).state_dict().items()}
    for part, prefix, model, name in (('unet', 'denoiser.unet.', backbone.denoiser.model, 'UNet2DConditionModel'),
                                      ('vae', 'first_stage.autoencoder.', backbone.first_stage.model, 'AutoencoderKL')):
        write_part(folder / part, 'diffusion_pytorch_model.safetensors', dict(model, _class_name=name),
                   drawn((key.removeprefix(prefix), shape) for key, shape in shapes.items() if key.startswith(prefix)))
    (folder / 'scheduler').mkdir()
    (folder / 'scheduler/scheduler_config.json').write_text(json.dumps(dict(
        beta_schedule='scaled_linear', beta_start=0.00085, beta_end=0.012, num_train_timesteps=1000)))
    names, width = list(config.classes), CLIP['hidden_size']
    if kind == 'geodiffusion':
        places = torch.arange(backbone.vocabulary.grid ** 2) + WORDS
        write_part(folder / 'text_encoder', 'model.safetensors', CLIP, drawn(clip_shapes(WORDS + len(places))))
        tensors = dict(words=torch.randint(WORDS, (len(names), backbone.table.words)), before=torch.arange(4),
                       end=torch.tensor([WORDS - 1]), padding=torch.tensor([WORDS - 1]), places=places)
    else:
        tensors = dict(phrases=torch.randn(len(names), width), caption=torch.randn(77, width))
    EncodedText(names, tensors, None).write(folder / 'text.pth')
    return folder / 'text.pth'
