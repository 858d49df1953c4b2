"""Child registries of the project.

`dive_mmdet.X` resolves from mmdet's and from mmpretrain's scope alike and imports its module on first use; what the
frameworks must find under their own names (the detector, the dataset, hooks, metrics) is registered with them too.
"""
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry, build_from_cfg, build_model_from_cfg

SCOPE = 'dive_mmdet'


def _in_own_scope(build):
    """Unprefixed names are ours whatever framework runs: its default scope would hide our own parts from us."""
    def build_here(cfg, registry, *args, **kwargs):
        if isinstance(cfg, dict) and '_scope_' not in cfg:
            cfg = cfg.copy()
            cfg['_scope_'] = SCOPE
        return build(cfg, registry, *args, **kwargs)
    return build_here


def _registry(name: str, parent: Registry, *floors: str, build=build_from_cfg) -> Registry:
    return Registry(name, build_func=_in_own_scope(build), parent=parent, scope=SCOPE,
                    locations=[f'{SCOPE}.{floor}' for floor in floors])


MODELS = _registry('model', MMENGINE_MODELS, 'diffusion', 'inversion', 'prior', 'heads', 'detectors', 'classifiers',
                   'training',
                   build=build_model_from_cfg)
DATASETS = _registry('dataset', MMENGINE_DATASETS, 'datasets')
TRANSFORMS = _registry('transform', MMENGINE_TRANSFORMS, 'datasets')
HOOKS = _registry('hook', MMENGINE_HOOKS, 'hooks')
METRICS = _registry('metric', MMENGINE_METRICS, 'metrics')
LOOPS = _registry('loop', MMENGINE_LOOPS, 'engine')
