"""The template: five lines take another data set through all four configs."""
import ast
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.quick_search import QUICK
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, DefaultScope

from dive_mmdet.engine.run import run_test
from dive_mmdet.metrics import ConditioningMetric
from dive_mmdet.training.ground_truth import true_layouts

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CLASSES = ('cup', 'spoon', 'plate')
CATEGORY_IDS = (7, 2, 11)
WIDTH, HEIGHT = 90, 40
LINES = dict(annotations=dict(train=('instances_train.json', 'photos'), val=('instances_val.json', 'photos'),
                              test=('instances_test.json', 'photos')),
             classes=CLASSES, num_objects=12, image_size=48)


def write_data(root: Path) -> None:
    """Six colour images that are not square, the last without objects, for training and validation alike."""
    rng = np.random.default_rng(0)
    (root / 'photos').mkdir()
    images, annotations = [], []
    for index in range(6):
        pixels = rng.integers(0, 80, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        images.append(dict(id=index + 100, file_name=f'{index}.jpg', width=WIDTH, height=HEIGHT))
        for x in range(0, 60 if index < 5 else 0, 10):
            box = [x, 5 + index, 8, 20]
            pixels[box[1]:box[1] + box[3], x:x + 8] = rng.integers(150, 256, 3)
            annotations.append(dict(id=len(annotations), image_id=index + 100, bbox=box, area=160, iscrowd=0,
                                    category_id=int(rng.choice(CATEGORY_IDS))))
        cv2.imwrite(str(root / 'photos' / f'{index}.jpg'), pixels)
    categories = [dict(id=number, name=name) for number, name in zip(CATEGORY_IDS, CLASSES)]
    content = json.dumps(dict(images=images, annotations=annotations, categories=categories))
    for part in ('train', 'val', 'test'):
        (root / f'instances_{part}.json').write_text(content)


def change_lines(path: Path, values: dict) -> None:
    """Give names at the top of a config other values."""
    before = text = path.read_text()
    for node in ast.parse(before).body:
        name = node.targets[0].id
        if name in values:
            text = text.replace(ast.get_source_segment(before, node), f'{name} = {values[name]!r}')
    path.write_text(text)


@pytest.fixture(scope='module')
def load(tmp_path_factory):
    """Loads a config of the template after the five lines were changed to the data set above."""
    root = tmp_path_factory.mktemp('own')
    write_data(root)
    shutil.copytree(CONFIGS / '_base_', root / 'configs/_base_')
    shutil.copytree(CONFIGS / 'your_own_data', root / 'configs/your_own_data')
    change_lines(root / 'configs/your_own_data/data.py', dict(LINES, data_root=str(root), compiled=False, flip=()))
    configs = {path.stem: Config.fromfile(path) for path in (root / 'configs/your_own_data').glob('[!d]*.py')} | {
        'dive': Config.fromfile(root / 'configs/your_own_data/dive.py')}
    configs['prior'].model.generator = str(root / 'generator.pth')
    torch.manual_seed(0)
    torch.save(dict(state_dict=build(configs['generator']).state_dict()), root / 'generator.pth')
    return configs.__getitem__


def build(config: Config, registry=MODELS, part: str = 'model'):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return registry.build(config[part] if part == 'model' else config[part].dataset)


def batch_of(config: Config, model, part: str, training: bool) -> dict:
    dataset = build(config, DATASETS, part)
    return model.data_preprocessor(pseudo_collate([dataset[index] for index in range(len(dataset))]), training)


def assert_trains(config: Config) -> None:
    """One step on the whole training set gives finite losses and gradients."""
    model = build(config).train()
    losses, _ = model.parse_losses(model(**batch_of(config, model, 'train_dataloader', True), mode='loss'))
    losses.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert torch.isfinite(losses) and gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


def test_the_five_lines_stand_first():
    names = [node.targets[0].id for node in ast.parse((CONFIGS / 'your_own_data/data.py').read_text()).body]
    assert names[:5] == ['data_root', *LINES]


@pytest.mark.parametrize('name', ['generator', 'prior', 'dive', 'faster-rcnn'])
def test_everything_follows_from_the_five_lines(load, name):
    config = load(name)
    assert sum(parameter.numel() for parameter in build(config).parameters()) > 0
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert (loader.dataset.num_classes, loader.dataset.metainfo.classes) == (3, CLASSES)
    assert config.generator.vocabulary == dict(num_classes=3, num_objects=12, grid=49)
    assert config.layout_prior.length == 36


def test_the_detector_searches_the_generator_that_is_trained(load):
    dive = load('dive')
    assert dive.model.backbone == load('generator').model.backbone
    assert dive.model.prior == load('prior').model.prior


def test_training_leaves_out_empty_images_and_testing_does_not(load):
    assert len(build(load('generator'), DATASETS, 'train_dataloader')) == 5
    assert len(build(load('dive'), DATASETS, 'test_dataloader')) == 6


@pytest.mark.parametrize('part', ['train_dataloader', 'val_dataloader'])
def test_layouts_are_the_annotations_whatever_the_aspect_ratio(load, part):
    config = load('generator')
    tokenizer = build(config).backbone.tokenizer
    dataset = build(config, DATASETS, part)
    layout = tokenizer.decode(true_layouts([dataset[2]['data_samples']], tokenizer)[0])
    boxes = layout.boxes * torch.tensor([WIDTH, HEIGHT] * 2)
    expected = torch.tensor([[x, 7, x + 8, 27] for x in range(0, 60, 10)])
    half_a_step = torch.tensor([WIDTH, HEIGHT] * 2) / 48 / 2
    assert ((boxes - expected).abs() <= half_a_step + 1e-6).all()


def test_generator_takes_a_step(load):
    assert_trains(load('generator'))


def test_listening_is_checked_on_images_with_objects(load):
    config = load('generator')
    model = build(config).eval()
    with torch.no_grad():
        samples = model(**batch_of(config, model, 'val_dataloader', False), mode='predict')
    assert set(samples[0].energies) == {'true', 'empty', 'shuffled', 'class_swapped', 'shifted', 'shrunk', 'grown',
                                        'dropped', 'extra'}
    assert set(samples[5].energies) == {'true'}
    metrics = ConditioningMetric().compute_metrics([sample.energies for sample in samples])
    assert all(np.isfinite(value) for value in metrics.values())


def test_prior_takes_a_step(load):
    assert_trains(load('prior'))


def test_baseline_takes_a_step(load):
    assert_trains(load('faster-rcnn'))


def test_untrained_detector_goes_from_images_to_an_ap(load, tmp_path):
    config = Config(load('dive').to_dict())
    config.model.inverter, config.model.objective.num_pairs = dict(QUICK, object_cost=-1.0), 1
    config.model.backbone.denoiser.num_layers = 1
    config.test_dataloader.dataset.max_images = 2
    torch.save(dict(state_dict=build(config).state_dict(), meta=dict(dataset_meta=dict(classes=CLASSES))),
               tmp_path / 'weights.pth')
    run = run_test(config, tmp_path / 'weights.pth', tmp_path / 'run', show=lambda line: None)
    assert list(run.records) == [100, 101]
    for record in run.records.values():
        boxes = {tuple(box) for box, _, _ in record.detections}
        assert 0 < len(boxes) <= 12  # a box may stand for several classes
        corners = np.array(record.inversion['ids']).reshape(12, 3)[:, 1:]  # in a grid of 49 x 49 points
        in_pixels = np.stack([corners % 49 * WIDTH, corners // 49 * HEIGHT], axis=2).reshape(12, 4) / 48
        assert all(np.isclose(in_pixels, box, atol=1e-4).all(axis=1).any() for box in boxes)
    assert 0 <= run.metrics['bbox_mAP'] <= 1


@pytest.mark.parametrize('folder', ['tree_crowns', 'blood_cells'])
def test_a_copy_of_the_folder_needs_other_lines_in_one_file(folder):
    template = CONFIGS / 'your_own_data'
    shared = {path.name for path in template.glob('*.py')} - {'data.py'}
    for name in shared:
        assert (CONFIGS / folder / name).read_text() == (template / name).read_text()
    assigned = [{node.targets[0].id for node in ast.parse(path.read_text()).body}
                for path in (template / 'data.py', CONFIGS / folder / 'data.py')]
    assert assigned[0] == assigned[1]
    configs = {name: Config.fromfile(CONFIGS / folder / f'{name}.py')
               for name in ('generator', 'prior', 'dive', 'faster-rcnn')}
    assert {config.work_dir for config in configs.values()} == {
        f'work_dirs/{folder}/{name.replace("-", "_")}' for name in configs}
    assert configs['prior'].model.generator == f'work_dirs/{folder}/generator.pth'


def test_crops_and_flips_reach_all_trainings_and_no_check(load, tmp_path):
    shutil.copytree(CONFIGS, tmp_path / 'configs')
    change_lines(tmp_path / 'configs/your_own_data/data.py', dict(crop=0.6, flip=('vertical',)))
    for name in ('generator', 'prior', 'faster-rcnn'):
        config = Config.fromfile(tmp_path / f'configs/your_own_data/{name}.py')
        kinds = [step.type for step in config.train_dataloader.dataset.pipeline]
        assert [kind for kind in kinds if kind in ('RandomCrop', 'FilterAnnotations', 'RandomFlip')] == [
            'RandomCrop', 'FilterAnnotations', 'RandomFlip']
        for part in ('val_dataloader', 'test_dataloader'):
            assert not any('Random' in step.type for step in config[part].dataset.pipeline)
    plain = [step.type for step in load('generator').train_dataloader.dataset.pipeline]
    assert plain == ['LoadImageFromFile', 'LoadAnnotations', 'Resize', 'PackDetInputs']


def test_cropped_layouts_lie_on_the_objects_that_are_left(load):
    """Each object is of one colour on a dark image: what a box of a crop shows is that colour."""
    config = Config(load('generator').to_dict())
    pipeline = config.train_dataloader.dataset.pipeline
    pipeline.insert(2, dict(type='RandomCrop', crop_type='relative_range', crop_size=(0.5, 0.5),
                            allow_negative_crop=True))
    pipeline.insert(4, dict(type='FilterAnnotations', min_gt_bbox_wh=(3, 3), keep_empty=False))
    dataset, counts = build(config, DATASETS, 'train_dataloader'), set()
    for index in range(20):
        item = dataset[index % 5]
        boxes = item['data_samples'].gt_instances.bboxes.tensor.round().int().tolist()
        counts.add(len(boxes))
        for x0, y0, x1, y1 in boxes:
            assert min(x1 - x0, y1 - y0) >= 3
            inside = item['inputs'][:, y0 + 1:y1 - 1, x0 + 1:x1 - 1].float()
            assert inside.numel() == 0 or inside.mean() > 120
    assert len(counts) > 1


def test_the_prior_reads_the_layouts_of_the_images_and_no_file(load):
    seen, blank = (build(load(name), DATASETS, 'val_dataloader') for name in ('generator', 'prior'))
    for index in range(6):
        with_image, without = seen[index]['data_samples'], blank[index]['data_samples']
        assert torch.equal(with_image.gt_instances.bboxes.tensor, without.gt_instances.bboxes.tensor)
        assert with_image.img_shape == without.img_shape and not blank[index]['inputs'].any()


def test_data_are_inspected_before_anything_is_trained(load, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(CONFIGS.parent / 'tools/analysis_tools'))
    import inspect_data
    monkeypatch.setattr(sys, 'argv', ['', load('generator').filename])
    inspect_data.main()
    said = capsys.readouterr().out
    assert 'train: 5 images, 30 boxes, at most 6 an image, cup' in said and 'val: 6 images, 30 boxes' in said
    assert 'Lines of data.py: num_objects = 6; sides = (0.5, 0.5)' in said
    assert 'There are 30 boxes' in said and 'narrower than 6 pixels in images of 48 x 48' in said
