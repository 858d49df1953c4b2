"""Prints what encode_text says of text and of files that it refuses, a line each: refused_text.py FOLDER."""
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

import helpers.record_pipelines as recorder
import helpers.tiny_pipeline as tiny
from helpers.converters import run

folder = Path(sys.argv[1])
tiny.save(dict(tokenizer=recorder.tokenizer(), text_encoder=recorder.text_encoder(32)), folder)
print(run('encode_text', folder, folder / 'out.pth', '--classes', 'a' * 80))
print(run('encode_text', folder, folder / 'out.pth', '--classes', 'cat', '--prompt', 'a photo'))
print(run('encode_text', folder, folder / 'out.pth', '--classes', 'cat', '--layout', 'an image with {}'))
for places, classes, prompt in ((9, 'a' * 70, 'with {}'), (9, 'cat', 'with {} in it'), (8, 'cat', 'with {}')):
    made = recorder.tokenizer()
    made.add_tokens([f'<l{place}>' for place in range(places)])
    made.save_pretrained(folder / 'places')
    print(run('encode_text', folder, folder / 'out.pth', '--classes', classes, '--layout', prompt, '--tokenizer',
              folder / 'places'))
path = folder / 'text_encoder/model.safetensors'
save_file({name: value for name, value in load_file(path).items() if 'final_layer_norm.weight' not in name}, path)
print(run('encode_text', folder, folder / 'out.pth', '--classes', 'cat'))
