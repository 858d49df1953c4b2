# The same for any names, a few or the 1,203 of LVIS: NAMES is a text file with one a line, as it was encoded. The
# annotations, in COCO's format, have categories of these names in this order. README.md beside this has the commands.
_base_ = ['./dive_gligen_coco-zero-shot.py']

data_root = 'data/names/'
ann_file = 'annotations.json'
classes = tuple(filter(None, map(str.strip, open('{{$NAMES:data/names/names.txt}}').read().splitlines())))
model = dict(backbone=dict(vocabulary=dict(num_classes=len(classes))))

named = dict(num_classes=len(classes), metainfo=dict(classes=classes), data_root=data_root, ann_file=ann_file,
              data_prefix=dict(img='images/'))
val_dataloader = dict(dataset=named)
test_dataloader = dict(dataset=named)
val_evaluator = dict(ann_file=data_root + ann_file)
test_evaluator = dict(ann_file=data_root + ann_file)
