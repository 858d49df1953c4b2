"""Images that fail, among images that do not."""
from types import SimpleNamespace

import pytest
import torch
from mmdet.models import DetTTAModel
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData
from torch import nn

from dive_mmdet.datasets import GuardedDataset, GuardedItem
from dive_mmdet.engine.image_inference import ImageInference, in_float32
from dive_mmdet.engine.records.plain_samples import add_plain, is_finite, nothing_found, to_plain


class Model(nn.Module):
    """Finds a box as large as the input's value; some images break it, all of them or in low precision alone."""

    def __init__(self, breaks: dict, precision: str = 'bfloat16'):
        super().__init__()
        self.breaks, self.likelihood, self.calls = breaks, SimpleNamespace(precision=precision), []

    def test_step(self, batch):
        samples = []
        self.calls.append((len(batch), self.likelihood.precision))
        for item in batch:
            sample, how = item['data_samples'], self.breaks.get(item['data_samples'].img_id)
            if how == 'raises' or how == 'overflows' and self.likelihood.precision != 'float32':
                raise OverflowError('too large\nto hold')
            bad = how == 'nan' or how == 'nan below float32' and self.likelihood.precision != 'float32'
            size = torch.tensor(float('nan') if bad else float(item['inputs']))
            sample.pred_instances = InstanceData(bboxes=size.expand(1, 4), scores=torch.tensor([1 / 3]),
                                                 labels=torch.tensor([2]))
            sample.set_metainfo(dict(nfe=5, inversion=dict(energy=float(item['inputs']), class_energy=[float('inf')])))
            samples.append(sample)
        return samples


def items(count=4):
    return [GuardedItem(index, {}, dict(inputs=torch.tensor(index), data_samples=DetDataSample(
        metainfo=dict(img_id=index, ori_shape=(8, 8))))) for index in range(count)]


def outcomes(breaks, precision='bfloat16', strict=False, given=None):
    model = Model(breaks, precision)
    found = ImageInference(model, list, fp16=False, strict=strict).run(given or items())
    assert model.likelihood.precision == precision
    return {one.item.image: one for one in found}, model.calls


def test_one_batch_is_one_call():
    found, calls = outcomes({})
    assert calls == [(4, 'bfloat16')] and [found[index].sample.pred_instances.bboxes[0, 0] for index in found] == [
        0, 1, 2, 3]


@pytest.mark.parametrize('how', ['raises', 'nan'])
def test_an_image_fails_alone(how):
    found, calls = outcomes({2: how})
    assert [bool(found[index].failure) for index in range(4)] == [False, False, True, False]
    assert found[2].failure == {'raises': 'too large to hold', 'nan': 'The result is not finite.'}[how]
    assert sum(precision == 'float32' for _, precision in calls) == 1  # once, and that image alone


@pytest.mark.parametrize('how', ['overflows', 'nan below float32'])
def test_what_float32_can_hold_is_computed_in_it(how):
    found, calls = outcomes({1: how})
    assert not any(one.failure for one in found.values()) and float(found[1].sample.pred_instances.bboxes[0, 0]) == 1
    assert calls.count((1, 'float32')) == 1


def test_in_float32_nothing_is_tried_twice():
    found, calls = outcomes({1: 'nan'}, 'float32')
    assert found[1].failure and calls == [(4, 'float32')]


@pytest.mark.parametrize('breaks, error', [({1: 'raises'}, OverflowError), ({1: 'nan'}, FloatingPointError)])
def test_strict_raises(breaks, error):
    with pytest.raises(error):
        outcomes(breaks, strict=True)


def test_what_was_not_read_has_failed_already():
    unread = GuardedItem(9, dict(height=3, width=5), reason='no such file')
    found, calls = outcomes({}, given=[items(1)[0], unread])
    assert found[9].failure == 'no such file' and calls == [(1, 'bfloat16')]
    with pytest.raises(RuntimeError, match='no such file'):
        outcomes({}, given=[unread], strict=True)
    assert nothing_found(unread, 10).ori_shape == (3, 5) and len(nothing_found(unread, 10).pred_instances) == 0


def test_a_failed_image_of_a_classifier_is_right_about_no_class():
    from mmpretrain.evaluation import Accuracy
    sample = nothing_found(GuardedItem(0, dict(gt_label=0, img_path='x.png')), 10)
    metric = Accuracy(topk=(1, 5))
    metric.process({}, [sample.to_dict()])
    assert metric.evaluate(1) == {'accuracy/top1': 0.0, 'accuracy/top5': 0.0}


def test_what_was_stored_is_what_the_model_returned():
    given = items()[3].data['data_samples']
    found, _ = outcomes({})
    plain = to_plain(found[3].sample, given)
    again = add_plain(given, plain)
    assert 'pred_instances' not in given and to_plain(again, given) == plain
    for name, value in found[3].sample.pred_instances.items():
        assert value.dtype == again.pred_instances[name].dtype and torch.equal(value, again.pred_instances[name])


def detector(folder, precision):
    """The tiny detector with an objective of some precision, and two images."""
    config = Config.fromfile(folder / 'config.py')
    config.model.objective.precision = precision
    with DefaultScope.overwrite_default_scope('mmdet'):
        model, dataset = MODELS.build(config.model), GuardedDataset(config.test_dataloader.dataset)
    load_checkpoint(model, str(folder / 'weights.pth'))
    return model.eval(), [dataset[index] for index in range(2)]


def test_a_detector_that_overflows_in_float16_finds_what_it_finds_in_float32(tiny_detector):
    found = {}
    for precision in ('float32', 'float16'):
        model, images = detector(tiny_detector, precision)
        with torch.no_grad():
            model.backbone.denoiser.transformer.pos_embed.proj.weight *= 1e6  # beyond 65504, and normed afterwards
        outcomes = ImageInference(model, pseudo_collate, fp16=False, strict=False).run(images[:1])
        found[precision] = outcomes[0].failure or outcomes[0].found
    assert found['float16'] == found['float32'] and is_finite(found['float32'])


def test_a_search_that_meets_no_number_on_its_way_has_failed(tiny_detector):
    """Passed over, the candidate would change the layout and nothing would tell: the end is finite."""
    model, images = detector(tiny_detector, 'float32')
    calls = []

    def spoilt(denoiser, inputs, output):
        calls.append(len(output))
        return torch.full_like(output, float('nan')) if len(calls) == 6 else None
    model.backbone.denoiser.register_forward_hook(spoilt)
    with torch.no_grad(), pytest.raises(FloatingPointError, match='is not finite: search in float32'):
        model.test_step(pseudo_collate([images[0].copied()]))

    def collate(batch):
        calls.clear()
        return pseudo_collate(batch)
    outcome, = ImageInference(model, collate, fp16=False, strict=False).run(images[:1])
    assert 'is not finite' in outcome.failure and len(calls) == 6


def test_views_of_an_image_are_tried_again_in_float32_too():
    model = Model({})
    with in_float32(DetTTAModel(module=model)) as lower:
        assert lower and model.likelihood.precision == 'float32'
    assert model.likelihood.precision == 'bfloat16'
