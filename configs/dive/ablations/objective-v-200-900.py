# Errors of v at t = 200 to 900; what an object must be worth grows with the mean weight over t.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(
        type='dive_mmdet.ProposalInverter', sides=[0.25, 0.34, 0.44], aspects=[1.0, 0.6, 0.3], max_side=0.5,
        min_gain=126 * 0.0005),
    objective=dict(num_pairs=8, low=200, high=900, space='v_prediction'))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
