# Errors of x0 at t = 400 to 1000, where true layouts explain as much.
_base_ = ['./objective-x0-200-900.py']

inversion_hook = dict(
    _base_.inversion_hook, objective=dict(_base_.inversion_hook.objective, low=400, high=1000))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
