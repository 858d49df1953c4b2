"""Rows that are coordinates: what they are, and that a fine grid costs nothing."""
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dive_mmdet.diffusion import CoordinateTable, LayoutGenerator
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.inversion.slopes import side_slopes
from dive_mmdet.inversion.space import space_of
from dive_mmdet.layout import LayoutVocabulary

VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=2, grid=9)
NONE = 9 * 9 + 3


def generator_of(grid, **changes):
    torch.manual_seed(0)
    return LayoutGenerator(**{**dict(
        vocabulary=dict(num_classes=3, num_objects=2, grid=grid),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=4),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'),
        channels=dict(type='dive_mmdet.BoxChannels', sample_size=8, class_dim=4),
        condition=dict(type='dive_mmdet.NoContext'),
        denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=8, channels=1, patch_size=4, width=16,
                      num_layers=1, num_heads=2, context_dim=None, condition_channels=11)), **changes})


class Largest(TorchDispatchMode):
    """Numbers in the largest tensor that any operation gives."""
    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **kwargs or {})
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


def test_rows_by_hand():
    """Corner 57 is column 3 of row 6."""
    table = CoordinateTable(VOCABULARY, class_dim=2)
    rows = table(torch.tensor([[57, 82], [0, NONE]])).detach()
    expected = torch.tensor([[[0.375, 0.75, 0.0], [1.0, *table.weight[1].tolist()]], [[0.0] * 3, [0.0] * 3]])
    assert torch.equal(rows, expected) and table.dim == 3


def test_corners_are_those_of_the_tokenizer():
    generator, ids = generator_of(9), torch.arange(81)
    torch.testing.assert_close(generator.table(ids)[:, :2], generator.tokenizer.corner_points(ids).float())


def test_an_unknown_class_is_there_and_has_the_mean_vector():
    generator = generator_of(9)
    row = generator.embed(torch.tensor([generator.vocabulary.any_class]))[0]
    torch.testing.assert_close(row, torch.cat([torch.ones(1), generator.table.weight.mean(dim=0)]))


def test_gradients_reach_class_vectors_alone():
    table = CoordinateTable(VOCABULARY, class_dim=2)
    table(torch.tensor([5, 82, NONE, 82])).square().sum().backward()
    assert [name for name, _ in table.named_parameters()] == list(table.state_dict()) == ['weight']
    expected = torch.zeros(3, 2)
    expected[1] = 2 * 2 * table.weight[1].detach()
    torch.testing.assert_close(table.weight.grad, expected)


def test_typical_rows_are_of_both_kinds():
    table = CoordinateTable(VOCABULARY, class_dim=2)
    rows = table.typical_rows()
    assert torch.equal(rows[:3], table(torch.arange(81, 84)).detach())
    assert torch.equal(rows[3:], torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1.0, 1.0, 0.0]]))


def test_a_grid_as_fine_as_the_image_makes_nothing_of_its_size():
    """513 x 513 points: a generator is built, asked, differentiated, and its conditions projected."""
    grid = 513
    with Largest() as largest:
        generator = generator_of(grid).requires_grad_(False)
        vocabulary = generator.vocabulary
        box = torch.tensor([[0.1, 0.2, 0.7, 0.9]])
        ids = generator.tokenizer.encode(box, torch.tensor([1]))[None]
        posterior = Posterior(Likelihood(generator, num_pairs=2), torch.zeros(1, 1, 8, 8))
        images = torch.zeros(1, dtype=torch.long)
        side_slopes(posterior, images, ids, 2, torch.tensor([-1, 1]))
        posterior.energy(images, ids)
        for distance in ('l2', 'cosine', 'continuous'):
            space = space_of(generator, distance)
            found, _ = space.project(space.rows(ids))
            assert torch.equal(found, ids)
            space.project(space.random(4, torch.Generator().manual_seed(0)))
    assert vocabulary.num_corners == grid ** 2 and 0 < largest.numel < grid ** 2 / 10


@pytest.mark.parametrize('wrong', [-1, NONE + 2])
def test_ids_outside_the_vocabulary_are_refused(wrong):
    with pytest.raises(ValueError, match=rf'Id {wrong} is none of the vocabulary, whose corners are 0 to 80, classes '
                                         'up to 83 and none 84'):
        generator_of(9).embed(torch.tensor([[0, wrong]]))


@pytest.mark.parametrize('vocabulary, class_dim, sentence', [
    (LayoutVocabulary(num_classes=3, num_objects=2, num_tokens=90, shared_ids=True), 4, 'shared_ids=False'),
    (VOCABULARY, 0, 'at least one number, got class_dim=0')])
def test_impossible_tables_are_refused(vocabulary, class_dim, sentence):
    with pytest.raises(ValueError, match=sentence):
        CoordinateTable(vocabulary, class_dim)
