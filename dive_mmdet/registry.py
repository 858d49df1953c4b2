"""Child registries of the project.

`dive_mmdet.X` resolves from mmdet's and from mmpretrain's scope alike and imports its module on first use; what the
frameworks must find under their own names (the detector, the classifier) is registered with them too. Either
framework may be missing: what builds on it is then left out.
"""
from importlib import import_module

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry, build_from_cfg, build_model_from_cfg

SCOPE = 'dive_mmdet'
FRAMEWORKS = {f'{SCOPE}.{floor}': framework for floor, framework in (
    ('detectors', 'mmdet'), ('datasets.layout_coco', 'mmdet'), ('metrics.coco', 'mmdet'),
    ('classifiers', 'mmpretrain'), ('datasets.imagenet_protocol', 'mmpretrain'))}


def _in_own_scope(build):
    """Unprefixed names are ours whatever framework runs: its default scope would hide our own parts from us."""
    def build_here(cfg, registry, *args, **kwargs):
        if isinstance(cfg, dict) and '_scope_' not in cfg:
            cfg = cfg.copy()
            cfg['_scope_'] = SCOPE
        return build(cfg, registry, *args, **kwargs)
    return build_here


class FloorsRegistry(Registry):
    """A registry whose locations are floors of this package; those whose framework does not import are left out."""

    def import_from_location(self) -> None:
        self._locations = [floor for floor in self._locations if imports(FRAMEWORKS.get(floor, SCOPE))]
        super().import_from_location()


def imports(package: str) -> bool:
    """Does it? An OpenMMLab package asserts that its mmcv fits."""
    try:
        import_module(package)
    except (ImportError, AssertionError):
        return False
    return True


def _registry(name: str, parent: Registry, *floors: str, build=build_from_cfg) -> Registry:
    return FloorsRegistry(name, build_func=_in_own_scope(build), parent=parent, scope=SCOPE,
                          locations=[f'{SCOPE}.{floor}' for floor in floors])


MODELS = _registry('model', MMENGINE_MODELS, 'diffusion', 'inversion', 'prior', 'heads', 'detectors', 'classifiers',
                   'training', build=build_model_from_cfg)
OPTIMIZERS = _registry('optimizer', MMENGINE_OPTIMIZERS, 'training')
DATA_SAMPLERS = _registry('data sampler', MMENGINE_DATA_SAMPLERS, 'datasets')
DATASETS = _registry('dataset', MMENGINE_DATASETS, 'datasets', 'datasets.layout_coco', 'datasets.imagenet_protocol')
TRANSFORMS = _registry('transform', MMENGINE_TRANSFORMS, 'datasets', 'datasets.imagenet_protocol')
HOOKS = _registry('hook', MMENGINE_HOOKS, 'hooks')
METRICS = _registry('metric', MMENGINE_METRICS, 'metrics', 'metrics.coco')
LOOPS = _registry('loop', MMENGINE_LOOPS, 'engine')
