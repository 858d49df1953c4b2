"""DiT against numbers of the original code (tests/data/dit)."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dive_mmdet.diffusion.denoisers.dit import DiT

DATA = Path(__file__).resolve().parents[1] / 'data' / 'dit'
TOLERANCE = dict(rtol=0, atol=5e-5)


@pytest.fixture(scope='module')
def recorded():
    return {name: torch.from_numpy(value) for name, value in np.load(DATA / 'io.npz').items()}


@pytest.fixture(scope='module')
def weights():
    return torch.load(DATA / 'model.pt', weights_only=True)


@pytest.fixture(scope='module')
def settings():
    return json.loads((DATA / 'config.json').read_text())


def build(settings):
    return DiT(settings['input_size'], settings['in_channels'], settings['patch_size'], settings['hidden_size'],
               settings['depth'], settings['num_heads'], settings['mlp_ratio'], settings['learn_sigma'])


@pytest.fixture(scope='module')
def network(settings, weights):
    network = build(settings)
    network.load_state_dict({name: value for name, value in weights.items() if not name.startswith('y_embedder')})
    return network.requires_grad_(False)


def test_patch_positions_are_the_published_ones(settings, weights):
    torch.testing.assert_close(build(settings).pos_embed, weights['pos_embed'], rtol=0, atol=1e-6)


def test_outputs_for_classes(network, weights, recorded):
    rows = weights['y_embedder.embedding_table.weight'][recorded['y']]
    output = network.predict_all(recorded['x'], recorded['t'], rows)
    torch.testing.assert_close(output, recorded['output'], **TOLERANCE)
    torch.testing.assert_close(network(recorded['x'], recorded['t'], rows), recorded['output'][:, :4], **TOLERANCE)


def test_outputs_for_injected_rows(network, recorded):
    output = network.predict_all(recorded['x'], recorded['t'], recorded['injected'])
    torch.testing.assert_close(output, recorded['output_injected'], **TOLERANCE)


@pytest.mark.parametrize('name', ['injected', 'shared'])
def test_gradients_for_injected_rows(network, recorded, name):
    """They reach every block and the output head."""
    leaf = recorded['injected'] if name == 'injected' else recorded['injected'][0]
    leaf = leaf.clone().requires_grad_()
    loss = (network(recorded['x'], recorded['t'], leaf.expand(16, -1)) - recorded['noise']).square().mean()
    gradient = torch.autograd.grad(loss, leaf)[0]
    torch.testing.assert_close(loss, recorded[f'loss_{name}'], rtol=1e-5, atol=0)
    expected = recorded[f'grad_{name}']
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_a_new_network_predicts_nothing_whatever_the_class():
    """Published initialisation, on latents that are no square."""
    network = DiT((4, 12), 1, 2, 16, 1, 2)
    output = network(torch.randn(3, 1, 4, 12), torch.tensor([1, 500, 999]), torch.randn(3, 16))
    assert output.shape == (3, 1, 4, 12) and not bool(output.any())


def test_patches_come_back_in_their_places():
    """A linear layer that copies one token's mean to its patch: the patch that was lit is lit."""
    network = DiT((4, 12), 1, 2, 16, 1, 2)
    patches = torch.zeros(1, 12, 4)
    patches[0, 7] = torch.tensor([1.0, 2.0, 3.0, 4.0])  # second row of patches, second column
    image = network._unpatchify(patches)[0, 0]
    assert image[2:4, 2:4].tolist() == [[1, 2], [3, 4]] and float(image.sum()) == 10


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match='Patches of 3 must divide'):
        DiT(8, 4, 3, 48, 2, 3)


def test_a_row_added_to_the_patches_is_a_shift_of_their_positions(network, settings, weights, recorded):
    """The published network with the positions of one class moved by hand."""
    with_rows = DiT(settings['input_size'], settings['in_channels'], settings['patch_size'], settings['hidden_size'],
                    settings['depth'], settings['num_heads'], settings['mlp_ratio'], settings['learn_sigma'],
                    row_to_patches=True)
    with_rows.load_state_dict(network.state_dict(), strict=False)
    rows = weights['y_embedder.embedding_table.weight'][[3, 7]]
    x, t = recorded['x'][:2], recorded['t'][:2]
    together = with_rows(x, t, rows)
    for index, row in enumerate(rows):
        moved = build(settings)
        moved.load_state_dict(network.state_dict())
        patches = with_rows.row_embedder.weight @ row + with_rows.row_embedder.bias
        moved.pos_embed.data += patches.view(1, -1, settings['hidden_size'])
        one = slice(index, index + 1)
        torch.testing.assert_close(together[one], moved(x[one], t[one], row[None]), **TOLERANCE)
    assert (together - network(x, t, rows)).abs().max() > 1e-2
