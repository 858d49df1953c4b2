"""A published generator at its real size on this machine: converted, loaded, one forward, one backward.

    PYTHONPATH=tests:tools/model_converters python benchmarks/published_size.py \
        [layout2img | gligen | geodiffusion] [--folder work_dirs/published_size]

The checkpoint is made here in the public format with random values (2.5 GB, and 1.4 GB converted, of layout2img; 4.6 GB
twice of the others; all are deleted), so nothing is downloaded and the numbers mean nothing; seconds and the largest
memory of the process so far are printed.
"""
import argparse
import resource
import shutil
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
import yaml
from mmengine.config import Config
from public_pipelines import CONFIGS, write_pipeline

from dive_mmdet.diffusion.published import ldm_keys
from dive_mmdet.diffusion.published.ldm_config import generator_config
from dive_mmdet.registry import MODELS

UNET = dict(image_size=64, in_channels=3, out_channels=3, model_channels=128, attention_resolutions=[8, 4, 2],
            num_res_blocks=2, channel_mult=[1, 2, 3, 4], num_head_channels=32, use_spatial_transformer=True,
            transformer_depth=3, context_dim=512)
FIRST_STAGE = dict(embed_dim=3, n_embed=8192, ddconfig=dict(
    double_z=False, z_channels=3, resolution=256, in_channels=3, out_ch=3, ch=128, ch_mult=[1, 2, 4], num_res_blocks=2,
    attn_resolutions=[], dropout=0.0))
# The public YAML, as far as it is read.
DESCRIPTION = dict(model=dict(params=dict(
    linear_start=0.0015, linear_end=0.0205, timesteps=1000, loss_type='l1', unet_config=dict(params=UNET),
    first_stage_config=dict(params=FIRST_STAGE), cond_stage_config=dict(
        params=dict(n_embed=512, n_layer=16, vocab_size=8192, max_seq_len=92)))))
CATEGORIES = dict(num_classes=340, use_group=True, use_additional=True)


def transformer_keys(layers: int) -> list[str]:
    """Names in x-transformers' `TransformerWrapper`: alternately an attention and an MLP."""
    keys = ['token_emb.weight', 'pos_emb.emb.weight', 'norm.weight', 'norm.bias']
    for number in range(2 * layers):
        linear = ['net.0.0', 'net.2'] if number % 2 else ['to_out']
        names = [f'0.{kind}' for kind in ('weight', 'bias')]
        names += [f'1.{name}.{kind}' for name in linear for kind in ('weight', 'bias')]
        names += [] if number % 2 else [f'1.to_{which}.weight' for which in 'qkv']
        keys += [f'attn_layers.layers.{number}.{name}' for name in names]
    return keys


def public_checkpoint() -> dict[str, torch.Tensor]:
    """Random weights under the public names, raw and averaged."""
    from helpers.ldm_names import first_stage_keys, unet_keys
    names = [ldm_keys.UNET + key for key in unet_keys((1, 2, 3, 4), 2, (2, 4, 8), 3)]
    averaged = {name: ldm_keys.EMA + name.removeprefix('model.').replace('.', '') for name in names}
    names += [ldm_keys.FIRST_STAGE + key for key in first_stage_keys((1, 2, 4), 2)]
    names += [ldm_keys.TRANSFORMER + key for key in transformer_keys(16)]
    # Values that say which name they came from tell where each weight of the network gets its value.
    numbered = {name: torch.full((1, 1, 1, 1), number) for number, name in enumerate(names)}
    places = ldm_keys.generator_weights(numbered, ema=False)
    with torch.device('meta'):
        shapes = {key: value.shape for key, value in MODELS.build(
            generator_config(DESCRIPTION, **CATEGORIES)).state_dict().items()}
    weights = {names[int(number.flatten()[0])]: 0.02 * torch.randn(shapes[key]) for key, number in places.items()}
    return weights | {averaged[name]: weights[name].clone() for name in averaged}


def layout2img(folder: Path, note: Callable[[str], None]) -> Path:
    """The public checkpoint, converted; returns the file."""
    source, target = folder / 'model.ckpt', folder / 'converted.pth'
    torch.save(dict(state_dict=public_checkpoint()), source)
    source.with_suffix('.yaml').write_text(yaml.safe_dump(DESCRIPTION))
    note('a random public checkpoint')
    from ldm_to_dive import convert
    print(convert(Namespace(source=source, description=source.with_suffix('.yaml'), target=target, num_heads=[1],
                            raw=False, **CATEGORIES)))
    return target


def pipeline(kind: str, folder: Path, note: Callable[[str], None]) -> Path:
    """A public pipeline, converted; returns the file."""
    source, target = folder / 'pipeline', folder / 'converted.pth'
    text = write_pipeline(kind, source)
    note('a random public pipeline')
    from diffusers_to_dive import convert
    print(convert(Namespace(source=source, target=target, text=text, classifier=False, grid=129, unet=None, vae=None,
                            scheduler=None, text_encoder=None)))
    shutil.rmtree(source)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', nargs='?', choices=('layout2img', *CONFIGS), default='layout2img')
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/published_size'))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()

    def note(what: str) -> None:
        nonlocal started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20
        print(f'{what}: {time.perf_counter() - started:.1f} s, {peak:.1f} GiB at most so far', flush=True)
        started = time.perf_counter()

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        target = layout2img(Path(folder), note) if args.model == 'layout2img' else pipeline(args.model, Path(folder),
                                                                                           note)
        note('converted')
        generator = MODELS.build(Config.fromfile(target.with_suffix('.py')).generator).requires_grad_(False)
        note('built')
        state = torch.load(target, map_location='cpu', weights_only=True, mmap=True)['state_dict']
        generator.load_state_dict({key.removeprefix('backbone.'): value for key, value in state.items()})
        note('loaded')
    side = 256 if args.model == 'layout2img' else 512
    latents = generator.encode(torch.zeros(1, 3, side, side))
    note('an image encoded')
    boxes = torch.tensor([[0.1, 0.2, 0.6, 0.9], [0.5, 0.3, 0.9, 0.7]])
    ids = generator.tokenizer.encode(boxes, torch.tensor([3, 60]))
    t, rows = torch.tensor([500]), generator.embed(ids[None]).requires_grad_()
    with torch.no_grad():
        generator.predict_noise(latents, t, rows)
    note('one forward')
    generator.predict_noise(latents, t, rows).square().mean().backward()
    note('one forward and backward')
    assert bool(rows.grad.isfinite().all()) and bool(rows.grad.any())


if __name__ == '__main__':
    main()
