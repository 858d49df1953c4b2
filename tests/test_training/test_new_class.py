"""A class learned from a few boxes: one row moves, everything else keeps its bits, and so do the old answers."""
import copy

import helpers.tiny_pipeline as tiny
import pytest
import torch
from helpers.quick_search import QUICK
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from dive_mmdet.checkpoints.added_class import add_class
from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.registry import MODELS

SIZE, OLD, NEW = 16, ['cup', 'spoon', 'plate'], 'Fork'
DIM = 4
TRANSFORMER = dict(type='dive_mmdet.PatchTransformer', sample_size=SIZE, channels=1, patch_size=4, width=16,
                   num_layers=1, num_heads=2)


def parts(kind):
    """Of a generator whose classes are vectors beside coordinates, rows of a table, or phrases."""
    if kind == 'phrases':
        model = {name: value for name, value in tiny.unet().config.items() if name[0] != '_'}
        return dict(table=dict(type='dive_mmdet.CoordinateTable', class_dim=32),
                    condition=dict(type='dive_mmdet.GroundingEncoder', width=32),
                    denoiser=dict(type='dive_mmdet.DiffusersUNet', model=dict(model, sample_size=SIZE, in_channels=1,
                                                                              out_channels=1)))
    if kind == 'rows':
        return dict(table=dict(dim=8),
                    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=8, width=16, num_layers=1, num_heads=2),
                    denoiser=dict(TRANSFORMER, context_dim=16), prediction_type='sample')
    return dict(table=dict(type='dive_mmdet.CoordinateTable', class_dim=DIM),
                channels=dict(type='dive_mmdet.BoxChannels', sample_size=SIZE, class_dim=DIM),
                condition=dict(type='dive_mmdet.NoContext'),
                denoiser=dict(TRANSFORMER, context_dim=None, condition_channels=7 + DIM), prediction_type='sample')


def generator_config(kind, num_classes, **vocabulary):
    return dict(
        type='dive_mmdet.LayoutGenerator',
        vocabulary=dict(num_classes=num_classes, num_objects=3, grid=SIZE + 1, **vocabulary),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'), **parts(kind))


def prior_of(row_dim):
    return MODELS.build(dict(type='dive_mmdet.LayoutPrior', length=9, row_dim=row_dim, width=16, num_layers=1,
                             num_heads=2, schedule=dict(type='dive_mmdet.NoiseSchedule'), num_pairs=2))


def old_generator(kind):
    """Of random weights, none of which is zero, through which nothing would be seen."""
    torch.manual_seed(0)
    generator = MODELS.build(generator_config(kind, len(OLD)))
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return generator.eval().requires_grad_(False)


def checkpoint_of(generator, classes=OLD):
    return dict(meta=dict(dataset_meta=dict(classes=tuple(classes))),
                state_dict={f'backbone.{name}': value for name, value in generator.state_dict().items()})


def model_of(kind, path, classes=(*OLD, NEW), **changes):
    backbone = generator_config(kind, len(classes), **{'num_added': 1, **changes.pop('vocabulary', {})})
    return MODELS.build(dict(type='dive_mmdet.NewClassModel', generator=str(path), classes=classes, trainer=dict(
        type='dive_mmdet.GeneratorModel', backbone=backbone, conditioning_check=dict(num_pairs=2)), **changes))


def batch(labels=(3, 0)):
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4)) * 2 - 1
    samples = []
    for index, label in enumerate(labels):
        sample = DetDataSample(metainfo=dict(img_id=index, img_shape=(SIZE, SIZE)))
        sample.gt_instances = InstanceData(bboxes=torch.tensor([[1.0, 2, 9, 8], [8, 8, 15, 16]]),
                                           labels=torch.tensor([label, 1]))
        samples.append(sample)
    return images, samples


def learned(model, steps=3):
    """Trained as a Runner does, with weight decay, which would move what is only told to stand still."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(*batch(), mode='loss')['loss'].backward()
        optimizer.step()
    return model


@pytest.fixture(scope='module', params=['channels', 'rows', 'phrases'])
def case(request, tmp_path_factory):
    """Kind, old generator, its checkpoint's path, and a model that learned the new class."""
    path, generator = tmp_path_factory.mktemp(request.param) / 'old.pth', old_generator(request.param)
    torch.save(checkpoint_of(generator), path)
    torch.manual_seed(1)
    return request.param, generator, path, learned(model_of(request.param, path))


def added(case):
    """The checkpoint with the class, and the generator that it is of."""
    kind, _, path, model = case
    state = dict(meta=dict(dataset_meta=dict(classes=[*OLD, NEW])), state_dict=model.state_dict())
    checkpoint = add_class(load_untrusted(path), state, str(path))
    return checkpoint, loaded(generator_config(kind, len(OLD) + 1, num_added=1), checkpoint)


def loaded(config, checkpoint):
    generator = MODELS.build(config).eval().requires_grad_(False)
    generator.load_state_dict({name.removeprefix('backbone.'): value
                               for name, value in checkpoint['state_dict'].items()})
    return generator


def test_the_new_row_moves_and_no_other_weight_does(case):
    kind, _, path, model = case
    before = model_of(kind, path)
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ['row']
    assert bool((model.row != before.row).all())
    for (name, after), start in zip(model.state_dict().items(), before.state_dict().values()):
        assert torch.equal(after, start) == (name != 'row'), name


def test_the_row_has_the_gradient_that_a_whole_table_would_have(case):
    kind, _, path, _ = case
    model = model_of(kind, path)
    whole = copy.deepcopy(model.trainer).requires_grad_(True)
    for each in (model, whole):
        torch.manual_seed(2)
        each(*batch(), mode='loss')['loss'].backward()
    expected = whole.backbone.table.weight.grad[int(model.place)]
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(model.row.grad, expected, rtol=1e-4, atol=1e-9)


def test_the_check_of_a_training_asks_with_the_learned_row(case):
    """Its energies are those of the checkpoint that the class was added to."""
    _, _, _, model = case
    _, generator = added(case)
    images, samples = batch()
    found = [sample.energies['true'] for sample in model(images, samples, mode='predict')]
    ids = torch.stack([generator.tokenizer.encode(sample.gt_instances.bboxes / SIZE, sample.gt_instances.labels)
                       for sample in samples])
    expected = Likelihood(generator, num_pairs=2).energy(generator.encode(images), generator.embed(ids))
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-5, atol=1e-7)


def test_a_table_grows_by_one_row_and_one_name(case):
    _, old, path, model = case
    checkpoint, generator = added(case)
    assert checkpoint['meta']['dataset_meta']['classes'] == (*OLD, NEW)
    for name, value in checkpoint_of(old)['state_dict'].items():
        if name != 'backbone.table.weight':
            assert torch.equal(checkpoint['state_dict'][name], value), name
    assert len(generator.table.weight) == len(old.table.weight) + 1
    ids = torch.arange(old.vocabulary.none)  # corners and old classes have the ids that they had
    assert torch.equal(generator.embed(ids), old.embed(ids))
    for special in ('none', 'any_class'):  # and an unknown class is what the training knew
        ours, theirs = (each.embed(torch.tensor([getattr(each.vocabulary, special)])) for each in (generator, old))
        assert torch.equal(ours, theirs)
    new = generator.embed(generator.vocabulary.class_ids[-1:])[0]
    assert torch.equal(new[-len(model.row):], model.row)


def found(generator, prior):
    torch.manual_seed(3)
    posterior = Posterior(Likelihood(generator, num_pairs=2), generator.encode(batch()[0]), prior, prior_weight=0.1)
    inversion = MODELS.build(dict(QUICK, object_cost=-1.0)).invert(posterior)
    present = generator.vocabulary.is_present(inversion.ids)
    assert bool(present.any())
    return (generator.vocabulary.objects(inversion.ids)[present], inversion.energy, inversion.evidence,
            inversion.class_evidence[..., :len(OLD)], inversion.nfe)


def test_old_answers_keep_their_bits_where_the_class_is_not_offered(case):
    kind, old, _, _ = case
    checkpoint, _ = added(case)
    answers = [[0], [1], [2], []]
    generator = loaded(generator_config(kind, len(OLD) + 1, num_added=1, answers=answers), checkpoint)
    assert generator.vocabulary.num_labels == 4
    torch.manual_seed(5)
    prior = prior_of(old.table.dim).eval()
    for before, after in zip(found(old, prior), found(generator, prior)):
        assert torch.equal(before, after)


def test_energies_of_old_layouts_keep_their_bits_where_it_is_offered(case):
    _, old, _, _ = case
    _, generator = added(case)
    torch.manual_seed(5)
    prior = prior_of(old.table.dim).eval()
    energies = []
    for each in (old, generator):
        posterior = Posterior(Likelihood(each, num_pairs=2), each.encode(batch()[0]), prior)
        boxes, labels = torch.tensor([[0.1, 0.1, 0.5, 0.6]]), torch.tensor([2])
        ids = torch.stack([each.vocabulary.empty(), each.tokenizer.encode(boxes, labels)])
        energies.append(posterior.energy(torch.tensor([0, 1]), ids))
    assert torch.equal(*energies)


def test_a_prior_sees_an_added_class_as_an_unknown_one(case):
    _, generator = added(case)
    prior = prior_of(generator.table.dim).eval()
    posterior = Posterior(Likelihood(generator, num_pairs=2), generator.encode(batch()[0]), prior)
    ids = generator.tokenizer.encode(torch.tensor([[0.1, 0.1, 0.5, 0.6]]), torch.tensor([3]))[None]
    unknown = ids.clone()
    unknown[0, 0] = generator.vocabulary.any_class
    with torch.no_grad():
        expected = prior.energy(generator.embed(unknown))
    assert torch.equal(posterior.prior_energy(ids), expected)


def test_a_class_may_start_as_another_one(case):
    kind, old, path, _ = case
    model = model_of(kind, path, start='spoon')
    assert torch.equal(model.row, old.table.weight[old.table.first_class + 1])
    torch.testing.assert_close(model_of(kind, path).row, old.table.weight[old.table.first_class:][:3].mean(dim=0))


def test_a_second_class_is_added_to_the_first(case, tmp_path):
    kind, _, _, _ = case
    checkpoint, generator = added(case)
    torch.save(checkpoint, tmp_path / 'four.pth')
    backbone = generator_config(kind, 5, num_added=2)
    model = MODELS.build(dict(
        type='dive_mmdet.NewClassModel', generator=str(tmp_path / 'four.pth'), classes=[*OLD, NEW, 'knife'],
        trainer=dict(type='dive_mmdet.GeneratorModel', backbone=backbone, conditioning_check=dict(num_pairs=2))))
    unknown = generator.embed(torch.tensor([generator.vocabulary.any_class]))
    grown = model.trainer.backbone
    assert torch.equal(grown.embed(torch.tensor([grown.vocabulary.any_class])), unknown)
    state = dict(meta=dict(dataset_meta=dict(classes=[*OLD, NEW, 'knife'])), state_dict=model.state_dict())
    table = add_class(checkpoint, state, 'four.pth')['state_dict']['backbone.table.weight']
    assert len(table) == len(generator.table.weight) + 1


@pytest.mark.parametrize('changes, sentence', [
    (dict(classes=(*OLD, ' CUP')), "The new class ' CUP' and the class 'cup' of .*old.pth are the same name: give"),
    (dict(classes=('spoon', 'cup', 'plate', NEW)), 'should be those of .*old.pth, which are cup, spoon, plate, in'),
    (dict(classes=(*OLD, 'knife', NEW)), 'should be those of .*old.pth, which are cup, spoon, plate, in that order'),
    (dict(vocabulary=dict(num_added=0)), 'num_added=1, or one more than before'),
    (dict(start='bowl'), "start='bowl' is none of the classes cup, spoon, plate: name one")])
def test_what_makes_no_new_class_is_refused(changes, sentence, tmp_path):
    torch.save(checkpoint_of(old_generator('channels')), tmp_path / 'old.pth')
    with pytest.raises(ValueError, match=sentence):
        model_of('channels', tmp_path / 'old.pth', **changes)


def test_names_are_asked_where_a_checkpoint_has_them(tmp_path):
    """A checkpoint without names is taken by its number of rows."""
    plain = checkpoint_of(old_generator('channels'))
    torch.save(dict(state_dict=plain['state_dict']), tmp_path / 'old.pth')
    model = model_of('channels', tmp_path / 'old.pth', classes=('a', 'b', 'c', 'd'))
    assert len(model.trainer.backbone.table.weight) == 4
    with pytest.raises(ValueError, match='table.weight of 4 rows, one less than the vocabulary of 5 classes has, and '
                                         'has 3: give the checkpoint without the new class'):
        model_of('channels', tmp_path / 'old.pth', classes=('a', 'b', 'c', 'd', 'e'))
    with pytest.raises(ValueError, match=r'There are 2 classes \(a, b\) and the vocabulary has 4: give the vocabulary'):
        MODELS.build(dict(
            type='dive_mmdet.NewClassModel', generator=str(tmp_path / 'old.pth'), classes=('a', 'b'),
            trainer=dict(type='dive_mmdet.GeneratorModel', backbone=generator_config('channels', 4, num_added=1))))


def test_an_old_checkpoint_is_no_checkpoint_of_the_grown_generator(case):
    kind, old, _, _ = case
    with pytest.raises(WeightsMismatch, match='does not fit the generator: .* of another size .*table.weight'):
        MODELS.build(generator_config(kind, 4, num_added=1)).load_state_dict(old.state_dict())


def test_a_row_belongs_to_the_weights_that_it_was_learned_beside(case):
    _, old, path, model = case
    other = checkpoint_of(copy.deepcopy(old))
    name = next(name for name in other['state_dict'] if 'denoiser' in name)
    other['state_dict'][name] = other['state_dict'][name] + 1e-3
    with pytest.raises(WeightsMismatch, match=r'other weights than those of x.pth \(1 differ\): learn it again'):
        add_class(other, dict(state_dict=model.state_dict()), 'x.pth')
    with pytest.raises(UnreadableCheckpoint, match='no learned row in the second checkpoint'):
        add_class(other, other, 'x.pth')


@pytest.mark.parametrize('vocabulary', [dict(num_added=4), dict(num_added=-1), dict(num_added=1, use_group=True)])
def test_classes_that_cannot_have_been_added_are_refused(vocabulary):
    with pytest.raises(ValueError, match='classes cannot be added ones: give num_added below num_classes'):
        MODELS.build(generator_config('channels', 4, **vocabulary))


def test_a_generator_of_images_given_one_class_is_refused(tmp_path):
    from helpers import tiny_classifier
    torch.save(checkpoint_of(old_generator('channels')), tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='only layouts can be given classes'):
        MODELS.build(dict(type='dive_mmdet.NewClassModel', generator=str(tmp_path / 'old.pth'), classes='abcde',
                          trainer=dict(type='dive_mmdet.ClassGeneratorModel',
                                       backbone=tiny_classifier.config().model.backbone)))


def test_a_table_of_words_is_refused(tmp_path):
    torch.save(checkpoint_of(old_generator('channels')), tmp_path / 'old.pth')
    backbone = dict(generator_config('channels', 4, num_added=1),
                    table=dict(type='dive_mmdet.PromptTable', width=DIM, words=2))
    with pytest.raises(ValueError, match='A PromptTable has several rows a class, of which one alone cannot be'):
        MODELS.build(dict(type='dive_mmdet.NewClassModel', generator=str(tmp_path / 'old.pth'), classes=[*OLD, NEW],
                          trainer=dict(type='dive_mmdet.GeneratorModel', backbone=backbone)))


def test_both_scopes_build_it(tmp_path):
    torch.save(checkpoint_of(old_generator('channels')), tmp_path / 'old.pth')
    with DefaultScope.overwrite_default_scope('mmdet'):
        assert type(model_of('channels', tmp_path / 'old.pth')).__name__ == 'NewClassModel'
