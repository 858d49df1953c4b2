"""The shipped search and its energies on a CPU and on a GPU, against double precision on the CPU."""
import pytest
import torch
from evaluations_per_second import digit_scenes, shipped_detector
from helpers.quick_search import QUICK

from dive_mmdet.compat import TORCH
from dive_mmdet.registry import MODELS

# Relative error of the energies: what the product's mantissa leaves, and how near to float32 it must not come.
PRECISIONS = dict(float32=(0, 1e-5), tf32=(0, 2e-3), float16=(1e-5, 3e-3), bfloat16=(1e-4, 2e-2))


def scenes(count, device):
    return (digit_scenes(count) / 127.5 - 1).to(device)


def test_the_search_ends_as_on_a_cpu_and_is_as_good_as_it_says(device):
    images, here, there = scenes(2, 'cpu'), shipped_detector(), shipped_detector(device)
    for detector in (here, there) if device == 'cpu' else ():  # a GPU runs the shipped search
        detector.inverter = MODELS.build(dict(
            QUICK, pairs=2, anchors=dict(scales=[0.4], ratios=[1.0, 0.5]), add=dict(rungs=(2,))))
        detector.likelihood = detector.likelihood.on_bank(4)
    expected, found = here.invert(images), there.invert(images.to(device))
    ids = found.ids.cpu()
    assert bool(there.backbone.vocabulary.is_present(ids).any(dim=1).all())
    torch.testing.assert_close(found.energy.cpu(), expected.energy, rtol=0, atol=1e-5)
    prior = here.search.prior_weight * here.prior.energy(here.backbone.embed(ids))
    exact = shipped_detector().double()
    likelihood = exact.likelihood.on_bank(len(there.likelihood)).energy(
        exact.backbone.encode(images.double()), exact.backbone.embed(ids))
    torch.testing.assert_close(found.energy.cpu(), (likelihood + prior).float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize('precision', PRECISIONS)
def test_energies_are_as_exact_as_their_precision(precision, device):
    if precision == 'float16' and device == 'cpu' and TORCH < (2, 3):
        pytest.skip('autocast on a CPU knows float16 since torch 2.3')
    exact, model = shipped_detector().double(), shipped_detector(device)
    model.likelihood.precision = precision
    ids = torch.randint(10, (3, 12), generator=torch.Generator().manual_seed(0))
    expected, found = (detector.likelihood.errors(detector.backbone.encode(images),
                                                  detector.backbone.embed(ids.to(images.device)))
                       for detector, images in ((exact, scenes(3, 'cpu').double()), (model, scenes(3, device))))
    least, most = PRECISIONS[precision]
    difference = float((found.cpu() - expected).norm() / expected.norm())
    assert found.dtype == torch.float32 and least <= difference <= most
