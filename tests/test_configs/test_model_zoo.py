"""The model zoo against the files it names."""
import hashlib
from pathlib import Path

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
ZOO = {path: yaml.safe_load((ROOT / path).read_text()) for path in INDEX}
MODELS = [model for content in ZOO.values() for model in content['Models']]


def test_every_folder_of_configs_has_a_readme_and_every_metafile_is_listed():
    folders = {path.parent for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts}
    assert all((folder / 'README.md').is_file() for folder in folders if folder.name != 'ablations')
    assert {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('metafile.yml')} == set(INDEX)


def test_names_are_unique_and_collections_exist():
    names = [model['Name'] for model in MODELS]
    collections = [each['Name'] for content in ZOO.values() for each in content.get('Collections', [])]
    assert len(set(names)) == len(names) and {model['In Collection'] for model in MODELS} == set(collections)
    assert all((ROOT / each['README']).is_file() for content in ZOO.values()
               for each in content.get('Collections', []))


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_what_a_model_names_is_there(model):
    """Weights of others are not: their checksum says so until somebody has measured it."""
    assert (ROOT / model['Config']).stem == model['Name'] and (ROOT / model['Config']).is_file()
    if model['Weights'].startswith('https://'):
        assert model['Metadata']['SHA256'] == 'not measured'
        return
    weights = ROOT / model['Weights']
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == model['Metadata']['SHA256']
    if 'Parameters' in model['Metadata'] and model['In Collection'] == 'DIVE':
        state = torch.load(weights, weights_only=True)['state_dict']
        assert sum(value.numel() for name, value in state.items() if name.startswith('backbone.')) == model[
            'Metadata']['Parameters']
