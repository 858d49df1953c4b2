# The proposals' layout handed to the paper's inversion.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(refine=dict(
    type='dive_mmdet.GradientInverter', loops=5, pairs_per_step=4, lr=1e-2)))
