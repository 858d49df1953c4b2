"""A setting stands in the model alone: every interface obeys it there, and refuses it anywhere else."""
import contextlib
import json
import pickle
import re
import runpy
import shutil
import sys
from pathlib import Path

import mmdet
import mmpretrain
import pytest
import torch
from helpers import tiny_classifier
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmpretrain import ImageClassificationInferencer

from dive_mmdet.compat import TORCH
from dive_mmdet.datasets import DigitStringComposer
from dive_mmdet.engine.run_state import RunState
from dive_mmdet.hooks import InversionHook, LayoutPriorHook
from dive_mmdet.inversion import Likelihood

ROOT = Path(__file__).resolve().parents[2]
TOOLS = dict(ours=ROOT / 'tools/test.py', mmdet=Path(mmdet.__file__).parent / '.mim/tools/test.py',
             mmpretrain=Path(mmpretrain.__file__).parent / '.mim/tools/test.py')
SEARCHES = [ROOT / 'configs/your_own_data/dive.py', *(ROOT / 'configs/dive').rglob('*.py'),
            *(ROOT / 'configs/dive_cls').glob('*.py')]
IMAGES = 2
COMPOSER = dict(split='val', num_digits=1, side=8)
# Two loops, of which the budget below allows one.
INVERTER = dict(type='dive_mmdet.GradientInverter', loops=2, pairs_per_step=2)
OPTIONS = {'model.objective.num_pairs': 3, 'model.objective.precision': 'bfloat16'}
DETECTOR_OPTIONS = {**OPTIONS, 'model.inverter.max_nfe': 3 * (4 + 1 + 4 * 11), 'model.prior_weight': 0.7}
CLASSIFIER_OPTIONS = {**OPTIONS, 'model.inverter.max_nfe': 3 * 4}


@pytest.fixture(scope='module')
def detector(tiny_detector, tmp_path_factory):
    """Config and checkpoint of a detector that asks two pairs in float32."""
    root = tmp_path_factory.mktemp('truth')
    config = Config.fromfile(tiny_detector / 'config.py')
    config.model.inverter, config.model.objective.num_pairs = INVERTER, 2
    config.test_dataloader.dataset.max_images = IMAGES
    config.dump(root / 'config.py')
    return root / 'config.py', tiny_detector / 'weights.pth'


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    """The same of a classifier of ten classes."""
    root = tmp_path_factory.mktemp('truth')
    config = Config.fromfile(ROOT / 'configs/_base_/default_runtime_cls.py')
    config.merge_from_dict(tiny_classifier.config().to_dict())
    config.model.inverter, config.model.objective, config.model.backbone.num_classes = INVERTER, dict(num_pairs=2), 10
    config.test_dataloader = dict(
        batch_size=IMAGES, num_workers=0, collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=IMAGES, composer=COMPOSER,
                     pipeline=[dict(type='PackInputs', meta_keys=('img_id',))]))
    config.test_evaluator, config.test_cfg = dict(type='Accuracy'), dict(type='TestLoop')
    config.dump(root / 'config.py')
    torch.manual_seed(0)
    model = build(config)
    for parameter in model.parameters():  # many start at zero
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    torch.save(dict(state_dict=model.state_dict(), meta={}), root / 'weights.pth')
    return root / 'config.py', root / 'weights.pth'


def build(config, registry=MODELS, part='model'):
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmdet')):
        return registry.build(config[part] if part == 'model' else config[part].dataset)


def overridden(config: Path, options: dict) -> Config:
    config = Config.fromfile(config)
    config.merge_from_dict(options)
    return config


def by_tool(name):
    """A test tool's samples of the first images, as they are dumped."""
    def run(config, weights, options, folder, monkeypatch):
        out = folder / 'out.pkl'
        monkeypatch.setattr(sys, 'argv', [
            name, *map(str, (config, weights, '--work-dir', folder / 'run', '--out', out, '--cfg-options')),
            *(f'{key}={value}' for key, value in options.items())])
        monkeypatch.setattr(sys, 'path', [str(TOOLS[name].parent), *sys.path])
        runpy.run_path(str(TOOLS[name]), run_name='__main__')
        return pickle.loads(out.read_bytes())
    return run


def photos(config: Path) -> list[str]:
    dataset = Config.fromfile(config).test_dataloader.dataset
    return [f'{dataset.data_root}images/{index}.png' for index in range(IMAGES)]


def by_init_detector(config, weights, options, folder, monkeypatch):
    return inference_detector(init_detector(str(config), str(weights), device='cpu', cfg_options=options),
                              photos(config))


def by_inheritance(config, weights, options, folder, monkeypatch):
    """A config that names the keys and nothing else; the nesting is that of the options."""
    child = Config({'_base_': [str(config)]})
    child.merge_from_dict(options)
    (folder / 'child.py').write_text(''.join(f'{key} = {value!r}\n' for key, value in child.to_dict().items()))
    model = init_detector(str(folder / 'child.py'), str(weights), device='cpu')
    return inference_detector(model, photos(config))


def by_det_inferencer(config, weights, options, folder, monkeypatch):
    infer = DetInferencer(overridden(config, options), str(weights), device='cpu', show_progress=False)
    return infer(photos(config), return_datasamples=True, no_save_vis=True)['predictions']


def by_classification_inferencer(config, weights, options, folder, monkeypatch):
    infer = ImageClassificationInferencer(overridden(config, options), str(weights), device='cpu')
    images = [DigitStringComposer(**COMPOSER).compose(index)[0] for index in range(IMAGES)]
    return infer([image[..., None].repeat(3, axis=2) for image in images], return_datasamples=True)


def run_tool(monkeypatch, path: str, *arguments) -> None:
    """One of the project's tools in this process; what it says last ends it like an end."""
    monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
    with contextlib.suppress(SystemExit):
        runpy.run_path(str(ROOT / path), run_name='__main__')


def by_evaluate(config, weights, options, folder, monkeypatch):
    run_tool(monkeypatch, 'tools/analysis_tools/evaluate.py', config, weights, '--out', folder / 'run', '--cfg-options',
             *(f'{key}={value}' for key, value in options.items()))
    report = json.loads((folder / 'run/report.json').read_text())
    assert report['settings']['objective']['precision'] == options['model.objective.precision']
    return [record.found['metas'] for record in RunState(folder / 'run').records.values()]


def by_calibrate(config, weights, options, folder, monkeypatch):
    copy = shutil.copy(weights, folder / 'weights.pth')  # it writes the scores into the checkpoint
    run_tool(monkeypatch, 'tools/misc/calibrate.py', config, copy, '--ann-file', 'truth.json', '--img-prefix',
             'images/', '--work-dir', folder / 'run', '--cfg-options',
             *(f'{key}={value}' for key, value in options.items()))
    return [record.found['metas'] for record in RunState(folder / 'run').records.values()]


DETECTION = dict(ours=by_tool('ours'), mmdet=by_tool('mmdet'), init_detector=by_init_detector,
                 inheritance=by_inheritance, inferencer=by_det_inferencer, evaluate=by_evaluate,
                 calibrate=by_calibrate)
CLASSIFICATION = dict(ours=by_tool('ours'), mmpretrain=by_tool('mmpretrain'), inferencer=by_classification_inferencer,
                      evaluate=by_evaluate)


def assert_obeyed(samples, config: Path, weights: Path, options: dict) -> None:
    """What an interface found against the objective written out, and its evaluations against a count by hand.

    A loop takes a gradient (3) and a monitor (1) on every pair; what an object explains takes as many layouts as there
    are classes, and the empty place.
    """
    config = overridden(config, options)
    model = build(config).eval()
    model.load_state_dict(torch.load(weights, weights_only=True)['state_dict'])
    dataset = build(config, DATASETS, 'test_dataloader')
    batch = model.data_preprocessor(pseudo_collate([dataset[index] for index in range(IMAGES)]), False)
    likelihood = Likelihood(model.backbone, **config.model.objective)
    assert len(samples) == IMAGES
    for latents, sample in zip(model.backbone.encode(batch['inputs']), samples):
        sample = sample if isinstance(sample, dict) else sample.to_dict()
        ids = torch.tensor([sample['inversion']['ids']])
        rows = model.backbone.embed(ids)
        with torch.no_grad():
            energy = likelihood.energy(latents[None], rows)
            if model.prior is not None:
                energy = energy + config.model.prior_weight * model.prior.energy(rows)
        # A precision that got lost would be 4e-6 to 2e-5 away.
        assert sample['inversion']['energy'] == pytest.approx(float(energy), rel=1e-6)
        objects = 0 if model.prior is None else int(model.backbone.vocabulary.is_present(ids).sum())
        loops = [4] if 'max_nfe' in config.model.inverter else [3 + 3 + 1, 3 + 3 + 2]  # the same layout twice costs one
        assert sample['nfe'] in [len(likelihood) * (loop + 10 * objects) for loop in loops]


@pytest.mark.parametrize('interface', DETECTION)
def test_detection_obeys_the_models_keys(detector, tmp_path, monkeypatch, interface):
    samples = DETECTION[interface](*detector, DETECTOR_OPTIONS, tmp_path, monkeypatch)
    assert_obeyed(samples, *detector, DETECTOR_OPTIONS)


@pytest.mark.parametrize('interface', CLASSIFICATION)
def test_classification_obeys_the_models_keys(classifier, tmp_path, monkeypatch, interface):
    samples = CLASSIFICATION[interface](*classifier, CLASSIFIER_OPTIONS, tmp_path, monkeypatch)
    assert_obeyed(samples, *classifier, CLASSIFIER_OPTIONS)


def test_the_quality_of_a_search_is_judged_by_the_models_keys(detector, tmp_path, monkeypatch, capsys):
    """Three layouts an image on the pairs asked for, in the precision and with the prior of the options."""
    asked, options = [], ('model.objective.precision=bfloat16', 'model.objective.low=500', 'model.prior_weight=0')
    errors = Likelihood.pair_errors

    def noted(self, latents, rows, pairs, reduce=True):
        asked.append((self.precision, int(self.bank.timesteps.min()), len(pairs)))
        return errors(self, latents, rows, pairs, reduce)
    by_evaluate(*detector, OPTIONS, tmp_path, monkeypatch)
    monkeypatch.setattr(Likelihood, 'pair_errors', noted)
    tool = 'tools/analysis_tools/search_quality.py'
    for chosen in ((), ('--cfg-options', *options)):
        asked.clear()
        capsys.readouterr()
        run_tool(monkeypatch, tool, *detector, '--work-dir', tmp_path / 'run', '--pairs', 5, *chosen)
        printed = capsys.readouterr().out
        said = json.loads(printed[printed.index('{'):printed.rindex('}') + 1])  # a verdict follows
        precision, lowest = ('bfloat16', 500) if chosen else ('float32', 200)
        assert {item[0] for item in asked} == {precision} and all(item[1] >= lowest for item in asked)
        assert sum(item[2] for item in asked) == 3 * 5 * IMAGES and ('likelihood_alone' in said) == (not chosen)


@pytest.mark.skipif(TORCH < (2, 3), reason='planning a search needs torch 2.3')
@pytest.mark.parametrize('options, said', [
    ((), 'evaluations an image: 16,'), (('model.inverter.loops=5', 'model.objective.num_pairs=3'), 'image: 60,'),
    (('model.objective.precision=bfloat16', 'model.batch_size=3'), 'memory in bfloat16, batch 3: ')])
def test_a_plan_is_of_the_models_keys(detector, monkeypatch, capsys, options, said):
    run_tool(monkeypatch, 'tools/analysis_tools/estimate_cost.py', detector[0],
             *(['--cfg-options', *options] if options else []))
    assert said in capsys.readouterr().out


@pytest.mark.parametrize('lost', DETECTOR_OPTIONS)
def test_no_option_could_be_lost_unseen(detector, tmp_path, monkeypatch, lost):
    kept = {key: value for key, value in DETECTOR_OPTIONS.items() if key != lost}
    samples = by_init_detector(*detector, kept, tmp_path, monkeypatch)
    with pytest.raises(AssertionError):
        assert_obeyed(samples, *detector, DETECTOR_OPTIONS)


@pytest.mark.parametrize('path', SEARCHES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_hooks_of_a_search_have_no_settings(path, monkeypatch):
    monkeypatch.setenv('NAMES', str(ROOT / 'configs/_base_/categories/coco.txt'))  # of gligen/dive_gligen_names.py
    hooks = Config.fromfile(path).custom_hooks
    assert [hook.pop('type') for hook in hooks][:1] == ['dive_mmdet.InversionHook'] and not any(hooks)


def refusal(call, *arguments, **keywords) -> str:
    """The sentence with which a call is refused."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call(*arguments, **keywords)
    assert '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('hook, setting, key', [
    (InversionHook, 'inverter', 'model.inverter'), (InversionHook, 'objective', 'model.objective'),
    (InversionHook, 'batch_size', 'model.batch_size'), (LayoutPriorHook, 'prior', 'model.prior'),
    (LayoutPriorHook, 'weight', 'model.prior_weight')])
def test_a_hook_refuses_the_models_settings(hook, setting, key):
    assert refusal(hook, **{setting: {}}) == f'{hook.__name__} takes no `{setting}`: set `{key}` instead.'


OLD_FORMS = {
    'inversion_hook.inverter.max_nfe': '`model.inverter`, `model.objective` and `model.batch_size`',
    'prior_hook.weight': '`model.prior` and `model.prior_weight`',
    'objective.num_pairs': '`model.objective`',
    'custom_hooks.0.inverter': '`model.inverter`',
    'custom_hooks.1.weight': '`model.prior_weight`',
    'model.hooks': '`inverter`, `objective`, `batch_size`, `prior` and `prior_weight` of the model',
}


def by_runner(config: Config, weights: Path, folder: Path):
    config.work_dir, config.load_from = str(folder), str(weights)
    config.experiment_name = folder.name
    Runner.from_cfg(config).test()


@pytest.mark.parametrize('old', OLD_FORMS)
@pytest.mark.parametrize('interface', [
    by_runner, lambda config, weights, _: init_detector(config, str(weights), device='cpu'),
    lambda config, weights, _: DetInferencer(config, str(weights), device='cpu')],
    ids=['Runner', 'init_detector', 'DetInferencer'])
def test_detection_refuses_the_old_form(detector, tmp_path, interface, old):
    config, weights = detector
    sentence = refusal(interface, overridden(config, {old: 9}), weights, tmp_path)
    assert sentence.endswith(f': set {OLD_FORMS[old]} instead.')


@pytest.mark.parametrize('old', [old for old in OLD_FORMS if old not in ('custom_hooks.1.weight', 'prior_hook.weight')])
@pytest.mark.parametrize('interface', [
    by_runner, lambda config, weights, _: ImageClassificationInferencer(config, str(weights), device='cpu')],
    ids=['Runner', 'ImageClassificationInferencer'])
def test_classification_refuses_the_old_form(classifier, tmp_path, interface, old):
    config, weights = classifier
    sentence = refusal(interface, overridden(config, {old: 9}), weights, tmp_path)
    assert sentence.endswith(f': set {OLD_FORMS[old]} instead.')


@pytest.mark.parametrize('kind', ['detector', 'classifier'])
@pytest.mark.parametrize('key', ['model.objectiv', 'model.objective.num_pair', 'model.inverter.max_nef',
                                 'model.prior_wight', 'model.backbone.channels_lst'])
def test_a_misspelt_key_is_named(request, kind, key):
    config = overridden(request.getfixturevalue(kind)[0], {key: 9})
    assert key.rpartition('.')[2] in refusal(build, config)


def test_the_docs_name_no_refused_key():
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md'), *(ROOT / 'configs').rglob('*.md')]
    assert len(pages) > 10
    for page in pages:
        assert not re.findall(r'custom_hooks\.\d|model\.hooks|inversion_hook|prior_hook', page.read_text()), page


@pytest.mark.parametrize('old, new', [('loss_type', 'norm'), ('loss_space', 'space'),
                                      ('timestep_exponent', 'timestep_exponent'), ('class_dropout', 'class_dropout')])
@pytest.mark.parametrize('kind', ['detector', 'classifier'])
def test_a_generator_refuses_the_settings_of_its_training(request, kind, old, new):
    config = overridden(request.getfixturevalue(kind)[0], {f'model.backbone.{old}': 0.1})
    assert refusal(build, config).endswith(
        f'Generator takes no `{old}`: set `model.loss.{new}` in the config that trains instead.')


@pytest.mark.parametrize('part, sentence', [
    ('inverter', '`model.inverter` has no setting `max_nfee`: LayoutInverter has add, anchors, boxes, classes, joint, '
                 'max_nfe, object_cost, pairs, rearrange, rescore.'),
    ('objective', '`model.objective` has no setting `max_nfee`: Likelihood has generator, high, low, num_pairs, '
                  'precision, seed, space.')])
def test_a_misspelt_setting_is_refused_with_those_that_there_are(part, sentence):
    config = Config.fromfile(ROOT / 'configs/dive/dive_digit-scenes.py')
    config.model[part]['max_nfee'] = 3
    with pytest.raises(TypeError) as refused, DefaultScope.overwrite_default_scope('mmdet'):
        MODELS.build(config.model)
    assert sentence in str(refused.value)
