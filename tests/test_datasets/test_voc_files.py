"""A folder of VOC files becomes COCO files that pycocotools and mmdet's reader take."""
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.datasets.voc_files import convert, read_voc

ROOT = Path(__file__).resolve().parents[2]
# By image: its objects; the second box leaves the image, the third lies outside.
OBJECTS = dict(one=[('worm', 2, 3, 10, 9)], two=[('ant', 5, 5, 45, 20), ('worm', 41, 1, 50, 9)], three=[])


def xml(stem: str, extension: str = '.jpg') -> str:
    objects = ''.join(f'<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>'
                      f'<ymax>{y1}</ymax></bndbox></object>' for name, x0, y0, x1, y1 in OBJECTS[stem])
    return (f'<annotation><filename>{stem}{extension}</filename><size><width>40</width><height>30</height><depth>3'
            f'</depth></size>{objects}</annotation>')


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / 'VOC'
    for folder in ('Annotations', 'JPEGImages', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True)
    for index, stem in enumerate(OBJECTS):
        (root / f'Annotations/{stem}.xml').write_text(xml(stem, '' if stem == 'two' else '.jpg'))
        cv2.imwrite(str(root / f'JPEGImages/{stem}.jpg'), np.full((30, 40, 3), 50 * index, np.uint8))
    (root / 'ImageSets/Main/train.txt').write_text('one\ntwo\n')
    (root / 'ImageSets/Main/val.txt').write_text('three\n')
    return root


def test_parts_boxes_and_classes_are_those_of_the_folder(voc, tmp_path):
    said = convert(voc, tmp_path / 'out', ('train', 'val'))
    assert said == ['train: 2 images, 2 objects, 1 boxes without extent left out',
                    'val: 1 images, 0 objects, 0 boxes without extent left out']
    coco = AnnotationFile(tmp_path / 'out/train.json')
    names = {number: category['name'] for number, category in coco.cats.items()}
    found = {(coco.imgs[a['image_id']]['file_name'], names[a['category_id']], *a['bbox'], a['area'])
             for a in coco.anns.values()}
    assert found == {('one.jpg', 'worm', 2, 3, 8, 6, 48), ('two.jpg', 'ant', 5, 5, 35, 15, 525)}
    assert list(names.values()) == ['ant', 'worm'] and list(AnnotationFile(tmp_path / 'out/val.json').imgs)
    for stem in OBJECTS:
        assert (tmp_path / f'out/images/{stem}.jpg').read_bytes() == (voc / f'JPEGImages/{stem}.jpg').read_bytes()


@pytest.mark.parametrize('gone', ['ImageSets/Main/test.txt', 'Annotations/one.xml', 'JPEGImages/one.jpg'])
def test_the_tool_says_in_a_sentence_what_is_missing(voc, tmp_path, gone):
    parts = ['train'] if gone != 'ImageSets/Main/test.txt' else ['test']
    (voc / gone).unlink(missing_ok=True)
    done = subprocess.run([sys.executable, ROOT / 'tools/dataset_converters/voc_to_coco.py', voc, tmp_path / 'out',
                           '--parts', *parts], capture_output=True, text=True)
    assert done.returncode == 1 and f'{gone} is missing' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('text', ['no xml', '<annotation/>', xml('one').replace('<xmax>10</xmax>', ''),
                                  xml('one').replace('>10<', '>ten<')])
def test_what_is_no_annotation_is_refused_by_name(tmp_path, text):
    path = tmp_path / 'bad.xml'
    path.write_text(text)
    with pytest.raises(ValueError, match='bad.xml is no annotation in the format of PASCAL VOC'):
        read_voc(path)
