# One digit as a new class: `python tools/dataset_converters/make_new_class_scenes.py --digit 9`. A copy of this folder
# with another digit here serves that one.
new_class = '9'
new_class_root = 'data/new_class/'
known_classes = tuple(name for name in '0123456789' if name != new_class)
all_classes = (*known_classes, new_class)  # the new one is the last
few_boxes = dict(  # which `train_dataloader.dataset.ann_file=few_1.json` changes
    type='dive_mmdet.LayoutCocoDataset', num_classes=len(all_classes), data_root=new_class_root,
    ann_file='few_5.json', data_prefix=dict(img='few/'), metainfo=dict(classes=all_classes))
