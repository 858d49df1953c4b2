"""Annotated images of a config, with a detector, for tools that compare with the truth."""
import torch
from mmdet.apis import init_detector
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.datasets.guarded import GuardedItem
from dive_mmdet.engine.records.record import Image
from dive_mmdet.training.ground_truth import true_layouts

AT_ONCE = 8  # images that a first stage encodes


def load(config: Config, checkpoint: str,
         device: torch.device | str = 'cpu') -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor, dict[Image, str]]:
    """A detector and the images of its test data set.

    Returns:
        model and latents (N, c, h, w) on `device`, true layouts (N, L) on the CPU, by ids of the images their
        `GuardedItem.content`.

    Raises:
        ValueError: annotations of an image are no layout.
    """
    # Test pipelines resize images alone; layouts lie in the generator's image, so boxes must be resized with it.
    first = ('LoadImageFromFile', 'LoadAnnotations')
    dataset_cfg = config.test_dataloader.dataset
    dataset_cfg.pipeline.sort(key=lambda step: first.index(step.type) if step.type in first else 2)
    guard_loading()
    model = init_detector(config, checkpoint, device=device)
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(dataset_cfg)
    items = [dataset[index] for index in range(len(dataset))]
    contents = {item['data_samples'].img_id: GuardedItem(item['data_samples'].img_id, {}, item).content
                for item in items}
    batch = model.data_preprocessor(pseudo_collate(items))
    samples = batch['data_samples']
    # A first stage works at the size of the images, so it takes few at once.
    latents = torch.cat([model.backbone.encode(images) for images in batch['inputs'].split(AT_ONCE)])
    return model, latents, true_layouts(samples, model.backbone.tokenizer).cpu(), contents
