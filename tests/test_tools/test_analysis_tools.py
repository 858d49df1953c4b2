"""The tools that judge a run: against pycocotools' own figures and against energies whose answer is known."""
import json
import shutil
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dive_mmdet.engine.configured import load_config
from dive_mmdet.engine.records.record_log import RecordLog
from dive_mmdet.engine.run import run_test
from dive_mmdet.engine.run_state import RunState
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

ROOT = Path(__file__).resolve().parents[2]


def write_run(work_dir, boxes_of, scores_of, labels_of, classes=('a', 'b'), inversions=None, annotations=None):
    """What a test leaves in its work dir."""
    with closing(RecordLog(work_dir / 'records', {})) as log:
        log.begin(images=len(boxes_of), classes=list(classes), annotations=annotations, command='',
                  order=list(boxes_of))
        for image in boxes_of:
            instances = {name: dict(tensor=values[image]) for name, values in dict(
                bboxes=boxes_of, scores=scores_of, labels=labels_of).items()}
            metas = dict(inversion=inversions[image]) if inversions else {}
            log.append(dict(image=image, seconds=1.0, nfe=1.0, time=0.0,
                            found=dict(fields=dict(pred_instances=dict(instances=instances)), metas=metas)))
    return work_dir


@pytest.fixture
def judged(tmp_path):
    """Annotations of 6 images, and records that find some of them, more or less exactly."""
    rng = np.random.default_rng(0)
    images = [dict(id=index, file_name=f'{index}.png', width=64, height=64) for index in range(6)]
    annotations, boxes, scores, labels = [], {}, {}, {}
    for image in range(6):
        boxes[image], scores[image], labels[image] = [], [], []
        for which in range(3):
            x, y, w, h = 20 * which, *rng.integers(0, 20, 1).tolist(), *rng.integers(12, 20, 2).tolist()
            label = int(rng.integers(2))
            annotations.append(dict(id=len(annotations) + 1, image_id=image, category_id=5 + label, iscrowd=0,
                                    bbox=[x, y, w, h], area=w * h))
            slip = int(rng.integers(4))
            boxes[image].append([x + slip, y, x + w + slip, y + h])
            scores[image].append(float(rng.uniform()))
            labels[image].append(label if rng.uniform() < 0.8 else 1 - label)
    truth = tmp_path / 'truth.json'
    truth.write_text(json.dumps(dict(images=images, annotations=annotations,
                                     categories=[dict(id=5, name='a'), dict(id=6, name='b')])))
    return truth, write_run(tmp_path / 'run', boxes, scores, labels)


def test_compare_measures_what_pycocotools_measures(judged):
    import compare
    coco, found = COCO(str(judged[0])), compare.bootstrap(*judged)
    detections = [dict(image_id=image, category_id=5 + label, score=score,
                       bbox=[box[0], box[1], box[2] - box[0], box[3] - box[1]])
                  for image, record in RunState(judged[1]).records.items() for box, score, label in record.detections]
    own = COCOeval(coco, coco.loadRes(detections), 'bbox')
    own.evaluate()
    own.accumulate()
    own.summarize()
    assert 0.1 < own.stats[0] < 0.9
    assert found.bbox_map(np.arange(6)) == pytest.approx(own.stats[0], abs=1e-12)
    # An image that is drawn often counts often: all images twice change nothing, one image alone does.
    doubled = np.repeat(np.arange(6), 2)
    assert found.bbox_map(doubled) == pytest.approx(own.stats[0], abs=0.02)
    assert found.bbox_map(np.zeros(6, int)) != pytest.approx(own.stats[0], abs=1e-3)


def test_a_run_compared_with_itself_has_the_ratio_one(judged, monkeypatch, capsys):
    import compare
    monkeypatch.setattr(sys, 'argv', ['compare.py', *map(str, (judged[0], judged[1], judged[1])), '--resamples', '20'])
    compare.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed['ratio'] == printed['ratio_low'] == printed['ratio_high'] == 1 and printed['images'] == 6


def test_annotations_of_other_images_with_the_same_ids_are_no_truth(judged, tmp_path, monkeypatch):
    import compare
    truth, nothing = json.loads(judged[0].read_text()), {image: [] for image in range(6)}
    work_dir = write_run(tmp_path / 'judged', nothing, nothing, nothing, annotations=str(judged[0]))
    one = dict(truth, annotations=[dict(item, bbox=[0, 0, 9, 9]) for item in truth['annotations'][3:]]
               + truth['annotations'][:3])
    (tmp_path / 'corrected.json').write_text(json.dumps(one))
    assert compare.bootstrap(tmp_path / 'corrected.json', work_dir).bbox_map(np.arange(6)) == 0  # nothing was found
    (tmp_path / 'others.json').write_text(json.dumps(dict(one, annotations=one['annotations'][:-3])))
    with pytest.raises(ValueError, match='not one of .*others.json has the same boxes: give annotations of its images'):
        compare.bootstrap(tmp_path / 'others.json', work_dir)


def test_search_quality_refuses_results_of_other_images_with_the_same_ids(tiny_detector, tmp_path, monkeypatch):
    import search_quality
    config, weights = str(tiny_detector / 'config.py'), str(tiny_detector / 'weights.pth')
    run_test(load_config(config, images=2), weights, tmp_path / 'run', show=lambda line: None)
    monkeypatch.setattr(sys, 'argv', ['', config, weights, '--work-dir', str(tmp_path / 'run'), '--images', '2',
                                      '--pairs', '2'])
    search_quality.main()
    shutil.copytree(tiny_detector / 'images', tmp_path / 'images')
    cv2.imwrite(str(tmp_path / 'images/1.png'), np.zeros((96, 48, 3), np.uint8))
    sys.argv += ['--img-prefix', str(tmp_path / 'images')]
    with pytest.raises(SystemExit, match='holds no inversion of image 1 and 0 others as CONFIG reads them'):
        search_quality.main()


def test_search_quality_tells_whose_fault_it_is():
    import search_quality
    noise = torch.linspace(-1, 1, 16)[None] * 1e-3
    true, empty = torch.full((1, 16), 1.0), torch.full((1, 16), 2.0)
    rows = {name: search_quality.summarise(true + difference + noise, true, empty)
            for name, difference in dict(worse=0.1, little_worse=2e-4, better=-0.1).items()}
    assert [rows[name]['search_finds'] for name in rows] == [0, 100, 100]
    assert [rows[name]['generator_prefers_truth'] for name in rows] == [100, 0, 0]
    assert [rows[name]['generator_prefers_found'] for name in rows] == [0, 0, 100]
    assert rows['worse']['mean_excess_of_gap'] == pytest.approx(10, abs=1e-3)


def test_a_large_error_bar_does_not_excuse_more_than_the_gap_allows():
    import search_quality
    noise = torch.linspace(-10, 10, 16)[None]
    found = torch.full((1, 16), 1.05) + noise
    assert search_quality.summarise(found, torch.full((1, 16), 1.0), torch.full((1, 16), 2.0))['search_finds'] == 0


def test_wrong_layouts_are_wrong_and_complete():
    import check_generator
    tokenizer = LayoutTokenizer(LayoutVocabulary(num_classes=5, num_objects=3, grid=65))
    ids = tokenizer.encode(torch.tensor([[4, 4, 20, 30], [30, 20, 60, 50]]) / 64, torch.tensor([1, 4]))
    other = tokenizer.encode(torch.tensor([[1, 1, 9, 9]]) / 64, torch.tensor([0]))
    wrong = check_generator.wrong_layouts(ids, other, tokenizer, seed=3)
    kinds = [kind for kind, _, _ in wrong]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == dict(
        empty=1, shuffled=1, any_label=8, side=2, shifted=1, swapped=1)
    assert not any(torch.equal(row, ids) for _, _, row in wrong)
    assert len({tuple(row.tolist()) for kind, _, row in wrong if kind == 'any_label'}) == 8


def test_of_a_group_the_best_wrong_layout_counts():
    import check_generator
    true = torch.tensor([[1.0, 3.0], [1.0, 1.0]])
    wrong = [(0, 'any_label', 0), (0, 'any_label', 0), (1, 'any_label', 0), (1, 'empty', 0)]
    energies = torch.tensor([[2.0, 3.0], [0.5, 9.0], [2.0, 2.0], [3.0, 0.0]])
    both = check_generator.beaten(true, wrong, energies, torch.ones(2))
    first = check_generator.beaten(true, wrong, energies, torch.tensor([1.0, 0.0]))
    second = check_generator.beaten(true, wrong, energies, torch.tensor([0.0, 1.0]))
    assert both == dict(any_label=100, empty=100)
    assert first == dict(any_label=50, empty=100) and second == dict(any_label=50, empty=0)
    assert check_generator.mean_energies(true, wrong, energies, 0) == dict(true=1, any_label=(0.5 + 2) / 2, empty=3)
    wrong[0] = (0, 'empty', 0)
    assert check_generator.explained(true, wrong, energies, torch.tensor([2.0, 1.0])) == (2 * 1 + 0 + 2 * 2 - 1) / 2 / 2
    assert check_generator.explained(true, wrong, energies, torch.tensor([2.0, 0.0])) == (2 * 1 + 2 * 2) / 2


def report(**changes):
    return {**dict(bbox_mAP=0.5, bbox_mAP_50=0.75, bbox_mAP_75=0.25, AR=0.6, nfe_per_image=1234.5,
                   seconds_per_image=9.04, images=60, settings=dict(objective=dict(precision='float32'))), **changes}


def test_a_table_compares_with_its_first_row():
    from ablation_table import table
    *_, first, second = table({'shipped': report(), 'other': report(bbox_mAP=0.375)}).splitlines()
    assert first == '| shipped | 0.500 | 0.750 | 0.250 | 0.600 | 1,234 | 9.0 | 60 | +0.000 |'
    assert second.startswith('| other | 0.375 |') and second.endswith('| -0.125 |')


@pytest.mark.parametrize('change', [dict(images=32), dict(settings=dict(objective=dict(precision='bfloat16')))])
def test_rows_that_were_not_measured_alike_make_no_table(change):
    from ablation_table import table
    with pytest.raises(ValueError, match='other has .*: measure all rows alike'):
        table({'shipped': report(), 'other': report(**change)})


def test_calibration_reads_the_label_at_an_objects_place():
    """Of two objects on one annotation the one of more evidence has it; a category that does not count has no place."""
    from calibrate import places

    from dive_mmdet.heads.layout_head import FoundObjects
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.4], [0.5, 0.5, 1.0, 1.0], [0.6, 0.0, 0.9, 0.3]])
    found = FoundObjects(boxes, torch.zeros(4, dtype=torch.long), torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.zeros(4, 2))
    annotations = [dict(bbox=[0, 0, 32, 32], category_id=7, iscrowd=0),
                   dict(bbox=[32, 32, 32, 32], category_id=9, iscrowd=0),
                   dict(bbox=[0, 40, 10, 10], category_id=5, iscrowd=0)]
    assert places(found, torch.tensor([64.0] * 4), annotations, {5: 0, 7: 1}, 0.5) == [-1, 1, -1, -1]
    assert places(found, torch.tensor([64.0] * 4), annotations, {7: 1, 9: 0}, 0.5) == [-1, 1, 0, -1]

    # A crowd is no object: it excuses what lies in it, however many, and what has a place of its own keeps it.
    whole = dict(bbox=[0, 0, 64, 64], category_id=9, iscrowd=1)
    assert places(found, torch.tensor([64.0] * 4), [annotations[0], whole], {7: 1, 9: 0}, 0.5) == [None, 1, None, None]
    right = dict(bbox=[40, 0, 24, 64], category_id=9, iscrowd=1)
    assert places(found, torch.tensor([64.0] * 4), [right], {9: 0}, 0.5) == [-1, -1, None, None]
    assert places(found, torch.tensor([64.0] * 4), [right], {7: 0}, 0.5) == [-1] * 4


@pytest.mark.parametrize('right, count', [(2, 18), (0, 0), (4, 9)])
def test_calibration_stops_loudly_where_most_found_objects_are_wrong(right, count):
    from calibrate import require_mostly_right
    there = torch.arange(count) < right
    with pytest.raises(SystemExit, match=f'^STOPPED, nothing is written: {right} of {count} found objects .* a/run '):
        require_mostly_right(there, Path('a/run'))
    require_mostly_right(torch.tensor([True, False]), Path('a/run'))


def test_calibration_takes_the_validation_part_where_another_is_tested(tmp_path):
    from dive_mmdet.engine.configured import held_back
    parts = dict(val=dict(ann_file='val.json', data_prefix=dict(img='val/')), test=dict(ann_file='test.json'))
    Config({f'{part}_dataloader': dict(dataset=dataset) for part, dataset in parts.items()}).dump(tmp_path / 'a.py')
    assert held_back(str(tmp_path / 'a.py')) == ('val.json', 'val/')
    assert held_back(str(ROOT / 'configs/dive/dive_digit-scenes.py')) == (None, None)
    assert held_back(str(ROOT / 'configs/your_own_data/dive.py')) == ('val.json', 'val/')


def test_scores_are_fitted_to_a_search_on_all_images_alone(tiny_detector, tmp_path, monkeypatch, capsys):
    import calibrate
    shutil.copytree(tiny_detector, tmp_path / 'data')
    weights = str(tmp_path / 'data/weights.pth')
    (tmp_path / 'data/images/2.png').write_bytes(b'no image')
    before, chosen = Path(weights).read_bytes(), ['--ann-file', 'truth.json', '--img-prefix', 'images/', '--work-dir',
                                                  str(tmp_path / 'run')]
    root = f'test_dataloader.dataset.data_root={tmp_path}/data/'
    monkeypatch.setattr(sys, 'argv', ['', str(tiny_detector / 'config.py'), weights, *chosen, '--cfg-options', root])
    with pytest.raises(SystemExit, match='^3$'):
        calibrate.main()
    assert 'No scores are fitted while images fail' in capsys.readouterr().out
    baseline = ROOT / 'configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py'
    monkeypatch.setattr(sys, 'argv', ['', str(baseline), weights, *chosen])
    with pytest.raises(SystemExit, match='searches nothing whose scores could be fitted: give a DIVE config'):
        calibrate.main()
    assert Path(weights).read_bytes() == before


def test_crowds_are_no_objects_of_true_layouts(tiny_detector, tmp_path):
    """Those that the generator's check and the search's quality compare with: one object an image, crowds or not."""
    from dive_mmdet.analysis.annotated import load
    content = json.loads((tiny_detector / 'truth.json').read_text())
    content['annotations'] += [dict(item, id=100 + item['id'], iscrowd=1) for item in content['annotations'][:2]]
    (tmp_path / 'truth.json').write_text(json.dumps(content))
    config = Config.fromfile(tiny_detector / 'config.py')
    config.test_dataloader.dataset.ann_file = str(tmp_path / 'truth.json')
    model, _, layouts, _ = load(config, str(tiny_detector / 'weights.pth'))
    assert model.backbone.vocabulary.is_present(layouts).sum(dim=1).tolist() == [1, 1, 1, 1]


def test_random_boxes_leave_crowds_out(judged):
    import random_boxes
    content = json.loads(judged[0].read_text())
    content['annotations'][4]['iscrowd'] = 1
    judged[0].write_text(json.dumps(content))
    found = random_boxes.random_detections(COCO(str(judged[0])), [5, 6], 0)
    assert sorted(map(len, found.values())) == [2, 3, 3, 3, 3, 3]


def test_random_boxes_are_all_boxes_and_never_an_images_own(judged):
    """All images have one size here, so boxes move as they are."""
    import random_boxes
    coco = COCO(str(judged[0]))
    for seed in range(3):
        found = random_boxes.random_detections(coco, [5, 6], seed)
        own = {image: sorted((*ann['bbox'][:2], ann['category_id']) for ann in coco.imgToAnns[image])
               for image in coco.getImgIds()}
        given = {image: sorted((*box[:2], 5 + label) for box, _, label in detections)
                 for image, detections in found.items()}
        assert sorted(own.values()) == sorted(given.values())
        assert all(own[image] != given[image] for image in own)
    assert list(map(len, (random_boxes.random_detections(coco, [5, 6], 0, count) for count in (1, 2)))) == [1, 2]


@pytest.mark.parametrize('chosen, sentence', [
    (['--ann-file', 'val_32.json'], '^--tuning takes the images of tuning_dataset: give neither --ann-file nor '),
    ([], 'has no tuning_dataset: give --ann-file and --img-prefix of training images')])
def test_tuning_images_are_those_of_the_config(chosen, sentence, monkeypatch):
    import evaluate
    config = str(ROOT / 'configs/dive/dive_digit-scenes.py')
    monkeypatch.setattr(sys, 'argv', ['', config, 'weights.pth', '--out', 'nowhere', '--tuning', *chosen])
    with pytest.raises(SystemExit, match=sentence):
        evaluate.main()


def test_runs_are_compared_on_the_same_images_alone(tmp_path, monkeypatch, capsys):
    """Not on others that have the same ids, nor where nothing was searched."""
    import same_answers

    def found(edge, metas):
        tensors = dict(bboxes=[[0.0, 0.0, edge, 9.0]], scores=[0.5], labels=[1])
        return dict(fields=dict(pred_instances=dict(instances={
            name: dict(tensor=values) for name, values in tensors.items()})), metas=metas)
    for name, contents in dict(a='xyz', b='xqz', c='rst', d='xyz').items():
        with closing(RecordLog(tmp_path / name / 'records', {})) as log:
            log.begin(images=3, annotations=None)
            for image, content in enumerate(contents):
                metas = {} if content == 'z' else dict(inversion=dict(ids=[image], energy=0.5))
                log.append(dict(image=image, content=content, time=0.0, nfe=float(name == 'a'),
                                found=found(8.0 if name + content == 'dy' else 7.0, metas)))
    said = dict(b='1 images, the same tokens in 100.0 %, the same boxes and labels in 100.0 %, as many evaluations in '
                  '0.0 %, energies at most 0.0', d='the same boxes and labels in 50.0 %',
                c='no inversion of an image in common')
    for other, sentence in said.items():
        monkeypatch.setattr(sys, 'argv', ['', str(tmp_path / 'a'), str(tmp_path / other)])
        with pytest.raises(SystemExit) as end:
            same_answers.main()
        assert sentence in f'{capsys.readouterr().out}{end.value}'


@pytest.mark.parametrize('tool, arguments', [
    ('random_boxes', 'config --seeds 0'), ('compare', 'truth.json a b --resamples 0'),
    ('search_quality', 'config weights --work-dir a --pairs 0'), ('check_generator', 'config weights --labels -1')])
def test_counts_are_one_or_more(tool, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [tool, *arguments.split()])
    with pytest.raises(SystemExit, match='^2$'):
        import_module(tool).main()
    assert 'is no whole number of 1 or more' in capsys.readouterr().err
