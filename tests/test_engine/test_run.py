"""One run behind every tool: what belongs to an image, what is scored, and what is refused."""
import argparse
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from dive_mmdet.engine.configured import add_arguments, config_of, load_config
from dive_mmdet.engine.run import run_test
from dive_mmdet.engine.run_state import RunState

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tiny_detector, tmp_path):
    """The tiny detector with images of its own, all of them different."""
    shutil.copytree(tiny_detector, tmp_path / 'data')
    folder = tmp_path / 'data'
    for index in range(4):
        image = cv2.imread(str(folder / f'images/{index}.png'))
        image[60:90, 5 + 8 * index:15 + 8 * index] = 255
        cv2.imwrite(str(folder / f'images/{index}.png'), image)
    config = Config.fromfile(folder / 'config.py')
    config.test_dataloader.dataset.data_root, config.test_evaluator.ann_file = f'{folder}/', str(folder / 'truth.json')
    config.dump(str(folder / 'config.py'))
    return folder


def run(folder, work_dir=None, config=None, **images):
    said = []
    config = config or load_config(str(folder / 'config.py'), images.pop('options', {}), **images)
    return run_test(config, folder / 'weights.pth', work_dir or folder / 'run', show=said.append), said[-1]


def annotations(folder, name, change):
    content = json.loads((folder / 'truth.json').read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    return name


def test_subsets_share_records_and_each_is_scored_alone(folder):
    first, said = run(folder, images=2)
    assert list(first.records) == [0, 1] and 'from the store' not in said
    whole, said = run(folder)
    assert list(whole.records) == [0, 1, 2, 3] and '2 from the store' in said
    assert {image: whole.records[image].found for image in (0, 1)} == {
        image: record.found for image, record in first.records.items()}
    again, said = run(folder, images=2)
    assert '2 from the store' in said and again.metrics == first.metrics and again.metrics['images'] == 2
    assert list(RunState(folder / 'run').records) == [0, 1]


def test_a_record_belongs_to_an_images_content_and_not_to_its_id(folder):
    """Another annotation file gives the same ids to other images."""
    def reversed_files(content):
        for image, name in zip(content['images'], (3, 2, 1, 0)):
            image['file_name'] = f'{name}.png'
    whole, _ = run(folder)
    other, said = run(folder, ann_file=annotations(folder, 'other.json', reversed_files))
    assert 'from the store' not in said
    alone, _ = run(folder, folder / 'alone', ann_file='other.json')
    assert [record.found for record in other.records.values()] == [record.found for record in alone.records.values()]
    assert [record.detections for record in other.records.values()] != [
        record.detections for record in whole.records.values()]
    back, said = run(folder)
    assert '4 from the store' in said
    assert [record.found for record in back.records.values()] == [record.found for record in whole.records.values()]
    assert [record.found for record in RunState(folder / 'run').records.values()] == [
        record.found for record in whole.records.values()]


def test_an_image_file_that_changed_is_computed_again(folder):
    run(folder)
    cv2.imwrite(str(folder / 'images/1.png'), np.full((96, 48, 3), 7, np.uint8))
    _, said = run(folder)
    assert '3 from the store' in said


def test_other_settings_are_refused_by_name(folder):
    run(folder, images=1)
    with pytest.raises(SystemExit, match='made with something else .model.objective.num_pairs: 2 -> 4.: give another'):
        run(folder, images=1, options={'model.objective.num_pairs': 4})


@pytest.mark.parametrize('wrap', [lambda dataset: dataset,
                                  lambda dataset: dict(type='ConcatDataset', datasets=[dataset])])
def test_a_rewritten_annotation_file_is_refused_however_it_is_wrapped(folder, wrap):
    from mmengine.runner import Runner
    config = load_config(str(folder / 'config.py'))
    config.test_dataloader.dataset = wrap(config.test_dataloader.dataset)
    config.work_dir, config.load_from = str(folder / 'run'), str(folder / 'weights.pth')
    Runner.from_cfg(config).test()
    annotations(folder, 'truth.json', lambda content: content['annotations'].pop())
    config.test_cfg.resume = True
    with pytest.raises(SystemExit, match='made with something else .annotations.*truth.json: '):
        Runner.from_cfg(config).test()


def test_the_evaluator_judges_what_was_tested(folder):
    """With the others' objects missed, nothing found would be at most 1 / 4."""
    one, _ = run(folder, images=1)
    name = annotations(folder, 'one.json', lambda content: content.update(
        images=content['images'][:1], annotations=content['annotations'][:1]))
    expected, _ = run(folder, folder / 'one', ann_file=name)
    assert {key: value for key, value in one.metrics.items() if 'bbox' in key or key == 'AR'} == {
        key: value for key, value in expected.metrics.items() if 'bbox' in key or key == 'AR'}


@pytest.mark.parametrize('change, sentence', [
    (lambda content: (content['images'].pop(), content['annotations'].pop()),
     'image 3 of the data set .*3.png. is one it does not have: give test'),
    (lambda content: content['images'][2].update(file_name='x.png'), 'image 2 of .* is one which is x.png there: ')])
def test_an_evaluator_of_other_images_is_refused_before_the_first(folder, change, sentence):
    name = annotations(folder, 'other.json', change)
    with pytest.raises(ValueError, match=sentence):
        run(folder, options={'test_evaluator.ann_file': str(folder / name)})
    assert not list((folder / 'run/records').glob('*.jsonl'))


def test_nothing_found_is_zero(folder):
    config = load_config(str(folder / 'config.py'), {'model.inverter.object_cost': 1e9})
    nothing, _ = run(folder, config=config)
    assert [record.detections for record in nothing.records.values()] == [[]] * 4
    assert {key: nothing.metrics[key] for key in ('bbox_mAP', 'bbox_mAP_50', 'bbox_mAP_75', 'AR')} == dict(
        bbox_mAP=0, bbox_mAP_50=0, bbox_mAP_75=0, AR=0)


def test_a_failed_image_is_counted_and_the_status_says_so(folder):
    (folder / 'images/2.png').write_bytes(b'no image')
    broken, said = run(folder)
    assert broken.status == 3 and list(broken.records) == [0, 1, 3] and '1 failed' in said


def test_an_image_that_fails_has_no_result_of_an_earlier_run(folder):
    whole, _ = run(folder)
    content = (folder / 'images/2.png').read_bytes()
    (folder / 'images/2.png').write_bytes(b'no image')
    broken, _ = run(folder)
    assert broken.status == 3 and list(broken.records) == [0, 1, 3] and list(RunState(folder / 'run').failures) == [2]
    (folder / 'images/2.png').write_bytes(content)
    mended, said = run(folder)
    assert '4 from the store' in said and mended.metrics == whole.metrics and not RunState(folder / 'run').failures


def test_an_interrupted_run_has_no_results_of_another_data_set(folder, monkeypatch):
    """Ids are the same there."""
    def interrupted(*args):
        raise SystemExit(130)
    run(folder)
    other = annotations(folder, 'other.json', lambda content: content['annotations'].pop())
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr('dive_mmdet.engine.resumable_test_loop.ImageInference.run', interrupted)
        patched.setattr('dive_mmdet.engine.resumable_test_loop.ResumableTestLoop._stored', interrupted)
        run(folder, ann_file=other)
    assert not RunState(folder / 'run').records and 'from the store' in run(folder, ann_file=other)[1]
    assert len(RunState(folder / 'run').records) == 4


@pytest.mark.parametrize('evaluator, name', [
    (lambda folder: dict(type='CocoMetric', ann_file=str(folder / 'truth.json')), 'coco/bbox_mAP'),
    (lambda folder: dict(type='VOCMetric'), 'pascal_voc/mAP')])
def test_the_metrics_of_other_evaluators_are_reported(folder, evaluator, name):
    config = load_config(str(folder / 'config.py'))
    config.test_evaluator = evaluator(folder)
    assert name in run(folder, config=config)[0].metrics


def test_every_evaluator_judges_by_the_other_annotations(folder):
    config = Config.fromfile(folder / 'config.py')
    config.test_evaluator = [config.test_evaluator, dict(type='VOCMetric')]
    config.dump(str(folder / 'config.py'))
    annotations(folder, 'other.json', lambda content: None)
    first, second = load_config(str(folder / 'config.py'), ann_file='other.json').test_evaluator
    assert first.ann_file == str(folder / 'other.json') and 'ann_file' not in second


def test_images_of_several_data_sets_are_not_chosen_by_one_option(folder):
    config = Config.fromfile(folder / 'config.py')
    config.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[config.test_dataloader.dataset])
    config.dump(str(folder / 'config.py'))
    for given in (dict(images=2), dict(ann_file='other.json'), dict(img_prefix='images/')):
        with pytest.raises(KeyError, match='are those of several data sets in a ConcatDataset, and '):
            load_config(str(folder / 'config.py'), **given)


def test_a_report_says_what_the_model_was_built_with(folder):
    settings = run(folder, options={'model.objective.num_pairs': 2, 'model.prior_weight': 0.0})[0].settings
    assert settings['objective'] == dict(num_pairs=2, low=200, high=620, space='epsilon', seed=42, precision='float32')
    assert settings['prior_weight'] == 0 and settings['inverter']['pairs'] == 1


def test_a_missing_checkpoint_is_one_sentence_and_leaves_nothing(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='^No checkpoint at .*nothing.pth: give one that is there.$'):
        run_test(load_config(str(folder / 'config.py')), tmp_path / 'nothing.pth', tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('option, meant', [
    ('max_side', 'model.inverter.anchors.max_side'), ('modle.prior_weight', 'model.')])
def test_an_option_that_nothing_reads_is_refused(folder, option, meant):
    with pytest.raises(KeyError, match=f'The config has no {option}, so nothing would read it: did you mean {meant}'):
        load_config(str(folder / 'config.py'), {option: 3})


@pytest.mark.parametrize('option, meant', [
    ('generator.prediction_type', 'model.backbone.prediction_type'),
    ('layout_prior.num_pairs', 'model.prior.num_pairs'),
    ('data_root', 'val_dataloader.dataset.data_root or test_dataloader.dataset.data_root')])
def test_a_variable_that_was_read_already_is_refused(option, meant):
    with pytest.raises(KeyError, match=f'variable of the config, so nothing would read {option}: did you mean {meant}'):
        load_config(str(ROOT / 'configs/dive/dive_digit-scenes.py'), {option: 3})


@pytest.mark.parametrize('count', ['0', '-1', 'x'])
def test_a_count_of_images_is_one_or_more(count, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['config', 'checkpoint', '--images', count])
    assert f"'{count}' is no whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize('option', ['resume=True', 'work_dir=elsewhere', 'load_from=other.pth'])
def test_what_a_tool_sets_itself_is_no_option_of_it(folder, option):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit, match='^[a-z_]+ is told by the other arguments of this tool: leave it out of '):
        config_of(parser.parse_args([str(folder / 'config.py'), 'checkpoint', '--cfg-options', option]))
