"""Results of clean images are never those of the same images with a corruption, whatever resumes."""
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from dive_mmdet.engine.run import run_test

INVERT = dict(type='Invert', prob=1.0)  # of mmdet


def config_of(folder, *corruptions) -> Config:
    """The tiny detector's, with corruptions of the images as they are loaded."""
    config = Config.fromfile(folder / 'config.py')
    pipeline = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset.pipeline = [pipeline[0], *corruptions, *pipeline[1:]]
    return config


def found(folder, work_dir, *corruptions) -> tuple[list, str]:
    """What one run finds in each image, and the last line it says."""
    said = []
    run = run_test(config_of(folder, *corruptions), folder / 'weights.pth', work_dir, show=said.append)
    return [record.found for record in run.records.values()], said[-1]


@pytest.mark.parametrize('first, second', [((), (INVERT,)), ((INVERT,), ())], ids=['clean_first', 'corrupted_first'])
def test_one_store_keeps_clean_and_corrupted_images_apart(tiny_detector, tmp_path, first, second):
    expected, others = (found(tiny_detector, tmp_path / name, *corruptions)[0]
                        for name, corruptions in (('first', first), ('second', second)))
    assert all(one != other for one, other in zip(expected, others))
    store = tmp_path / 'store'
    for corruptions, results in ((first, expected), (second, others)):
        here, said = found(tiny_detector, store, *corruptions)
        assert here == results and 'from the store' not in said
    again, said = found(tiny_detector, store, *first)
    assert again == expected and '4 from the store' in said


def runner_of(folder, work_dir, *corruptions) -> Runner:
    config = config_of(folder, *corruptions)
    config.work_dir, config.load_from, config.test_cfg.resume = str(work_dir), str(folder / 'weights.pth'), True
    return Runner.from_cfg(config)


def test_resuming_with_a_corruption_in_the_config_is_refused(tiny_detector, tmp_path):
    runner_of(tiny_detector, tmp_path).test()
    with pytest.raises(SystemExit, match=r'made with something else .*pipeline.1.type: "Resize" -> "Invert"'):
        runner_of(tiny_detector, tmp_path, INVERT).test()


def test_a_loader_that_was_swapped_is_refused(tiny_detector, tmp_path):
    """As mmdet's test_robustness.py swaps it, of which the config knows nothing."""
    runner = runner_of(tiny_detector, tmp_path)
    runner.test()
    corrupted = config_of(tiny_detector, INVERT).test_dataloader
    runner.test_loop.dataloader = runner.build_dataloader(corrupted)
    with pytest.raises(SystemExit, match='data loader of this test was replaced.*change test_dataloader in the config'):
        runner.test()
