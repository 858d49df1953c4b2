# The bank of 16 pairs that the search compares on has the last word too.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(final_pairs=0))
