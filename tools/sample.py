"""Draw images from layouts or classes with DDIM, to see what a generator knows.

    python tools/sample.py CONFIG CHECKPOINT [--layout "LABEL: X0 Y0 X1 Y1; ..."] [--count 8] [--steps 50] [--seed 0]
    python tools/sample.py CONFIG CHECKPOINT [--classes "LABEL LABEL ..."] [--count 8] [--steps 50] [--seed 0]

Boxes are in pixels of the generator's image. Labels stand between commas where they have several words; a class that
several prompts mean is drawn under each. Without --layout or --classes, conditions of random training data are drawn.
--guidance is that of classifier-free guidance, of which public generators of photographs want some 7.5. Writes one
picture with the conditions above the images.
"""
import argparse
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from diffusers import DDIMScheduler
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from PIL import Image, ImageDraw

from dive_mmdet.arguments import at_least_one
from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, guard_loading
from dive_mmdet.layout import LayoutTokenizer

SCALE, LARGE = 3, 256  # of an image's pixel in the picture, where the image has a side below so many pixels


def parse_layout(text: str, size: int, classes: tuple[str, ...], tokenizer: LayoutTokenizer) -> torch.Tensor:
    """Token ids (L,) of a layout given as text.

    Raises:
        ValueError: the text cannot be read, or is no layout of the vocabulary; the sentence says which object.
    """
    boxes, labels = [], []
    items = list(filter(None, (part.strip() for part in text.split(';'))))
    for item in items:
        try:
            name, numbers = item.split(':')
            labels.append(classes.index(name.strip()))
            box = [float(number) / size for number in numbers.split()]
            if len(box) != 4:
                raise ValueError
        except ValueError:
            raise ValueError(f"Object '{item}' should read 'LABEL: X0 Y0 X1 Y1' with a label of "
                             f'{", ".join(classes)}.') from None
        boxes.append(box)
    vocabulary = tokenizer.vocabulary
    ids = tokenizer.encode(torch.tensor(boxes, dtype=torch.float64),
                           vocabulary.categories(torch.tensor(labels, dtype=torch.long)))
    rounded = tokenizer.decode(ids).boxes
    for item, flat in zip(items, (rounded[:, 2:] <= rounded[:, :2]).any(dim=1).tolist()):
        if flat:
            raise ValueError(f"Object '{item}' has no extent once its corners are rounded to the grid, whose steps are "
                             f'{size / (vocabulary.grid - 1):g} pixels: make it larger.')
    return ids


def parse_classes(text: str, classes: tuple[str, ...]) -> torch.Tensor:
    """Ids (N, 1) of classes given by name.

    Raises:
        ValueError: there is no such class.
    """
    names = [text.strip()] if text.strip() in classes else text.split(',') if ',' in text else text.split()
    names = [name.strip() for name in names]
    unknown = [name for name in names if name not in classes]
    if unknown or not names:
        raise ValueError(f"Class '{' '.join(unknown)}' is none of {', '.join(classes[:3])}, ..., {classes[-1]}.")
    return torch.tensor([[classes.index(name)] for name in names])


def class_names(config: Config, checkpoint: dict) -> tuple[str, ...]:
    """Of the training data, of the config, or of the checkpoint, where a converter noted what its prompts mean.

    Raises:
        ValueError: nothing names them.
    """
    if 'train_dataloader' in config:
        return tuple(DATASETS.build(config.train_dataloader.dataset).metainfo['classes'])
    meta = checkpoint.get('meta') or {}
    names = config.get('classes') or meta.get('classes') or (meta.get('dataset_meta') or {}).get('classes')
    if not names:
        raise ValueError('Neither the config nor the checkpoint names the classes: set `classes` in the config.')
    return tuple(names)


def sample(generator, ids: torch.Tensor, steps: int, rng: torch.Generator, guidance: float = 1.0) -> torch.Tensor:
    """DDIM samples, conditions (N, L) -> images (N, 3, H, W) in about [-1, 1]."""
    schedule = generator.schedule
    scheduler = DDIMScheduler(num_train_timesteps=schedule.num_steps, beta_schedule=schedule.schedule,
                              beta_start=schedule.beta_start, beta_end=schedule.beta_end, clip_sample=False,
                              set_alpha_to_one=True, timestep_spacing='trailing')
    scheduler.set_timesteps(steps)
    x = torch.randn(len(ids), *generator.latent_shape, generator=rng)
    with torch.no_grad():
        rows = generator.embed(ids)
        nothing = generator.embed(generator.vocabulary.dropped(ids, torch.ones(len(ids), dtype=torch.bool)))
        for t in scheduler.timesteps:
            noise = generator.predict_noise(x, t.expand(len(ids)), rows)
            if guidance != 1:
                noise = torch.lerp(generator.predict_noise(x, t.expand(len(ids)), nothing), noise, guidance)
            x = scheduler.step(noise, t, x).prev_sample
        return generator.first_stage.decode(x)


def layout_panel(row: torch.Tensor, tokenizer, size: tuple[int, int], classes: tuple[str, ...]) -> Image.Image:
    """A layout's boxes and names, (width, height) in pixels."""
    panel = Image.new('RGB', size, 'black')
    draw, layout = ImageDraw.Draw(panel), tokenizer.decode(row)
    for box, label in zip((layout.boxes * (size[0] - 1)).tolist(), layout.labels.tolist()):
        draw.rectangle(box, outline='yellow')
        draw.text((box[0] + 3, box[1] + 1), classes[label], fill='white')
    return panel


def class_panel(label: int, size: tuple[int, int], classes: tuple[str, ...]) -> Image.Image:
    """A class's name, (width, height) in pixels."""
    panel = Image.new('RGB', size, 'black')
    ImageDraw.Draw(panel).text((size[0] // 2, size[1] // 2), classes[label], fill='white', anchor='mm')
    return panel


def picture(images: torch.Tensor, panels: list[Image.Image]) -> Image.Image:
    """Conditions above images."""
    width, height = panels[0].size
    sheet = Image.new('RGB', (len(images) * (width + 4), 2 * height + 4), 'white')
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    for column, (image, panel) in enumerate(zip(pixels, panels)):
        left = column * (width + 4)
        sheet.paste(Image.fromarray(image).resize((width, height), Image.NEAREST), (left, height + 4))
        sheet.paste(panel, (left, 0))
    return sheet


def conditions(generator, config: Config, args: argparse.Namespace,
               checkpoint: dict) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Ids (N, L) of the conditions that were asked for, or of random training data, and the names of all classes.

    Raises:
        ValueError: what was asked for cannot be read, or is not what this generator takes.
    """
    layouts = generator.vocabulary.has_objects
    wrong, right = ('classes', 'layout') if layouts else ('layout', 'classes')
    if getattr(args, wrong) is not None:
        raise ValueError(f'This generator draws {"layouts" if layouts else "classes"}: give --{right}, not --{wrong}.')
    if layouts and args.layout is not None:
        ids = parse_layout(args.layout, config.image_size, tuple(config.classes), generator.tokenizer)
        return ids.repeat(args.count, 1), tuple(config.classes)
    if args.classes is not None:
        names = class_names(config, checkpoint)
        return generator.vocabulary.meaning(parse_classes(args.classes, names)[:, 0]).view(-1, 1), names
    if 'train_dataloader' not in config:
        raise ValueError(f'The config has no training data to take conditions from: give --{right}.')
    dataset = DATASETS.build(config.train_dataloader.dataset)
    names = tuple(dataset.metainfo['classes'])
    if args.count > len(dataset):
        raise ValueError(f'{args.count} conditions were asked for, and the training data have {len(dataset)}: give '
                         '--count.')
    if layouts:
        from dive_mmdet.training.ground_truth import true_layouts
        return true_layouts([dataset[index]['data_samples'] for index in range(args.count)], generator.tokenizer), names
    return torch.tensor([[dataset.get_data_info(index)['gt_label']] for index in range(args.count)]), names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--layout', default=None)
    parser.add_argument('--classes', default=None)
    parser.add_argument('--count', type=at_least_one, default=8)
    parser.add_argument('--steps', type=at_least_one, default=50)
    parser.add_argument('--guidance', type=float, default=1.0)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/samples.png'))
    args = parser.parse_args()
    if not Path(args.checkpoint).is_file():
        sys.exit(f'No checkpoint at {args.checkpoint}.')
    config = Config.fromfile(args.config)
    guard_loading()
    with DefaultScope.overwrite_default_scope(config.default_scope):
        model = MODELS.build(config.model)
        try:
            checkpoint = load_checkpoint(model, args.checkpoint, map_location='cpu')
            generator = model.backbone.eval()
            ids, names = conditions(generator, config, args, checkpoint)
        except (UnreadableCheckpoint, WeightsMismatch, FileNotFoundError, ValueError) as error:
            sys.exit(str(error))
    if args.steps > generator.schedule.num_steps:
        sys.exit(f'{args.steps} steps were asked for, and the schedule has {generator.schedule.num_steps}: give fewer.')
    images = sample(generator, ids, args.steps, torch.Generator().manual_seed(args.seed), args.guidance)
    scale = SCALE if max(images.shape[2:]) < LARGE else 1
    size, vocabulary = (scale * images.shape[3], scale * images.shape[2]), generator.vocabulary
    panels = [layout_panel(row, generator.tokenizer, size, names) if vocabulary.has_objects
              else class_panel(int(vocabulary.class_labels[row]), size, names) for row in ids]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture(images, panels).save(args.out)
    print(args.out)


if __name__ == '__main__':
    main()
