# The likelihood alone.
_base_ = ['../dive_proposal_digit-scenes.py']

prior_hook = dict(type='dive_mmdet.LayoutPriorHook', prior={{_base_.layout_prior}}, weight=0.0)
custom_hooks = [{{_base_.inversion_hook}}, prior_hook]
model = dict(hooks=custom_hooks)
