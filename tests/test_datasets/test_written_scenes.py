"""The files of the digit scenes through the readers of others: pycocotools and mmdet."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dive_mmdet.datasets import DigitSceneComposer, digit_scene_files
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

ROOT = Path(__file__).resolve().parents[2]
PARTS = {'val': ('val', 0, 50), 'calib': ('train', 1, 4)}
SUBSETS = {'val_3': ('val', 3)}


@pytest.fixture(scope='module')
def maker():
    return digit_scene_files


@pytest.fixture(scope='module')
def folder(maker, tmp_path_factory):
    out = tmp_path_factory.mktemp('scenes')
    maker.make(out, PARTS, SUBSETS)
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_same_call_writes_the_same_bytes(maker, tmp_path):
    small = {'val': ('val', 0, 4), 'calib': ('train', 1, 3)}
    digests = [maker.make(tmp_path / name, small, SUBSETS) for name in ('one', 'two')]
    other = maker.make(tmp_path / 'other', {**small, 'calib': ('train', 2, 3)}, SUBSETS)
    assert files(tmp_path / 'one') == files(tmp_path / 'two') and digests[0] == digests[1] != other
    assert len(files(tmp_path / 'one')) == 4 + 3 + 3
    assert not list(tmp_path.rglob('*.partial'))


def test_writing_again_changes_nothing(maker, folder):
    before = files(folder)
    maker.make(folder, PARTS, SUBSETS)
    assert files(folder) == before


def test_pycocotools_reads_what_was_composed(folder):
    coco, composer = COCO(folder / 'val.json'), DigitSceneComposer(split='val')
    assert [category['name'] for category in coco.loadCats(coco.getCatIds())] == [str(digit) for digit in range(10)]
    assert coco.getImgIds() == list(range(50))
    for index in range(50):
        image, boxes, labels = composer.compose(index)
        info, = coco.loadImgs(index)
        assert np.array_equal(cv2.imread(str(folder / 'val' / info['file_name']), cv2.IMREAD_UNCHANGED), image)
        assert (info['height'], info['width']) == image.shape
        annotations = coco.loadAnns(coco.getAnnIds(index))
        corners = np.array([annotation['bbox'] for annotation in annotations])
        assert np.array_equal(np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1), boxes)
        assert [annotation['category_id'] for annotation in annotations] == labels.tolist()
        assert [annotation['area'] for annotation in annotations] == (corners[:, 2] * corners[:, 3]).tolist()
    # mmdet's coco_error_analysis.py asks for the classes that one is alike.
    assert all(coco.getCatIds(supNms=[category['supercategory']]) == [number] for number, category in coco.cats.items())
    assert 0 not in coco.anns  # pycocotools takes annotation 0 for an unmatched one


def test_a_subset_is_the_beginning_of_its_part(folder):
    whole, subset = (json.loads((folder / f'{name}.json').read_text()) for name in ('val', 'val_3'))
    assert subset['images'] == whole['images'][:3] and subset['categories'] == whole['categories']
    assert subset['annotations'] == [a for a in whole['annotations'] if a['image_id'] < 3]


def average_recall(coco: COCO, vocabulary: LayoutVocabulary) -> float:
    """Of the annotations after they went through tokens, whatever their class (IoU .5 to .95, 100 boxes an image)."""
    tokenizer, found = LayoutTokenizer(vocabulary), []
    for image in coco.loadImgs(coco.getImgIds()):
        annotations = coco.loadAnns(coco.getAnnIds(image['id']))
        corner = torch.tensor([annotation['bbox'] for annotation in annotations], dtype=torch.float64)
        scale = torch.tensor([image['width'], image['height']] * 2)
        boxes = torch.cat([corner[:, :2], corner[:, :2] + corner[:, 2:]], dim=1) / scale
        labels = torch.tensor([annotation['category_id'] for annotation in annotations])
        layout = tokenizer.decode(tokenizer.encode(boxes, labels))
        assert torch.equal(layout.labels, labels)
        for x0, y0, x1, y1 in (layout.boxes * scale).tolist():
            found.append(dict(image_id=image['id'], category_id=1, bbox=[x0, y0, x1 - x0, y1 - y0], score=1.0))
    evaluation = COCOeval(coco, coco.loadRes(found), 'bbox')
    evaluation.params.useCats = 0
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[8]


def test_the_shipped_grid_keeps_the_boxes(folder):
    """And a coarse one does not, so something is measured."""
    shipped = Config.fromfile(ROOT / 'configs/_base_/models/layout_box-channels_64.py').generator.vocabulary
    coco = COCO(folder / 'val.json')
    assert average_recall(coco, LayoutVocabulary(**shipped)) >= 0.95
    assert average_recall(coco, LayoutVocabulary(**{**shipped, 'grid': 17})) < 0.8


@pytest.fixture(scope='module')
def build():
    """Builds the shipped training and validation sets in mmdet's scope."""
    from mmdet.registry import DATASETS

    import dive_mmdet  # noqa: F401
    cfg = Config.fromfile(ROOT / 'configs/_base_/datasets/digit_scenes.py')

    def of(loader: str, **changes):
        with DefaultScope.overwrite_default_scope('mmdet'):
            return DATASETS.build({**cfg[loader].dataset, **changes})
    return of


def test_the_validation_set_of_mmdet_has_the_composed_boxes_and_labels(build, folder):
    dataset = build('val_dataloader', data_root=str(folder) + '/')
    composer = DigitSceneComposer(split='val')
    assert len(dataset) == 50
    for index in (0, 17, 49):
        item, (image, boxes, labels) = dataset[index], composer.compose(index)
        sample = item['data_samples']
        assert torch.equal(item['inputs'], torch.from_numpy(image).expand(3, -1, -1))
        assert sample.gt_instances.bboxes.tensor.tolist() == boxes.tolist()
        assert sample.gt_instances.labels.tolist() == labels.tolist()
        assert sample.img_id == index and tuple(sample.ori_shape) == (64, 64)


def test_scenes_on_the_fly_pass_through_mmdets_transforms(build):
    from mmdet.structures import DetDataSample
    dataset = build('train_dataloader', num_scenes=100)
    composer = DigitSceneComposer(max_rotation=10.0, max_shear=10.0)
    assert len(dataset) == 100 and dataset.metainfo['classes'] == tuple('0123456789')
    for index in (0, 5, 99):
        item, (image, boxes, labels) = dataset[index], composer.compose(index)
        sample = item['data_samples']
        assert isinstance(sample, DetDataSample)
        assert item['inputs'].dtype == torch.uint8
        assert torch.equal(item['inputs'], torch.from_numpy(image).expand(3, -1, -1))
        assert sample.gt_instances.bboxes.tensor.tolist() == boxes.tolist()
        assert sample.gt_instances.labels.tolist() == labels.tolist()
        assert (sample.img_id, tuple(sample.img_shape)) == (index, (64, 64))


def test_transforms_that_move_pixels_move_boxes(build):
    flip = [dict(type='LoadImageFromNDArray'), dict(type='LoadAnnotations', with_bbox=True),
            dict(type='RandomFlip', prob=1.0), dict(type='PackDetInputs', meta_keys=('img_id',))]
    plain, flipped = build('train_dataloader')[3], build('train_dataloader', pipeline=flip)[3]
    assert torch.equal(flipped['inputs'], plain['inputs'].flip(2))
    x0, y0, x1, y1 = plain['data_samples'].gt_instances.bboxes.tensor.T
    expected = torch.stack([64 - x1, y0, 64 - x0, y1], dim=1)
    assert torch.equal(flipped['data_samples'].gt_instances.bboxes.tensor, expected)


def test_a_loader_gives_the_same_scenes_with_and_without_workers(build):
    from mmengine.dataset import pseudo_collate
    from torch.utils.data import DataLoader
    dataset = build('train_dataloader', num_scenes=6)
    batches = [list(DataLoader(dataset, 3, num_workers=workers, collate_fn=pseudo_collate)) for workers in (0, 1)]
    for one, other in zip(*batches):
        assert all(torch.equal(a, b) for a, b in zip(one['inputs'], other['inputs']))
