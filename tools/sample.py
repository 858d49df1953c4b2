"""Draw images from layouts with DDIM, to see what a generator knows.

    python tools/sample.py CONFIG CHECKPOINT [--layout "LABEL: X0 Y0 X1 Y1; ..."] [--count 8] [--steps 50] [--seed 0]

Boxes are in pixels of the generator's image. Without --layout, random layouts of the training data are drawn. Writes
one picture with the layouts above the images.
"""
import argparse
import sys
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from PIL import Image, ImageDraw

from dive_mmdet.diffusion.untrusted import UnreadableCheckpoint, guard_loading


def parse_layout(text: str, size: int, classes: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (k, 4) normalised and labels (k,) of a layout given as text.

    Raises:
        ValueError: the text cannot be read; the sentence says which object.
    """
    boxes, labels = [], []
    for item in filter(None, (part.strip() for part in text.split(';'))):
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
    return torch.tensor(boxes).reshape(-1, 4), torch.tensor(labels, dtype=torch.long)


def sample(generator, ids: torch.Tensor, steps: int, rng: torch.Generator) -> torch.Tensor:
    """DDIM samples, layouts (N, L) -> images (N, 3, H, W) in about [-1, 1]."""
    schedule = generator.schedule
    scheduler = DDIMScheduler(num_train_timesteps=schedule.num_steps, beta_schedule=schedule.schedule,
                              beta_start=schedule.beta_start, beta_end=schedule.beta_end, clip_sample=False,
                              set_alpha_to_one=True, timestep_spacing='trailing')
    scheduler.set_timesteps(steps)
    x = torch.randn(len(ids), *generator.latent_shape, generator=rng)
    with torch.no_grad():
        rows = generator.embed(ids)
        for t in scheduler.timesteps:
            noise = generator.predict_noise(x, t.expand(len(ids)), rows)
            x = scheduler.step(noise, t, x).prev_sample
        return generator.first_stage.decode(x)


def picture(images: torch.Tensor, ids: torch.Tensor, tokenizer, classes: tuple[str, ...],
            scale: int = 3) -> Image.Image:
    """Layouts above images."""
    size = images.shape[-1] * scale
    sheet = Image.new('RGB', (len(images) * (size + 4), 2 * size + 4), 'white')
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    for column, (image, row) in enumerate(zip(pixels, ids)):
        left = column * (size + 4)
        sheet.paste(Image.fromarray(image).resize((size, size), Image.NEAREST), (left, size + 4))
        panel = Image.new('RGB', (size, size), 'black')
        draw, layout = ImageDraw.Draw(panel), tokenizer.decode(row)
        for box, label in zip((layout.boxes * (size - 1)).tolist(), layout.labels.tolist()):
            draw.rectangle(box, outline='yellow')
            draw.text((box[0] + 3, box[1] + 1), classes[label], fill='white')
        sheet.paste(panel, (left, 0))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--layout', default=None)
    parser.add_argument('--count', type=int, default=8)
    parser.add_argument('--steps', type=int, default=50)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/samples.png'))
    args = parser.parse_args()
    if not Path(args.checkpoint).is_file():
        sys.exit(f'No checkpoint at {args.checkpoint}.')
    config = Config.fromfile(args.config)
    guard_loading()
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
        try:
            load_checkpoint(model, args.checkpoint, map_location='cpu')
        except UnreadableCheckpoint as error:
            sys.exit(str(error))
        generator, classes = model.backbone.eval(), tuple(config.classes)
        if args.layout is None:
            dataset = DATASETS.build(config.train_dataloader.dataset)
            from dive_mmdet.detectors.ground_truth import true_layouts
            ids = true_layouts([dataset[index]['data_samples'] for index in range(args.count)], generator.tokenizer)
        else:
            try:
                boxes, labels = parse_layout(args.layout, config.image_size, classes)
                ids = generator.tokenizer.encode(boxes, labels).repeat(args.count, 1)
            except ValueError as error:
                sys.exit(str(error))
    images = sample(generator, ids, args.steps, torch.Generator().manual_seed(args.seed))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture(images, ids, generator.tokenizer, classes).save(args.out)
    print(args.out)


if __name__ == '__main__':
    main()
