# Diffusion Classifier on the 1,000 digit strings in stages: fewer and fewer classes on more and more pairs.
_base_ = ['./dive_digit-strings-1000.py']

model = dict(inverter=dict(_delete_=True, type='dive_mmdet.AdaptiveEnumeration',
                           race=dict(pairs=[2, 4, 8], keep=[50, 10, 3])))
