"""Annotated layouts of training samples. Nothing that predicts imports this."""
from typing import Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from dive_mmdet.layout import LayoutTokenizer


def true_layouts(data_samples: Sequence[BaseDataElement], tokenizer: LayoutTokenizer) -> Tensor:
    """Token ids of the annotated layouts, (N, L), on the samples' device.

    Raises:
        ValueError: an annotation that cannot be tokenised; the sentence names the image.
    """
    layouts = []
    for sample in data_samples:
        instances = sample.gt_instances
        height, width = sample.img_shape[:2]
        boxes = getattr(instances.bboxes, 'tensor', instances.bboxes)  # mmdet's pipelines may keep them in a class
        boxes = boxes.double().cpu() / torch.tensor([width, height] * 2)
        try:
            layouts.append(tokenizer.encode(boxes, tokenizer.vocabulary.categories(instances.labels.cpu())))
        except ValueError as error:
            image = sample.get('img_path', None) or sample.get('img_id', 'unknown')
            raise ValueError(f'Image {image}: {error}') from None
    return torch.stack(layouts)
