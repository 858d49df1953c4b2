# Errors of epsilon at all timesteps alike, as published.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(objective=dict(low=0, high=1000))
