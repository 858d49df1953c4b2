# The published inversion on MNIST-5k, on the bank that all methods share. The learning rate is the
# published 1e-2 times 1.0 / 0.02: rows start at a standard deviation of 1 here and of 0.02 in the published model.
_base_ = ['./dive_mnist-5k.py']

model = dict(inverter=dict(
    _delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=25, lr=0.5))
