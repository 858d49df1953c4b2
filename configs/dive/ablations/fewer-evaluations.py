# A search of about half the evaluations.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(hypotheses=3, polish_pairs=4))
