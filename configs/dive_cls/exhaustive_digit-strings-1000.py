# Diffusion Classifier on the 1,000 digit strings: the energies of all classes on the whole bank.
_base_ = ['./dive_digit-strings-1000.py']

model = dict(inverter=dict(_delete_=True, type='dive_mmdet.ExhaustiveEnumeration'))
test_dataloader = dict(batch_size=4)  # an image takes long, and finished ones are on disk
