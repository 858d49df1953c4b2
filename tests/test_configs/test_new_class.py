"""The configs of a new class, from a detector without it to one with it, on a network of one layer."""
import sys
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner

from dive_mmdet.datasets import new_class_files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'configs/new_class'
SMALL = dict(denoiser=dict(num_layers=1))


def build(config):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(config.model)


def add(monkeypatch, *arguments):
    """What the tool says when it stops; nothing where it ends well."""
    monkeypatch.setattr(sys, 'path', [str(ROOT / 'tools/misc'), *sys.path])
    import add_class as tool
    monkeypatch.setattr(sys, 'argv', ['add_class.py', *map(str, arguments)])
    try:
        tool.main()
    except SystemExit as end:
        return str(end.code)
    return ''


@pytest.fixture(scope='module')
def learned(tmp_path_factory):
    """A folder with the checkpoint before, the learned row after two iterations, and the config of the detector."""
    root = tmp_path_factory.mktemp('new_class')
    new_class_files.make(root, '9', dict(few=2), dict(few={'few_1': 1}))
    before, after, learn = (Config.fromfile(FOLDER / f'{name}.py') for name in ('dive_before', 'dive', 'learn'))
    for config in (before, after):
        config.merge_from_dict(dict(model=dict(backbone=SMALL)))
    after.dump(root / 'dive.py')
    torch.manual_seed(0)
    model = build(before)
    for parameter in model.backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    torch.save(dict(meta=dict(dataset_meta=dict(classes=before.classes)), state_dict=model.state_dict()),
               root / 'before.pth')
    learn.merge_from_dict(dict(
        work_dir=str(root / 'learn'), model=dict(generator=str(root / 'before.pth'),
                                                 trainer=dict(backbone=SMALL, precision='float32')),
        train_cfg=dict(max_iters=2), default_hooks=dict(checkpoint=dict(interval=2)),
        train_dataloader=dict(batch_size=2, dataset=dict(data_root=str(root), ann_file='few_1.json'))))
    Runner.from_cfg(learn).train()
    return root


def test_what_the_runner_learned_is_added(learned, monkeypatch):
    assert add(monkeypatch, learned / 'dive.py', learned / 'before.pth', learned / 'learn/iter_2.pth',
               learned / 'dive.pth') == ''
    before, after = (torch.load(learned / f'{name}.pth', weights_only=True) for name in ('before', 'dive'))
    assert list(after['meta']['dataset_meta']['classes']) == list('012345678') + ['9']
    table = 'backbone.table.weight'
    for name, value in before['state_dict'].items():  # calibration of the head and all
        assert torch.equal(value, after['state_dict'][name][:9] if name == table else after['state_dict'][name]), name
    row, mean = after['state_dict'][table][9], before['state_dict'][table].mean(dim=0)
    assert len(after['state_dict'][table]) == 10 and bool((row != mean).any()) and bool((row - mean).abs().max() < 0.2)
    entry, = yaml.safe_load((learned / 'dive.yml').read_text())['Models']
    assert entry['Weights'] == str(learned / 'dive.pth') and len(entry['Metadata']['SHA256']) == 64


@pytest.mark.parametrize('config, sentence', [
    (FOLDER / 'dive_before.py', 'does not fit'), (FOLDER / 'dive.py', 'does not fit')])
def test_a_checkpoint_that_does_not_fit_the_config_is_not_written(learned, config, sentence, monkeypatch):
    """Nine classes, or six layers."""
    assert sentence in add(monkeypatch, config, learned / 'before.pth', learned / 'learn/iter_2.pth',
                           learned / 'no.pth')
    assert not (learned / 'no.pth').exists()


def test_files_that_are_not_there_are_told(learned, monkeypatch):
    said = add(monkeypatch, learned / 'dive.py', learned / 'none.pth', learned / 'learn/iter_2.pth', learned / 'no.pth')
    assert said.endswith('none.pth: give one that is there.')


def test_the_new_class_is_the_last_everywhere():
    data = Config.fromfile(FOLDER / 'data.py')
    for name in ('learn', 'dive', 'faster-rcnn_few'):
        config = Config.fromfile(FOLDER / f'{name}.py')
        part = config.train_dataloader if name != 'dive' else config.test_dataloader
        assert part.dataset.metainfo.classes == data.all_classes and part.dataset.num_classes == 10
    for name in ('generator', 'faster-rcnn'):
        assert Config.fromfile(FOLDER / f'{name}.py').train_dataloader.dataset.composer.exclude == [data.new_class]


def test_the_same_model_learns_a_phrase(tmp_path):
    """GLIGEN with a small network: one vector of the text encoder's width more, beside COCO's 80."""
    config = Config.fromfile(FOLDER / 'learn_gligen.py')
    small = dict(block_out_channels=[32] * 4, layers_per_block=1)
    config.merge_from_dict(dict(model=dict(trainer=dict(backbone=dict(
        first_stage=dict(model=small), denoiser=dict(model=dict(small, attention_head_dim=4)))))))
    config.model.generator = str(tmp_path / 'coco.pth')
    backbone = config.model.trainer.backbone.copy()
    backbone.vocabulary = dict(backbone.vocabulary, num_classes=80, num_added=0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        generator = MODELS.build(backbone)
        torch.save(dict(meta=dict(classes=list(config.all_classes[:-1])), state_dict={
            f'backbone.{name}': value for name, value in generator.state_dict().items()}), tmp_path / 'coco.pth')
        model = MODELS.build(config.model)
        assert tuple(model.row.shape) == (768,) and int(model.place) == 80
        assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ['row']
        config.model.classes = (*config.all_classes[:-1], 'Traffic  Light')
        with pytest.raises(ValueError, match="'Traffic  Light' and the class 'traffic light' of .* are the same name"):
            MODELS.build(config.model)
