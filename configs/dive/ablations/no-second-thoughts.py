# Growing and polishing alone.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(revisit=0))
