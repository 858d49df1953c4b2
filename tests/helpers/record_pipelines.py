"""Records what public pipelines compute, for tests that have no transformers: record_pipelines.py FOLDER.

`PYTHONPATH=text:tests:. python tests/helpers/record_pipelines.py tests/data/pipelines`, with transformers in `text`.
"""
import json
import string
import sys
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionGLIGENPipeline
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import helpers.tiny_pipeline as tiny
from helpers.converters import run

NAMES = ['cat', 'traffic light', 'dog']
BOXES = [[0.25, 0.125, 0.75, 0.5], [0.0, 0.5, 0.375, 1.0], [0.5, 0.0, 0.625, 0.25]]
LABELS = [1, 0, 1]
STEPS = 10
BETAS = (1.0, 0.3)
PROMPT = 'a photo of a {}.'
CHARACTERS = string.ascii_lowercase + string.digits + '.,<>'
WORDS = [*CHARACTERS, *(character + '</w>' for character in CHARACTERS), '<|startoftext|>', '<|endoftext|>']


def tokenizer():
    """Every letter is a token."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, merges = Path(folder) / 'vocab.json', Path(folder) / 'merges.txt'
        vocabulary.write_text(json.dumps({word: place for place, word in enumerate(WORDS)}))
        merges.write_text('#version: 0.2\n')
        return CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77)


def text_encoder(width):
    end = len(WORDS) - 1
    return tiny.filled(CLIPTextModel(CLIPTextConfig(
        hidden_size=width, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, vocab_size=len(WORDS),
        bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)))


def gligen_calls(made, beta):
    """What the UNet is asked while a pipeline draws, (STEPS, 2, c, h, w), and the embeddings of prompts, (3, 77, W)."""
    pipeline, calls = StableDiffusionGLIGENPipeline(**made, safety_checker=None, feature_extractor=None,
                                                    requires_safety_checker=False), []
    hook = made['unet'].register_forward_hook(lambda module, given, output: calls.append((*given, output.sample)))
    pipeline('', height=2 * tiny.SIDE, width=2 * tiny.SIDE, num_inference_steps=STEPS, output_type='latent',
             gligen_scheduled_sampling_beta=beta, gligen_boxes=BOXES, guidance_scale=7.5,
             gligen_phrases=[NAMES[label] for label in LABELS],
             latents=torch.randn(1, 4, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(3)))
    hook.remove()
    prompts = pipeline.encode_prompt([PROMPT.replace('{}', name) for name in NAMES], 'cpu', 1, False)[0]
    inputs, steps, outputs = (torch.stack(each) for each in zip(*calls))
    return dict(inputs=inputs, steps=steps, outputs=outputs, prompts=prompts)


def record(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, settings in tiny.KINDS.items():
        made = dict(tiny.parts(**settings), tokenizer=tokenizer(), text_encoder=text_encoder(settings['width']))
        with tempfile.TemporaryDirectory() as pipeline:
            tiny.save(made, Path(pipeline))
            said = run('encode_text', pipeline, folder / f'{kind}_text.pth', '--classes', ','.join(NAMES), '--prompt',
                       PROMPT)
        assert said == '', said
        torch.save({str(beta): gligen_calls(made, beta) for beta in BETAS}, folder / f'{kind}_calls.pth')


if __name__ == '__main__':
    record(Path(sys.argv[1]))
