# DIVE with the new class: what tools/misc/add_class.py writes fits it.
_base_ = ['./dive_before.py']

model = dict(backbone=dict(vocabulary=dict(num_classes=len(_base_.all_classes), num_added=1)))
classes = {{_base_.all_classes}}
dataset = dict(num_classes=len(_base_.all_classes), ann_file='test.json', data_prefix=dict(img='test/'),
               metainfo=dict(classes=classes))
test_dataloader = dict(dataset=dataset)
test_evaluator = dict(ann_file=_base_.new_class_root + 'test.json')
