# ImageNet's validation images as published diffusion classifiers were tested on them. What differs is the config's:
# images of a class (`per_class`), and a square between `read_image` and `pack_image` in the pipeline.
data_root = 'data/imagenet/'
required_files = {
    data_root + 'val': 'ImageNet validation images, one folder a class (n01440764, ...), from image-net.org'}

read_image = dict(type='LoadImageFromFile', imdecode_backend='pillow')
pack_image = dict(type='PackInputs', meta_keys=('img_path', 'sample_idx', 'ori_shape', 'img_shape'))
test_dataloader = dict(
    batch_size=4, num_workers=2, persistent_workers=True, drop_last=False, collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.ImageNetPerClass', data_root=data_root, split='val'))
test_evaluator = dict(type='Accuracy', topk=(1, 5))
