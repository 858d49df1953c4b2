# The proposals' layout handed to the paper's inversion.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    _base_.inversion_hook, inverter=dict(
        _base_.inversion_hook.inverter, refine=dict(
            type='dive_mmdet.GradientInverter', loops=5, pairs_per_step=4, lr=1e-2)))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
