# Errors of x0 at t = 400 to 1000, where true layouts explain as much.
_base_ = ['./objective-x0-200-620.py']

model = dict(objective=dict(low=400, high=1000))
