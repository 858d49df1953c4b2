# A search of about half the evaluations.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(
    _base_.inversion_hook.inverter, hypotheses=3, polish_pairs=4))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
