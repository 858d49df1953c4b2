"""Child registries of the project.

`dive_mmdet.X` resolves from mmdet's and from mmpretrain's scope alike and imports its module on first use; what the
frameworks must find under their own names (the detector, the dataset, hooks, metrics) is registered with them too.
"""
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

SCOPE = 'dive_mmdet'

MODELS = Registry('model', parent=MMENGINE_MODELS, scope=SCOPE, locations=[
    'dive_mmdet.diffusion', 'dive_mmdet.inversion', 'dive_mmdet.prior', 'dive_mmdet.heads', 'dive_mmdet.detectors'])
# `layout_coco` is not imported by `datasets/__init__.py`: tools that only write scenes need not wait for mmdet.
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope=SCOPE, locations=[
    'dive_mmdet.datasets', 'dive_mmdet.datasets.layout_coco'])
TRANSFORMS = Registry('transform', parent=MMENGINE_TRANSFORMS, scope=SCOPE, locations=['dive_mmdet.datasets'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope=SCOPE, locations=['dive_mmdet.hooks'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope=SCOPE, locations=['dive_mmdet.metrics'])
