# Moves of a found object are compared on the whole bank.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(polish_pairs=16))
