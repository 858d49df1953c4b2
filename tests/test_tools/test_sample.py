"""What is asked of `tools/sample.py`, and what it draws above the images."""
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import helpers.tiny_pipeline as tiny
import numpy as np
import pytest
import torch
from helpers.converters import run
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from dive_mmdet.layout import ClassVocabulary, LayoutTokenizer, LayoutVocabulary

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tool():
    import sample
    return sample


def asked(**changes):
    return Namespace(**dict(dict(layout=None, classes=None, count=4), **changes))


STRINGS = Config(dict(train_dataloader=dict(dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=9,
                                                         composer=dict(split='train')))))
OF_CLASSES = SimpleNamespace(vocabulary=ClassVocabulary(1000))
OF_LAYOUTS = SimpleNamespace(vocabulary=SimpleNamespace(has_objects=True))


def test_classes_are_given_by_name_or_taken_from_training_data(tool):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        ids, names = tool.conditions(OF_CLASSES, STRINGS, asked(classes='042 999 000'), {})
        assert ids.tolist() == [[42], [999], [0]] and names[42] == '042'
        from dive_mmdet.datasets import DigitStringComposer
        ids, _ = tool.conditions(OF_CLASSES, STRINGS, asked(), {})
        assert ids[:, 0].tolist() == [DigitStringComposer(split='train').compose(index)[1] for index in range(4)]


@pytest.mark.parametrize('generator, changes, sentence', [
    (OF_CLASSES, dict(classes='042 42'), "Class '42' is none of 000, 001, 002, ..., 999."),
    (OF_CLASSES, dict(classes=' '), "Class '' is none of"),
    (OF_CLASSES, dict(layout='1: 0 0 2 2'), 'draws classes: give --classes, not --layout'),
    (OF_LAYOUTS, dict(classes='1'), 'draws layouts: give --layout, not --classes'),
])
def test_what_cannot_be_drawn_is_said_in_a_sentence(tool, generator, changes, sentence):
    with DefaultScope.overwrite_default_scope('mmpretrain'), pytest.raises(ValueError, match=sentence):
        tool.conditions(generator, STRINGS, asked(**changes), {})


TOKENIZER = LayoutTokenizer(LayoutVocabulary(num_classes=2, num_objects=3, grid=17))  # steps of 4 of 64 pixels


def test_a_layout_is_read_in_pixels(tool):
    layout = TOKENIZER.decode(tool.parse_layout('b: 8 8 28 32; a: 36 30 50 56;', 64, ('a', 'b'), TOKENIZER))
    assert (layout.boxes * 64).tolist() == [[8, 8, 28, 32], [36, 32, 48, 56]] and layout.labels.tolist() == [1, 0]


@pytest.mark.parametrize('text, sentence', [
    ('a: 8 8 28 32; b: 9 8 9.8 32', "Object 'b: 9 8 9.8 32' has no extent once its corners .* steps are 4 pixels"),
    ('a: 8 8 28', "Object 'a: 8 8 28' should read 'LABEL: X0 Y0 X1 Y1' with a label of a, b"),
    ('a: 8 8 28 80', r'Box \[0.125, 0.125, 0.4375, 1.25\] lies outside the image'),
    ('a: 0 0 9 9;' * 4, '4 objects do not fit 3 slots')])
def test_a_layout_that_cannot_be_drawn_is_said(tool, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        tool.parse_layout(text, 64, ('a', 'b'), TOKENIZER)


@pytest.mark.parametrize('option', ['--count', '--steps'])
@pytest.mark.parametrize('number', ['0', '-3', '2.5', 'many'])
def test_nothing_cannot_be_drawn(tool, monkeypatch, capsys, option, number):
    monkeypatch.setattr(sys, 'argv', ['sample.py', 'config.py', 'weights.pth', f'{option}={number}'])
    with pytest.raises(SystemExit):
        tool.main()
    assert f"argument {option}: '{number}' is no whole number of 1 or more" in capsys.readouterr().err


def test_no_more_conditions_than_there_are(tool):
    with DefaultScope.overwrite_default_scope('mmpretrain'), pytest.raises(ValueError, match='data have 9: give'):
        tool.conditions(OF_CLASSES, STRINGS, asked(count=10), {})


def test_no_more_steps_than_the_schedule_has(tool, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [
        'sample.py', str(ROOT / 'configs/class_generator/dit_mnist-5k.py'), str(ROOT / 'weights/dive_mnist_5k.pth'),
        '--classes', '3', '--steps', '1001'])
    with pytest.raises(SystemExit, match='1001 steps were asked for, and the schedule has 1000: give fewer.'):
        tool.main()


def test_the_picture_shows_the_images_below_their_names(tool):
    images = torch.full((2, 3, 4, 12), -1.0)
    images[1] = 1.0
    names = ('000', '001')
    sheet = np.asarray(tool.picture(images, [tool.class_panel(k, (36, 12), names) for k in (0, 1)]))
    assert sheet.shape == (28, 80, 3)
    assert not sheet[16:, :36].any() and (sheet[16:, 40:76] == 255).all()
    assert 0 < (sheet[:12, :36] > 128).sum() < sheet[:12, :36].size / 2


@pytest.mark.parametrize('text, labels', [('traffic light', [1]), ('dog, traffic light', [2, 1]), ('dog cat', [2, 0])])
def test_names_of_several_words_stand_between_commas(tool, text, labels):
    assert tool.parse_classes(text, ('cat', 'traffic light', 'dog'))[:, 0].tolist() == labels


DATA = ROOT / 'tests/data/pipelines'
NAMES = ('cat', 'traffic light', 'dog')
# Options of the converter, text that was recorded, the UNet of the tiny pipeline, and what is asked for.
PUBLIC = dict(
    gligen=([], 'gligen', tiny.KINDS['gligen'], ('--layout', 'traffic light: 2 2 12 14; dog: 0 0 8 8')),
    igligen=([], 'igligen', tiny.KINDS['igligen'], ('--layout', 'traffic light: 2 2 12 14; dog: 0 0 8 8')),
    geodiffusion=([], 'geodiffusion', dict(attention_type='default'), ('--layout', 'cat: 4 0 12 12')),
    prompts=(['--classifier'], 'prompts', dict(attention_type='default'), ('--classes', 'traffic light, dog')))


@pytest.fixture(scope='module', params=list(PUBLIC))
def public(request, tmp_path_factory):
    """Config and checkpoint of a tiny public generator, and what to draw."""
    folder, (options, text, unet, asked) = tmp_path_factory.mktemp(request.param), PUBLIC[request.param]
    tiny.save(tiny.parts(**unet), folder / 'pipeline')
    if text == 'geodiffusion':
        tiny.save_text_encoder(torch.load(DATA / 'geodiffusion_calls.pth', weights_only=True),
                               folder / 'pipeline/text_encoder')
    assert run('diffusers_to_dive', folder / 'pipeline', folder / 'out.pth', '--text', DATA / f'{text}_text.pth',
               *options) == ''
    generator = Config.fromfile(folder / 'out.py').generator
    model = dict(type='DIVEClassifier', _scope_='dive_mmdet', head=dict(type='dive_mmdet.ClassHead'),
                 inverter=dict(type='dive_mmdet.ExhaustiveEnumeration')) if options else dict(
        type='DIVEDetector', _scope_='dive_mmdet', bbox_head=dict(type='dive_mmdet.LayoutHead'),
        inverter=dict(type='dive_mmdet.LayoutInverter', anchors=dict(scales=[0.5], ratios=[1.0])))
    config = dict(default_scope='mmpretrain' if options else 'mmdet', image_size=16,
                  model=dict(model, backbone=generator, objective=dict(num_pairs=16)))
    if not options:
        config['classes'] = NAMES
        with DefaultScope.overwrite_default_scope('mmdet'):
            head = MODELS.build(config['model'] | dict(backbone=generator)).state_dict()
        converted = torch.load(folder / 'out.pth', weights_only=True)
        torch.save(dict(converted, state_dict=head | converted['state_dict']), folder / 'whole.pth')
    Config(config).dump(folder / 'config.py')
    return folder, asked


def draw(tool, monkeypatch, folder, asked, *options):
    weights = folder / 'whole.pth' if (folder / 'whole.pth').exists() else folder / 'out.pth'
    monkeypatch.setattr(sys, 'argv', ['sample.py', str(folder / 'config.py'), str(weights), *asked, '--count', '2',
                                      '--steps', '3', '--out', str(folder / 'out.png'), *options])
    tool.main()
    return np.asarray(Image.open(folder / 'out.png'))


def test_public_generators_are_drawn_from(tool, monkeypatch, public):
    """Guidance of 1 is none, and of 0 what is drawn without a condition; two prompts of two classes are four images."""
    folder, asked = public
    plain, same, more = (draw(tool, monkeypatch, folder, asked, *options) for options in (
        (), ('--guidance', '1'), ('--guidance', '4')))
    assert np.array_equal(plain, same) and not np.array_equal(plain, more)
    assert plain.shape == (100, 4 * 52 if folder.name.startswith('prompts') else 2 * 52, 3)
    assert len(np.unique(plain[52:])) > 10


def test_what_a_public_generator_cannot_draw_is_said(tool, monkeypatch, public):
    folder, asked = public
    wrong = ('--classes', 'cow') if asked[0] == '--classes' else ('--layout', 'cow: 2 2 12 14')
    with pytest.raises(SystemExit, match='cat, traffic light, '):
        draw(tool, monkeypatch, folder, wrong)
    with pytest.raises(SystemExit, match=f'no training data to take conditions from: give {asked[0]}'):
        draw(tool, monkeypatch, folder, ())
