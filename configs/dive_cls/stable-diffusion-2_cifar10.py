# The same on CIFAR-10, as that repository has it: 500 pairs, and five classes after 50; images of 32 pixels are
# enlarged to 512. Its errors are absolute ones: here they are squared. Its prompt is `a blurry photo of a {}.`
_base_ = ['./stable-diffusion-2_imagenet.py']

data_root = 'data/cifar10'
required_files = dict(_delete_=True, **{
    data_root + '/cifar-10-batches-py/test_batch': 'cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html, '
                                                   'unpacked',
    'weights/stable-diffusion-2_cifar10.pth': 'stabilityai/stable-diffusion-2-base, converted with the ten names as '
                                              'configs/dive_cls/README.md says'})
model = dict(
    inverter=dict(race=dict(pairs=[50], keep=[5])), objective=dict(num_pairs=500),
    data_preprocessor=dict(to_rgb=False),  # they are
    backbone=dict(num_classes=10))
test_dataloader = dict(dataset=dict(
    _delete_=True, type='CIFAR10', data_root=data_root, split='test', download=False,
    pipeline=_base_.test_dataloader.dataset.pipeline[1:]))  # an image is in memory, not in a file
