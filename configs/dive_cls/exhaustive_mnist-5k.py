# Diffusion Classifier on MNIST-5k: the energies of all classes on the whole bank.
_base_ = ['./dive_mnist-5k.py']

model = dict(inverter=dict(_delete_=True, type='dive_mmdet.ExhaustiveEnumeration'))
