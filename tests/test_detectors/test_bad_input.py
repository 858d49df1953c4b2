"""Input that cannot be right is refused in one sentence that says what, where and what to do."""
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers.quick_search import QUICK
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.structures import InstanceData
from PIL import Image

from dive_mmdet.engine.run import run_test
from dive_mmdet.engine.run_state import RunState
from dive_mmdet.hooks import InversionHook
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.training.ground_truth import true_layouts

ORIENTATION = 0x112  # of EXIF
TEMPLATE = Path(__file__).resolve().parents[2] / 'configs/your_own_data'
CLASSES = ('disc', 'triangle')
GOOD = dict(id=1, image_id=1, category_id=1, bbox=[2, 2, 10, 8], area=80, iscrowd=0)


def write(root: Path, *annotations: dict, names=CLASSES) -> Path:
    """Two grey images of 40 x 30 pixels, `a.png` with the annotations and `b.png` with one object."""
    for image in ('a', 'b'):
        cv2.imwrite(str(root / f'{image}.png'), np.full((30, 40, 3), 90, np.uint8))
    images = [dict(id=index, file_name=f'{name}.png', width=40, height=30) for index, name in enumerate('ab', start=1)]
    annotations = [dict(annotation, id=index) for index, annotation in enumerate(annotations, start=1)]
    annotations.append(dict(GOOD, id=99, image_id=2))
    categories = [dict(id=index, name=name) for index, name in enumerate(names, start=1)]
    (root / 'train.json').write_text(json.dumps(dict(images=images, annotations=annotations, categories=categories)))
    return root


def dataset(root: Path, classes=CLASSES, **changes):
    """The template's training set on the images above."""
    config = Config.fromfile(TEMPLATE / 'generator.py').train_dataloader.dataset
    config.update(dict(data_root=str(root), data_prefix=dict(img=''), metainfo=dict(classes=classes), **changes))
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DATASETS.build(config)


def refusal(call, *arguments, **keywords) -> str:
    """The sentence with which a call is refused."""
    with pytest.raises(ValueError) as caught:
        call(*arguments, **keywords)
    sentence = str(caught.value)
    assert '\n' not in sentence and sentence.endswith('.') and '. ' not in sentence
    return sentence


def test_a_missing_annotation_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no annotation file .*elsewhere.json: give data_root and '
                                                'ann_file of your data in the config; .*dataset_converters'):
        dataset(write(tmp_path, GOOD), ann_file='elsewhere.json')


def test_good_input_is_taken(tmp_path):
    rounded = dict(GOOD, bbox=[-0.4, 0, 40.6, 30.3])
    crowd = dict(GOOD, iscrowd=1, bbox=[0, 0, 90, 90])
    found = dataset(write(tmp_path, GOOD, rounded, crowd), num_objects=2)
    assert len(found) == 2 and len(found[0]['data_samples'].gt_instances) == 2


def test_more_objects_than_slots(tmp_path):
    sentence = refusal(dataset, write(tmp_path, GOOD, GOOD, GOOD), num_objects=2)
    assert sentence.startswith('3 objects of image a.png in ')
    assert 'do not fit 2 slots: raise num_objects, to 3 for all images' in sentence


def test_one_class_without_its_comma(tmp_path):
    sentence = refusal(dataset, write(tmp_path, GOOD), classes='disc')
    assert sentence == "The classes are the text 'disc': write ('disc',), with a comma, for one."


@pytest.mark.parametrize('change', [dict(bbox=[2, 2, 0, 8]), dict(bbox=[2, 2, 10, -3]), dict(area=0),
                                    dict(bbox=[2, 2, float('nan'), 8])])
def test_a_box_without_area(tmp_path, change):
    sentence = refusal(dataset, write(tmp_path, GOOD, dict(GOOD, **change)))
    assert 'of annotation 2, image a.png in ' in sentence and 'has no area: remove it' in sentence


@pytest.mark.parametrize('box', [[-5, 2, 10, 8], [2, -5, 10, 8], [35, 2, 10, 8], [2, 25, 10, 8], [100, 100, 5, 5]])
def test_a_box_outside_the_image(tmp_path, box):
    sentence = refusal(dataset, write(tmp_path, dict(GOOD, bbox=box)))
    assert f'Box {box} of annotation 1, image a.png' in sentence
    assert 'leaves the image of 40 x 30 pixels: clip it' in sentence


def test_an_annotation_that_lacks_a_part(tmp_path):
    annotation = {key: value for key, value in GOOD.items() if key != 'bbox'}
    assert f'annotations[0] (id 1) of {tmp_path}/train.json has no bbox: write COCO' in refusal(
        dataset, write(tmp_path, annotation))


def test_no_object_at_all(tmp_path):
    write(tmp_path)
    content = json.loads((tmp_path / 'train.json').read_text())
    (tmp_path / 'train.json').write_text(json.dumps(dict(content, annotations=[])))
    assert 'has no image with an object of the classes disc, triangle: give' in refusal(dataset, tmp_path)


@pytest.mark.parametrize('names', [('disc', 'square'), ('triangle', 'disc')])
def test_classes_that_are_not_the_files(tmp_path, names):
    sentence = refusal(dataset, write(tmp_path, GOOD, names=names))
    assert 'The classes disc, triangle do not match the categories of ' in sentence
    assert f'which are {", ".join(names)}: use names of the file in the order of the file.' in sentence


def test_some_classes_of_a_file_are_enough(tmp_path):
    root = write(tmp_path, dict(GOOD, category_id=2), names=('square', *CLASSES))
    assert [len(item['data_samples'].gt_instances) for item in dataset(root)] == [1]


def test_classes_that_do_not_match_the_vocabulary(tmp_path):
    sentence = refusal(dataset, write(tmp_path, GOOD), classes=('disc',))
    assert sentence.startswith('The data set has 1 classes (disc) and the vocabulary 2: set num_classes')


@pytest.mark.parametrize('content', [b'', b'no image', None])
def test_an_unreadable_image(tmp_path, content):
    root = write(tmp_path, GOOD)
    (root / 'a.png').unlink()
    if content is not None:
        (root / 'a.png').write_bytes(content)
    sentence = refusal(dataset(root).__getitem__, 0)
    assert sentence.startswith(f'Image {root / "a.png"} cannot be read: replace the file')


@pytest.mark.parametrize('test_mode', [False, True])
def test_an_image_file_of_another_size_than_annotated(tmp_path, test_mode):
    """Files that were resized after labelling would put every box at half its place."""
    root = write(tmp_path, GOOD)
    cv2.imwrite(str(root / 'a.png'), np.full((60, 80, 3), 90, np.uint8))
    found = dataset(root, test_mode=test_mode)
    assert refusal(found.__getitem__, 0).startswith(
        f'Image {root / "a.png"} has 80 x 60 pixels, and {root / "train.json"} says 40 x 30: annotate the file')
    assert len(found[1]['data_samples'].gt_instances) == 1


def test_an_image_that_its_exif_data_turn_is_taken_as_it_was_annotated_or_refused(tmp_path):
    root, exif = write(tmp_path, GOOD), Image.Exif()
    exif[ORIENTATION] = 6  # a quarter turn
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(root / 'a.png', format='JPEG', exif=exif)
    sentence = refusal(dataset(root).__getitem__, 0)
    assert 'has 30 x 40 pixels, ' in sentence and "load it with color_type='color_ignore_orientation' if" in sentence
    pipeline = dataset(root).pipeline.transforms
    pipeline[0].color_type = 'color_ignore_orientation'
    as_annotated = dataset(root)
    as_annotated.pipeline.transforms = pipeline
    assert tuple(as_annotated[0]['data_samples'].ori_shape) == (30, 40)


def test_an_image_with_a_crowd_alone_is_no_empty_layout_to_train_on(tmp_path):
    root = write(tmp_path, dict(GOOD, iscrowd=1))
    assert [item['data_samples'].img_id for item in dataset(root)] == [2]
    assert [len(item['data_samples'].gt_instances) for item in dataset(root, test_mode=True)] == [0, 1]


def test_what_is_wrong_with_a_readable_image_is_not_blamed_on_the_file(tmp_path):
    def fail(results):
        raise AssertionError('something else')
    found = dataset(write(tmp_path, GOOD), pipeline=[])
    found.pipeline.transforms = [fail]
    with pytest.raises(AssertionError, match='something else'):
        found[0]


@pytest.mark.parametrize('boxes, labels, reason', [
    ([[0, 0, 9, 9]] * 3, [0, 0, 0], '3 objects do not fit 2 slots'),
    ([[5, 5, 5, 9]], [0], 'has no area'),
    ([[5, 5, 41, 9]], [0], 'lies outside the image'),
    ([[0, 0, 9, 9]], [2], 'Label 2 is none of the 2 categories'),
])
def test_training_refuses_layouts_of_any_data_set_by_image(boxes, labels, reason):
    sample = DetDataSample(metainfo=dict(img_path='a.png', img_shape=(30, 40)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor(boxes).float(), labels=torch.tensor(labels))
    tokenizer = LayoutTokenizer(LayoutVocabulary(num_classes=2, num_objects=2, grid=17))
    with pytest.raises(ValueError, match=f'^Image a.png: .*{reason}'):
        true_layouts([sample], tokenizer)


@pytest.mark.parametrize('stage', ['val', 'test'])
def test_a_detector_is_not_tested_on_foreign_classes(stage):
    hook = InversionHook()
    vocabulary = LayoutVocabulary(num_classes=2, num_objects=2, grid=17)
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=('a', 'b', 'c'))))
    runner = SimpleNamespace(model=SimpleNamespace(backbone=SimpleNamespace(vocabulary=vocabulary)),
                             val_dataloader=loader, test_dataloader=loader)
    assert 'has 3 classes (a, b, c) and the vocabulary 2' in refusal(getattr(hook, f'before_{stage}'), runner)
    loader.dataset.metainfo['classes'] = ('a', 'b')
    getattr(hook, f'before_{stage}')(runner)


def test_a_run_that_meets_an_unreadable_image_keeps_what_is_finished_and_goes_on_later(tmp_path):
    root = write(tmp_path, GOOD)
    config = Config.fromfile(TEMPLATE / 'dive.py')
    config.model.backbone.update(dict(vocabulary=dict(num_classes=2, num_objects=2, grid=17)))
    config.model.backbone.denoiser.update(dict(sample_size=16, num_layers=1))
    config.model.backbone.channels.sample_size, config.model.backbone.compile = 16, False
    config.model.inverter, config.model.prior.length = QUICK, 6
    config.test_dataloader.dataset.update(dict(data_root=str(root), ann_file='train.json', data_prefix=dict(img='')))
    config.test_dataloader.dataset.pipeline[1].scale = (16, 16)
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(dataset_meta=dict(classes=CLASSES))), root / 'weights.pth')

    config.test_evaluator.ann_file = str(root / 'train.json')
    config.test_dataloader.batch_size = 1
    readable = (root / 'b.png').read_bytes()
    (root / 'b.png').write_bytes(readable[:10])
    broken = run_test(config, root / 'weights.pth', root / 'run', show=lambda line: None)
    assert broken.status == 3 and list(broken.records) == [1]
    assert 'b.png cannot be read' in RunState(root / 'run').failures[2]
    (root / 'b.png').write_bytes(readable)
    mended = run_test(config, root / 'weights.pth', root / 'run', show=lambda line: None)
    assert mended.status == 0 and list(mended.records) == [1, 2] and mended.records[1] == broken.records[1]
