# The paper's inversion on the shipped objective: l2 projection.
_base_ = ['../dive_digit-scenes.py']

model = dict(
    inverter=dict(
        _delete_=True, type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=4, lr=0.01))
