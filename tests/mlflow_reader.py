"""Reads MLflow stores, as a program: a line with URI and experiment in, a line of JSON out."""

import json
import os
import sys
import warnings

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
warnings.simplefilter("ignore")

import mlflow  # noqa: E402 - after what it looks at


def read(uri: str, experiment: str) -> dict[str, object]:
    """Return the runs of an experiment by name, and all model versions."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    runs = [] if found is None else client.search_runs([found.experiment_id], max_results=1000)
    return {
        "runs": [
            {
                "id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "start": run.info.start_time,
                "end": run.info.end_time,
                "tags": dict(run.data.tags),
                "params": dict(run.data.params),
                "metrics": dict(run.data.metrics),
                "history": {
                    name: [
                        [m.step, m.value] for m in client.get_metric_history(run.info.run_id, name)
                    ]
                    for name in run.data.metrics
                },
                "inputs": sorted(
                    [i.dataset.name, i.dataset.digest, json.loads(i.dataset.source).get("uri", "")]
                    for i in run.inputs.dataset_inputs
                ),
                "artifacts": sorted(
                    file.path for file in client.list_artifacts(run.info.run_id) if not file.is_dir
                ),
            }
            for run in runs
        ],
        "models": [
            {
                "name": version.name,
                "version": str(version.version),
                "run": version.run_id,
                "signature": _signature(version.name, str(version.version), uri),
            }
            for version in client.search_model_versions()
        ],
    }


def _signature(name: str, version: str, uri: str) -> list[str] | None:
    """Return the columns that a registered model takes; it must predict from them, too."""
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
    signature = model.metadata.signature
    return None if signature is None else signature.inputs.input_names()


for line in sys.stdin:
    sys.stdout.write(json.dumps(read(*json.loads(line))) + "\n")
    sys.stdout.flush()
