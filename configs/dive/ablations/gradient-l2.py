# The paper's inversion on the shipped objective with 16 pairs: l2 projection.
_base_ = ['../dive_digit-scenes.py']

model = dict(
    inverter=dict(
        _delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=4, lr=0.3),
    objective=dict(num_pairs=16))
