"""The IR of every example, read by KFP's own strict reader."""

import warnings
from pathlib import Path

import pytest
import yaml

from kernelpipe import api
from kernelpipe.backends.kfp import validate_ir

EXAMPLES = sorted((Path(__file__).parents[4] / "example_notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_compile_notebook__example__is_a_pipeline_spec(path: Path) -> None:
    """Every field is one of KFP's, and nothing is lost on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2

    text = api.compile_notebook(path)
    spec, *platforms = yaml.safe_load_all(text)

    assert validate_ir(text) == ()
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    for platform in platforms:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
