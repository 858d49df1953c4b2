"""What the documentation names is there: pages, links, files, commands and their options."""
import argparse
import re
import runpy
import shlex
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md')), *sorted((ROOT / 'configs').rglob('*.md')),
         *sorted((ROOT / 'weights').glob('*.md'))]
COMMAND = re.compile(r'python3?(?:\.\d+)? ((?:tools|demo|benchmarks)/.*)')
FILE = re.compile(r'(?<![\w./-])(?:benchmarks|configs|demo|dive_mmdet|docs|tests|tools)/[\w./-]+\.(?:py|sh|md|ipynb)\b')


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def links(page: Path) -> list[tuple[Path, str]]:
    """Files and anchors that a page links to, those of the web left out."""
    found = re.findall(r'\]\(([^)\s#]*)(?:#([^)\s]*))?\)', page.read_text())
    return [((page.parent / path).resolve() if path else page, anchor) for path, anchor in found if '://' not in path]


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
            for heading in re.findall(r'^#+ (.*)$', page.read_text(), re.MULTILINE)}


def commands(page: Path) -> list[str]:
    """Calls of the project's programs, in blocks and within sentences."""
    text = page.read_text().replace('\\\n', ' ')
    blocks = [line for line in text.splitlines() if line.startswith('    ')]
    sentences = [' '.join(code.split()) for code in re.findall(r'`(python [^`]*)`', text)]
    return [match.group(1).strip() for line in [*blocks, *sentences] if (match := COMMAND.search(line))]


class Asked(BaseException):
    """Ends a program when it parses its arguments."""


@lru_cache(maxsize=None)
def parser_of(program: Path) -> argparse.ArgumentParser:
    """The parser that a program makes; an empty one where it makes none."""
    if 'ArgumentParser' not in program.read_text():
        return argparse.ArgumentParser()

    def ask(parser, *_):
        raise Asked(parser)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', ask)
        patch.setattr(sys, 'argv', [str(program)])
        patch.setattr(sys, 'path', [*sys.path])
        with pytest.raises(Asked) as asked:
            runpy.run_path(str(program), run_name='__main__')
    return asked.value.args[0]


def program_of(path: str, config: Config) -> Path:
    """The file whose arguments count: of `train.py` and `test.py` the framework's, see `tools/_delegate.py`."""
    if path not in ('tools/train.py', 'tools/test.py'):
        return ROOT / path
    framework = import_module(config.get('default_scope', 'mmdet'))
    return Path(framework.__file__).parent / '.mim' / path


def holder(config, key: str):
    """What holds an option of `--cfg-options`; KeyError where nothing does."""
    for part in key.split('.')[:-1]:
        config = config[int(part) if isinstance(config, (list, tuple)) else part]
    return config


def test_every_page_is_reached_from_the_readme():
    reached, ahead = set(), {ROOT / 'README.md'}
    while ahead:
        page = ahead.pop()
        reached.add(page)
        ahead |= {path for path, _ in links(page) if path.suffix == '.md' and path.is_file()} - reached
    assert [name_of(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links_resolve(page):
    missing = [str(path) for path, _ in links(page) if not path.exists()]
    missing += [f'{path}#{anchor}' for path, anchor in links(page)
                if anchor and path.suffix == '.md' and path.is_file() and anchor not in anchors(path)]
    assert missing == []


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_named_files_are_there(page):
    """Of names that stand for several files, `..._x.py` and `x-*.py`, nothing is asked."""
    assert sorted({path for path in FILE.findall(page.read_text()) if not (ROOT / path).exists()}) == []


@pytest.mark.parametrize('page, command', [pytest.param(page, command, id=f'{name_of(page)}-{number}')
                                           for page in PAGES for number, command in enumerate(commands(page))])
def test_commands_are_understood(page, command, capsys):
    program, *arguments = shlex.split(re.sub(r'\$\{?\w+\}?', '1', command), comments=True)
    assert (ROOT / program).is_file(), program
    named = next((word for word in arguments if word.startswith('configs/') and word.endswith('.py')), None)
    config = Config.fromfile(ROOT / named) if named else Config()
    if program == 'tools/test.py':  # which takes it itself
        arguments = [argument for argument in arguments if argument != '--resume']
    try:
        options = parser_of(program_of(program, config)).parse_args(arguments)
    except SystemExit:
        pytest.fail(f'{command}: {capsys.readouterr().err}')
    for key in getattr(options, 'cfg_options', None) or {} if named else ():
        assert isinstance(holder(config, key), (dict, list)), key


def test_a_wrong_option_is_noticed():
    with pytest.raises(SystemExit):
        parser_of(ROOT / 'demo/detect.py').parse_args(['--count', '3'])
    with pytest.raises(KeyError):
        holder(dict(model=dict(inverter=dict())), 'model.hooks.0.inverter')
