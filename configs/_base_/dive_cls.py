# What all searches of classes on digits have in common.
_base_ = ['./default_runtime_cls.py']

val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse
default_hooks = dict(logger=dict(interval=1))
