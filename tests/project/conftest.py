from __future__ import annotations

import pytest

from ndestudio.project.project import Project
from tests.sample_project import full_project


@pytest.fixture
def project() -> Project:
    return full_project()
