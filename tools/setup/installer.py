"""Packages by uv, or by pip where uv does not get through.

Only the standard library is used, and no syntax younger than Python 3.6.
"""
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, Optional

from stages import SetupError, Stages, isolated


def pip_settings(python: Path) -> str:
    """What `pip config list` prints."""
    return subprocess.run([str(python), '-m', 'pip', 'config', 'list'], env=isolated(os.environ), capture_output=True,
                          text=True).stdout


def check_pip(python: Path) -> None:
    """Refuse a pip configuration that sends packages elsewhere; the environment's share of it is dropped anyway."""
    settings = pip_settings(python)
    for name, value in re.findall(r"^(?:global|install)\.(target|prefix|root|user)='(.*)'$", settings, re.M):
        if value.lower() not in ('', '0', 'no', 'off', 'false'):
            raise SetupError(f'The pip configuration sets `{name} = {value}`, which leads out of the virtual '
                             f'environment: remove that line (`pip config debug` names the file).')


def uv_environment(pip_settings: str) -> Dict[str, str]:
    """What `pip config list` prints, as the variables by which uv takes the same: it reads no configuration of pip's.

    Versions are picked over all indexes, as pip does (uv's default stops at the first that knows a package). What the
    environment already says to uv stays.
    """
    found = {}  # type: Dict[str, str]
    for section in ('global', 'install', ':env:'):  # the later ones win, as in pip
        found.update(re.findall(rf"^{section}\.([a-z-]+)='(.*)'$", pip_settings, re.M))
    names = {'index-url': 'UV_DEFAULT_INDEX', 'extra-index-url': 'UV_INDEX', 'find-links': 'UV_FIND_LINKS',
             'cert': 'SSL_CERT_FILE', 'trusted-host': 'UV_INSECURE_HOST', 'constraint': 'UV_CONSTRAINT',
             'proxy': 'ALL_PROXY', 'default-timeout': 'UV_HTTP_TIMEOUT', 'timeout': 'UV_HTTP_TIMEOUT'}
    ours = {names[name]: ' '.join(value.replace('\\n', ' ').split()) for name, value in found.items() if name in names}
    ours['UV_FIND_LINKS'] = ours.get('UV_FIND_LINKS', '').replace(' ', ',')
    ours['UV_INDEX_STRATEGY'] = 'unsafe-best-match'
    return {name: value for name, value in ours.items() if value and name not in os.environ}


class Installer:
    """Installs packages with uv, which resolves and downloads side by side, or with pip where uv does not get through.

    Both take the same options; docs/install.md has what each takes.
    """

    def __init__(self, stages: Stages, python: Path, uv: str, cure: str):
        self.stages, self.python, self.uv, self.cure = stages, python, uv, cure
        self.environment = None  # type: Optional[Dict[str, str]]

    def prepare(self) -> None:
        """Put uv into the environment; without it, pip does all."""
        try:
            self.stages.run(*self._pip(), '--no-deps', f'uv=={self.uv}', cure=self.cure)
        except SetupError as error:
            return print(f'    pip installs, since uv could not be had: {error}', flush=True)
        self.environment = uv_environment(pip_settings(self.python))

    def install(self, *what, cure: Optional[str] = None) -> None:
        """`what` as pip's command line has it.

        Raises:
            SetupError: neither uv nor pip could.
        """
        if self.environment is not None:
            try:
                uv = [self.python, '-m', 'uv', 'pip', 'install', '--no-progress', '--python', self.python]
                return self.stages.run(*uv, *what, cure=self.cure, environment=self.environment)
            except SetupError as error:
                if 'disk filled up' in str(error):
                    raise
                print(f'    pip goes on, since uv did not get through: {error}', flush=True)
                self.environment = None
        self.stages.run(*self._pip(), *what, cure=cure or self.cure)

    def _pip(self) -> list:
        return [self.python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input']
