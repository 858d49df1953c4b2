"""Annotation files whose references do not hold are refused with file, id and both places, by all that read them."""
import copy
import json
import sys
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, DefaultScope
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dive_mmdet.datasets.annotation_file import AnnotationFile, completed

ROOT = Path(__file__).resolve().parents[2]
SOUND = dict(
    images=[dict(id=id_, file_name=f'{id_}.png', width=40, height=30) for id_ in (4, 5)],
    categories=[dict(id=1, name='disc'), dict(id=2, name='triangle')],
    annotations=[dict(id=10 + index, image_id=4 + index % 2, category_id=1 + index % 2, bbox=[2, 2, 10, 8], area=80,
                      iscrowd=0) for index in range(4)])


def broken(change):
    content = copy.deepcopy(SOUND)
    change(content)
    return content


def merged_without_renumbering(content):
    content['images'].append(dict(content['images'][0], file_name='other/4.png'))


def categories_numbered_from_zero_in_annotations(content):
    for annotation in content['annotations']:
        annotation['category_id'] -= 1


def image_ids_as_text_in_annotations(content):
    for annotation in content['annotations']:
        annotation['image_id'] = str(annotation['image_id'])


def image_is_missing(content):
    del content['images'][1]


def annotations_with_one_id(content):
    content['annotations'][2]['id'] = 10


def categories_with_one_id(content):
    content['categories'][1]['id'] = 1


def numbers_and_text_mixed(content):
    content['images'][1]['id'] = '5'


def fractions_as_ids(content):
    content['images'][0]['id'] = 4.5


def annotations_named(content):
    for annotation, name in zip(content['annotations'], 'abcd'):
        annotation['id'] = name


def no_iscrowd(content):
    del content['annotations'][1]['iscrowd']


def no_area(content):
    del content['annotations'][1]['area']


def no_width(content):
    del content['images'][1]['width']


BROKEN = {
    merged_without_renumbering: 'images[0] (4.png) and images[2] (other/4.png) of FILE have the same id 4: give each',
    categories_numbered_from_zero_in_annotations:
        'annotations[0] (id 10) of FILE has the category_id 0, but the ids of its 2 categories are [1, 2]: write both',
    image_ids_as_text_in_annotations:
        "annotations[0] (id 10) of FILE has the image_id '4', but images[0] (4.png) has the id 4: write both alike.",
    image_is_missing: 'annotations[1] (id 11) of FILE has the image_id 5, but the ids of its 1 images are [4]: write',
    annotations_with_one_id: 'annotations[0] (id 10) and annotations[2] (id 10) of FILE have the same id 10: give each',
    categories_with_one_id: 'categories[0] (disc) and categories[1] (triangle) of FILE have the same id 1: give each',
    numbers_and_text_mixed: "images[0] (4.png) and images[1] (5.png) of FILE have ids of two types, 4 and '5': write",
    fractions_as_ids: 'images[0] (4.png) of FILE has the id 4.5: write a whole number or text.',
    annotations_named: "annotations[0] (id 'a') of FILE has the id 'a': write a whole number.",
    no_iscrowd: 'annotations[1] (id 11) of FILE has no iscrowd: write COCO format, or let tools/misc/extract_subcoco',
    no_area: 'annotations[1] (id 11) of FILE has no area: write COCO format',
    no_width: 'images[1] (5.png) of FILE has no width: write COCO format.',
}


@pytest.fixture(params=BROKEN, ids=lambda change: change.__name__)
def file_and_sentence(request, tmp_path):
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(broken(request.param)))
    return path, BROKEN[request.param].replace('FILE', str(path))


def dataset(path, **changes):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DATASETS.build(dict(
            type='dive_mmdet.LayoutCocoDataset', num_classes=2, data_root=str(path.parent), ann_file=path.name,
            data_prefix=dict(img=''), metainfo=dict(classes=('disc', 'triangle')), pipeline=[], **changes))


def said_by(run, *arguments, **keywords) -> str:
    with pytest.raises((ValueError, SystemExit)) as caught:
        run(*arguments, **keywords)
    sentence = str(caught.value)
    assert '\n' not in sentence and sentence.endswith('.') and '. ' not in sentence
    return sentence


@pytest.mark.parametrize('reader', [
    AnnotationFile, dataset, lambda path: dataset(path, num_objects=4), lambda path: dataset(path, test_mode=True)],
    ids=['tools', 'baseline', 'generator', 'test'])
def test_references_are_checked_before_the_first_step(file_and_sentence, reader):
    path, sentence = file_and_sentence
    assert sentence in said_by(reader, path)


@pytest.mark.parametrize('tool, arguments', [
    ('misc/extract_subcoco', ('FILE', 'OUT', '--count', '1')), ('analysis_tools/reachable_ceiling', ('FILE',)),
    ('analysis_tools/random_boxes', ('CONFIG', '--ann-file', 'FILE'))])
def test_tools_refuse_what_no_default_of_coco_mends(tool, arguments, tmp_path, monkeypatch):
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(broken(merged_without_renumbering)))
    names = dict(FILE=path, OUT=tmp_path / 'out.json', CONFIG=ROOT / 'configs/your_own_data/dive.py')
    monkeypatch.setattr(sys, 'argv', [tool, *(str(names.get(word, word)) for word in arguments)])
    monkeypatch.syspath_prepend(ROOT / 'tools' / Path(tool).parent)
    module = __import__(Path(tool).name)
    assert BROKEN[merged_without_renumbering].replace('FILE', str(path)) in said_by(module.main)
    assert not names['OUT'].exists()


@pytest.mark.parametrize('ids', [dict(), {4: 'left', 5: 'right'}], ids=['numbers', 'text'])
def test_sound_files_are_read_as_pycocotools_reads_them(tmp_path, capsys, ids):
    content = copy.deepcopy(SOUND)
    for item, key in [(image, 'id') for image in content['images']] + [
            (annotation, 'image_id') for annotation in content['annotations']]:
        item[key] = ids.get(item[key], item[key])
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(content))
    ours = AnnotationFile(path)
    assert capsys.readouterr().out == ''
    theirs = COCO(str(path))
    for name in ('dataset', 'anns', 'cats', 'imgs', 'imgToAnns', 'catToImgs'):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.img_ann_map == theirs.imgToAnns and ours.cat_img_map == theirs.catToImgs
    assert [dataset(path).get_data_info(index)['img_id'] for index in range(2)] == list(theirs.imgs)


def test_what_annotation_0_matches_is_matched(tmp_path):
    """pycocotools alone counts it among the wrong ones: its ids of matches are 0 where there is none."""
    content = broken(lambda content: [annotation.update(id=index) for index, annotation in
                                      enumerate(content['annotations'])])
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(content))
    perfect = [dict(image_id=item['image_id'], category_id=item['category_id'], bbox=item['bbox'], score=1.0)
               for item in content['annotations']]
    precision = {}
    for kind in (COCO, AnnotationFile):
        truth = kind(str(path))
        judge = COCOeval(truth, truth.loadRes(copy.deepcopy(perfect)), 'bbox')
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        precision[kind] = judge.stats[0]
    assert precision[AnnotationFile] == 1 > precision[COCO]


@pytest.mark.parametrize('text, reason', [('{', 'is no JSON file'), ('[]', "has no list 'images'"),
                                          ('{"images": []}', "has no list 'categories'")])
def test_other_files_are_told_from_annotations(tmp_path, text, reason):
    (tmp_path / 'a.json').write_text(text)
    assert reason in said_by(AnnotationFile, tmp_path / 'a.json')


def test_missing_keys_get_the_defaults_of_coco_and_others_stay():
    given = broken(lambda content: [no_iscrowd(content), no_area(content), content['annotations'][2].update(
        area=44.5, iscrowd=1), content['categories'][0].update(supercategory='shape')])
    found = completed(given)
    assert [(item['iscrowd'], item['area']) for item in found['annotations']] == [(0, 80), (0, 80), (1, 44.5), (0, 80)]
    assert [item['supercategory'] for item in found['categories']] == ['shape', 'triangle']
    assert list(found['annotations'][0]) == list(given['annotations'][0]) and 'area' not in given['annotations'][1]


def test_an_extract_has_the_keys_that_mmdets_evaluation_reads(tmp_path, monkeypatch):
    """pycocotools ends in KeyError on the file that it was made from."""
    from mmdet.evaluation import CocoMetric
    path, out = tmp_path / 'annotations.json', tmp_path / 'whole.json'
    path.write_text(json.dumps(broken(lambda content: [
        annotation.pop(key) for annotation in content['annotations'] for key in ('area', 'iscrowd')])))
    monkeypatch.syspath_prepend(ROOT / 'tools/misc')
    monkeypatch.setattr(sys, 'argv', ['extract_subcoco', str(path), str(out), '--all'])
    import extract_subcoco
    extract_subcoco.main()

    def score(file):
        import torch
        metric = CocoMetric(ann_file=str(file), metric='bbox')
        metric.dataset_meta = dict(classes=('disc', 'triangle'))
        box = torch.tensor([[2.0, 2, 12, 10]])
        metric.process({}, [dict(img_id=4 + label, ori_shape=(30, 40), pred_instances=dict(
            bboxes=box, scores=torch.ones(1), labels=torch.tensor([label]))) for label in range(2)])
        return metric.evaluate(size=2)['coco/bbox_mAP']
    with pytest.raises(KeyError):
        score(path)
    assert 0 < score(out) <= 1
