# What all searches of classes on digits have in common.
_base_ = ['./default_runtime_cls.py']

# Without the lowest noise, at which an image tells its class already. All methods share this bank.
objective = dict(num_pairs=50, low=300, high=1000, space='sample')

val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse
default_hooks = dict(logger=dict(interval=1))
