# DIVE without the new class, whose scores are calibrated; `learn.py` goes on from its checkpoint.
_base_ = ['../dive/dive_digit-scenes.py', './data.py']

model = dict(backbone=dict(vocabulary=dict(num_classes=len(_base_.known_classes))), prior=None, prior_weight=0)
classes = {{_base_.known_classes}}
dataset = dict(data_root={{_base_.new_class_root}}, num_classes=len(_base_.known_classes), ann_file='calib.json',
               data_prefix=dict(img='calib/'), metainfo=dict(classes=classes))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(ann_file=_base_.new_class_root + 'calib.json')
test_evaluator = val_evaluator
