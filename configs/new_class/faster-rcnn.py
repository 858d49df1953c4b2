# The baseline on scenes without the new digit: 27 % of the shipped one's iterations, as the generator has. Its output
# for the new class sees no example.
_base_ = ['../faster_rcnn/faster-rcnn_r18_digit-scenes.py', './data.py']
work_dir = 'work_dirs/new_class/faster_rcnn'

train_dataloader = dict(dataset=dict(composer=dict(exclude=[_base_.new_class])))
max_iters = 600
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=60),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=60, end=max_iters, eta_min=1e-6),
]
dataset = dict(data_root={{_base_.new_class_root}}, ann_file='test.json', data_prefix=dict(img='test/'),
               metainfo=dict(classes=_base_.all_classes))
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = dict(dataset=dataset)
test_evaluator = dict(ann_file=_base_.new_class_root + 'test.json')
