"""Predictions of any model of the framework as plain data, and back."""
import math

import torch
from mmengine.structures import BaseDataElement, InstanceData

from dive_mmdet.datasets.guarded import GuardedItem


def to_plain(predicted: BaseDataElement, given: BaseDataElement) -> dict:
    """What a model added to a sample: fields and metas that were not there before it."""
    return dict(fields={name: _plain(predicted.get(name)) for name in predicted.keys() if name not in given.keys()},
                metas={name: _plain(predicted.get(name)) for name in predicted.metainfo_keys()
                       if name not in given.metainfo_keys()})


def add_plain(given: BaseDataElement, found: dict) -> BaseDataElement:
    """A sample as the model would have returned it."""
    sample = given.clone()
    for name, value in found['fields'].items():
        sample.set_field(_restored(value), name)
    sample.set_metainfo({name: _restored(value) for name, value in found['metas'].items()})
    return sample


def is_finite(found: dict) -> bool:
    """No prediction is NaN or infinite, nor the energy of the inversion behind it."""
    energy = found['metas'].get('inversion', {}).get('energy', 0.0)
    return math.isfinite(energy) and all(_is_finite(value) for value in found['fields'].values())


def nothing_found(item: GuardedItem, num_classes: int) -> BaseDataElement:
    """The sample of an image that failed: without detections; of a classifier, with no score for any class."""
    sample = _unread(item) if item.data is None else item.sample.clone()
    if 'gt_label' in sample:
        return sample.set_pred_score(torch.zeros(num_classes))
    sample.pred_instances = InstanceData(bboxes=torch.zeros(0, 4), scores=torch.zeros(0),
                                         labels=torch.zeros(0, dtype=torch.long))
    return sample


def _unread(item: GuardedItem) -> BaseDataElement:
    """All that is known of an image that no pipeline packed; evaluators compare with its truth, in original pixels."""
    known = dict(item.info, img_id=item.image, ori_shape=(item.info.get('height', 0), item.info.get('width', 0)))
    if 'gt_label' in known:
        from mmpretrain.structures import DataSample
        label = known.pop('gt_label')
        return DataSample(metainfo=known).set_gt_label(label)
    from mmdet.structures import DetDataSample
    sample = DetDataSample(metainfo=known)
    for name, flag in dict(gt_instances=0, ignored_instances=1).items():
        chosen = [instance for instance in known.get('instances', ()) if instance['ignore_flag'] == flag]
        boxes = torch.tensor([instance['bbox'] for instance in chosen], dtype=torch.float32).reshape(-1, 4)
        labels = torch.tensor([instance['bbox_label'] for instance in chosen], dtype=torch.long)
        setattr(sample, name, InstanceData(bboxes=boxes, labels=labels))
    return sample


def _plain(value):
    if isinstance(value, torch.Tensor):
        return dict(tensor=value.tolist(), dtype=str(value.dtype).removeprefix('torch.'), shape=list(value.shape))
    if isinstance(value, BaseDataElement):
        return dict(instances={name: _plain(inner) for name, inner in value.items()})
    return value


def _restored(value):
    if isinstance(value, dict) and 'tensor' in value:
        return torch.tensor(value['tensor'], dtype=getattr(torch, value['dtype'])).reshape(value['shape'])
    if isinstance(value, dict) and 'instances' in value:
        return InstanceData(**{name: _restored(inner) for name, inner in value['instances'].items()})
    return value


def _is_finite(value) -> bool:
    if isinstance(value, (dict, list)):
        return all(_is_finite(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
