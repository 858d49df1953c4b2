# How every search of classes is run; what is searched and how stands in the model alone.
_base_ = ['./default_runtime_cls.py']

custom_hooks = [dict(type='dive_mmdet.InversionHook')]
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse
default_hooks = dict(logger=dict(interval=1))
