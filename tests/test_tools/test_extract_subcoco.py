"""Subsets against the file they come from, as pycocotools reads both."""
import json
import sys
from pathlib import Path

import pytest
from pycocotools.coco import COCO

ROOT = Path(__file__).parents[2]


@pytest.fixture
def annotations(tmp_path):
    images = [dict(id=7 * index + 3, file_name=f'{index}.png', width=10, height=8) for index in range(40)]
    items = [dict(id=100 + index, image_id=images[index % 40]['id'], category_id=1 + index % 3, bbox=[1, 1, 4, 4],
                  area=16, iscrowd=0) for index in range(90)]
    path = tmp_path / 'whole.json'
    categories = [dict(id=index, name=str(index), supercategory='digit') for index in (1, 2, 3)]
    path.write_text(json.dumps(dict(info={}, images=images, annotations=items, categories=categories)))
    return path


@pytest.fixture
def run(monkeypatch):
    """Runs the tool; returns the sentence that it ends with, None where all went well."""
    monkeypatch.syspath_prepend(ROOT / 'tools/misc')
    import extract_subcoco

    def run(*arguments) -> str | None:
        monkeypatch.setattr(sys, 'argv', ['extract_subcoco', *map(str, arguments)])
        try:
            return extract_subcoco.main()
        except SystemExit as end:
            return end.code
    return run


def test_a_count_is_the_same_every_time_and_grows_by_adding(run, annotations, tmp_path):
    outs = [tmp_path / name for name in ('a.json', 'b.json', 'more.json', 'other.json')]
    for out, *options in zip(outs, (5, 5, 12, 5), (0, 0, 0, 1)):
        assert run(annotations, out, '--count', options[0], '--seed', options[1]) is None
    assert outs[0].read_bytes() == outs[1].read_bytes()
    whole, part, more, other = (COCO(str(path)) for path in (annotations, outs[0], *outs[2:]))
    assert len(part.imgs) == 5 and set(part.imgs) < set(more.imgs) and set(part.imgs) != set(other.imgs)
    for image_id in part.imgs:
        assert part.imgToAnns[image_id] == whole.imgToAnns[image_id]
    assert sum(len(part.imgToAnns[image_id]) for image_id in part.imgs) == len(part.anns)
    assert part.cats == whole.cats


def test_ids_are_taken_from_a_file(run, annotations, tmp_path):
    (tmp_path / 'ids.txt').write_text('10 3\n24\n')
    assert run(annotations, tmp_path / 'out.json', '--ids', tmp_path / 'ids.txt') is None
    assert list(COCO(str(tmp_path / 'out.json')).imgs) == [3, 10, 24]


def test_ids_may_be_text(run, annotations, tmp_path):
    whole = json.loads(annotations.read_text())
    for item, key in [(image, 'id') for image in whole['images']] + [(item, 'image_id') for item in
                                                                     whole['annotations']]:
        item[key] = f'scene-{item[key]}'
    annotations.write_text(json.dumps(whole))
    (tmp_path / 'ids.txt').write_text('scene-10')
    assert run(annotations, tmp_path / 'some.json', '--ids', tmp_path / 'ids.txt') is None
    assert run(annotations, tmp_path / 'five.json', '--count', 5) is None
    assert list(COCO(str(tmp_path / 'some.json')).imgs) == ['scene-10']
    assert len(COCO(str(tmp_path / 'five.json')).imgs) == 5


def test_images_that_are_layouts(run, annotations, tmp_path):
    """Of the forty images the first ten have three objects, the others two."""
    whole = json.loads(annotations.read_text())
    first = {item['id']: item for item in whole['annotations']}
    first[110]['bbox'] = [7, 1, 4, 4]  # image 10 leaves its image
    first[111]['bbox'] = [1, 1, 0.5, 4]  # image 11 is too thin
    first[112].update(iscrowd=1, bbox=[0, 0, 0, 0])  # image 12 has one object besides the crowd
    first[113]['iscrowd'] = first[153]['iscrowd'] = 1  # image 13 has none
    annotations.write_text(json.dumps(whole))
    assert run(annotations, tmp_path / 'out.json', '--slots', 2) is None
    found = sorted((image - 3) // 7 for image in COCO(str(tmp_path / 'out.json')).imgs)
    assert found == [12, *range(14, 40)]


@pytest.mark.parametrize('options, sentence', [
    (('--count', '41'), '41 images were asked for and the file has 40'),
    (('--count', '0'), '0 images were asked for'),
    (('--ids', '{ids}'), 'No image has the id 4 (1 such ids)'),
    (('--ids', 'nowhere.txt'), 'nowhere.txt is missing'),
])
def test_what_cannot_be_is_said_and_nothing_written(run, annotations, tmp_path, options, sentence):
    (tmp_path / 'ids.txt').write_text('3 4')
    said = run(annotations, tmp_path / 'out.json', *(option.format(ids=tmp_path / 'ids.txt') for option in options))
    assert sentence in said
    assert not list(tmp_path.glob('out*'))
