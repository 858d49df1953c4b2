"""The small DiT of the original program and the inputs that it was traced on (tests/data/dive_classification)."""
import json
from pathlib import Path

import numpy as np
import torch

from dive_mmdet.diffusion import ClassGenerator
from dive_mmdet.inversion import Likelihood, Posterior

DATA = Path(__file__).resolve().parents[1] / 'data'


def load_trace():
    """What was recorded, name by name."""
    return {name: torch.from_numpy(np.asarray(value))
            for name, value in np.load(DATA / 'dive_classification/trace.npz').items()}


def load_generator():
    """A class generator with the recorded weights."""
    settings = json.loads((DATA / 'dit/config.json').read_text())
    generator = ClassGenerator(
        settings['num_classes'], settings['hidden_size'],
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=3),
        schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
        denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=4, patch_size=2, width=48, num_layers=2,
                      num_heads=3, learn_sigma=True))
    weights = torch.load(DATA / 'dit/model.pt', weights_only=True)
    table = weights.pop('y_embedder.embedding_table.weight')
    generator.load_state_dict({'table.weight': table, **{f'denoiser.{name}': value for name, value in weights.items()}},
                              strict=False)
    return generator.requires_grad_(False)


def posterior_of(generator, trace, order=None, **arguments):
    """The objective for the 8 recorded inputs on the recorded bank, its pairs in another order if one is given."""
    order = torch.arange(125) if order is None else order
    likelihood = Likelihood(generator, num_pairs=len(order))
    likelihood.bank.timesteps.copy_(trace['ts'][order])
    likelihood.bank.noise.copy_(trace['noises'][order])
    return Posterior(likelihood, trace['x0'], **arguments)
