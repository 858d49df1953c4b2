# The likelihood alone.
_base_ = ['../dive_digit-scenes.py']

model = dict(prior_weight=0.0)
