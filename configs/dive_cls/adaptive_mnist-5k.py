# Diffusion Classifier on MNIST-5k in stages: fewer and fewer classes on more and more pairs.
_base_ = ['./dive_mnist-5k.py']

model = dict(inverter=dict(_delete_=True, type='dive_mmdet.AdaptiveEnumeration',
                           race=dict(pairs=[2, 4, 16], keep=[5, 3, 1])))
