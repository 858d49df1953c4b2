"""What the detector and the classifier have in common: a frozen generator, and a search that hooks install."""
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from mmengine.hooks import Hook
from torch import Tensor

from dive_mmdet.hooks import InversionHook, LayoutPriorHook
from dive_mmdet.inversion import Posterior
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

MOVED = dict(hooks='`inverter`, `objective`, `batch_size`, `prior` and `prior_weight` of the model')
MOVED_VARIABLES = dict(inversion_hook='`model.inverter`, `model.objective` and `model.batch_size`',
                       prior_hook='`model.prior` and `model.prior_weight`', objective='`model.objective`')


@dataclass(frozen=True)
class SearchConfig:
    """How a model searches: the one place that hooks, tools and inferencers read.

    Attributes:
        inverter: config of `LayoutInverter`, `GradientInverter` or another with `invert(posterior)`.
        objective: arguments of `Likelihood` but the generator.
        prior: config of the prior over conditions, None for none.
        prior_weight: of its energy in the objective; 1 in the paper's formula.
        batch_size: network evaluations at once.
    """
    inverter: dict | None = None
    objective: dict = field(default_factory=dict)
    prior: dict | None = None
    prior_weight: float = 1.0
    batch_size: int = 512


class InvertsGenerator:
    """Mixed into a framework's model, after whose constructor `_install` is called.

    The hook modules build the search and the prior as the model's `search` says: in a Runner before it loads weights,
    and here at once, for interfaces that run no hooks.
    """

    def _install(self, backbone: dict, search: dict) -> None:
        """Build the frozen generator, and what `search`, the keys of `SearchConfig`, asks for.

        Raises:
            ValueError: a key that has moved; TypeError: one that never was.
        """
        refuse(type(self).__name__, set(search) - set(SearchConfig.__dataclass_fields__), MOVED)
        self.search = SearchConfig(**search)
        self.backbone = MODELS.build(backbone).requires_grad_(False)
        self.inverter, self.likelihood, self.prior = None, None, None
        for hook in (InversionHook(), LayoutPriorHook()):
            hook.install(self)

    @property
    def cfg(self):
        """The config that the framework's interfaces keep with a model."""
        return self._cfg

    @cfg.setter
    def cfg(self, config: Mapping) -> None:
        """Raises ValueError where the config sets a search elsewhere than in its model."""
        config = config or {}
        refuse('The config', set(config) & set(MOVED_VARIABLES), MOVED_VARIABLES)
        for hook in config.get('custom_hooks') or ():
            _require_no_settings(hook)
        self._cfg = config

    _config = cfg  # as mmpretrain calls it

    def invert(self, batch_inputs: Tensor) -> Inversion:
        """Images (N, 3, H, W) in [-1, 1] -> what the search found.

        Raises:
            RuntimeError: the model has no search.
        """
        if self.inverter is None:
            raise RuntimeError(f'{type(self).__name__} has no search: set `model.inverter` in its config.')
        with torch.inference_mode(False), torch.no_grad():
            return self.inverter.invert(self.posterior(self.backbone.encode(batch_inputs.clone())))

    def describe(self, samples: list, inversion: Inversion) -> None:
        """Put on each sample what was found and spent for it."""
        for sample, nfe, found in zip(samples, inversion.nfe.tolist(), inversion.per_image()):
            sample.set_metainfo(dict(nfe=nfe, shared_nfe=getattr(self.inverter, 'shared_nfe', 0), inversion=found))

    def posterior(self, latents: Tensor) -> Posterior:
        """The objective for latents (N, c, h, w): likelihood + weight x prior."""
        return Posterior(self.likelihood, latents, self.prior, self.search.prior_weight, self.search.batch_size)

    def settings(self) -> dict:
        """What a search of this model runs with, read from what was built."""
        built = dict(objective=self.likelihood.settings(), prior_weight=self.search.prior_weight if self.prior else 0.0)
        return {**asdict(self.search), **built}

    def extract_feat(self, batch_inputs: Tensor) -> Tensor:
        """Latents of images, (N, 3, H, W) -> (N, c, h, w)."""
        return self.backbone.encode(batch_inputs)


def _require_no_settings(config: Mapping | Hook) -> None:
    """Let a hook refuse the settings that its config names, also where no hooks are built."""
    if isinstance(config, Mapping):
        settings = {key: value for key, value in config.items() if key not in ('type', 'priority')}
        name = getattr(config['type'], '__name__', config['type']).rpartition('.')[2]
        for hook in (InversionHook, LayoutPriorHook):
            if hook.__name__ == name:
                hook(**settings)
