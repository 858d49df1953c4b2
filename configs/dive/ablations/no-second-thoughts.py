# Growing and polishing alone.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(
        type='dive_mmdet.ProposalInverter', sides=[0.25, 0.34, 0.44], aspects=[1.0, 0.6, 0.3], max_side=0.5,
        min_gain=0.0005, revisit=0),
    objective={{_base_.inversion_hook.objective}})
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
