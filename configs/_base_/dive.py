# How every search of layouts is run; what is searched and how stands in the model alone.
_base_ = ['./default_runtime.py']

custom_hooks = [dict(type='dive_mmdet.InversionHook'), dict(type='dive_mmdet.LayoutPriorHook')]
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
# Nothing is trained, and the model says so; but where there is training data, for mmdet's tools to look at, the Runner
# asks for these two.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.0))
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse
default_hooks = dict(logger=dict(interval=1))
