"""What the stand-in keeps, and its operations on it."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfp_server import crons, pipelines, runs
from kfp_server.behaviour import Behaviour
from kfp_server.listing import page
from kfp_server.nodes import timestamp
from kfp_server.refusals import Code, RefusalError, invalid, not_found

JSON = dict[str, Any]
Operation = Callable[[Mapping[str, str], Mapping[str, str], JSON], JSON]

_MOST_CONCURRENT = 10


class Service:
    """Experiments, pipelines, runs and recurring runs; every method is called under one lock."""

    def __init__(self, directory: Path, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.lock = threading.RLock()
        self.experiments: dict[str, JSON] = {}
        self.recurring: dict[str, JSON] = {}
        self.pipelines = pipelines.Pipelines()
        self.runs = runs.Runs(directory, behaviour)
        self._add_experiment({"display_name": "Default"})
        self.operations: dict[str, Operation] = {
            "healthz_service_get_healthz": self._healthz,
            "experiment_service_create_experiment": self._create_experiment,
            "experiment_service_get_experiment": self._get_experiment,
            "experiment_service_list_experiments": self._list_experiments,
            "experiment_service_archive_experiment": self._archive("experiment", "ARCHIVED"),
            "experiment_service_unarchive_experiment": self._archive("experiment", "AVAILABLE"),
            "experiment_service_delete_experiment": self._delete_experiment,
            "run_service_create_run": self._create_run,
            "run_service_get_run": lambda path, _query, _body: self.runs.document(path["run_id"]),
            "run_service_list_runs": self._list_runs,
            "run_service_terminate_run": lambda path, _q, _b: self.runs.terminate(path["run_id"]),
            "run_service_retry_run": lambda path, _q, _b: self.runs.retry(path["run_id"]),
            "run_service_archive_run": self._archive("run", "ARCHIVED"),
            "run_service_unarchive_run": self._archive("run", "AVAILABLE"),
            "run_service_delete_run": lambda path, _q, _b: self.runs.delete(path["run_id"]),
            "recurring_run_service_create_recurring_run": self._create_recurring,
            "recurring_run_service_get_recurring_run": self._get_recurring,
            "recurring_run_service_list_recurring_runs": self._list_recurring,
            "recurring_run_service_enable_recurring_run": self._switch("ENABLE", "ENABLED"),
            "recurring_run_service_disable_recurring_run": self._switch("DISABLE", "DISABLED"),
            "recurring_run_service_delete_recurring_run": self._delete_recurring,
            **self.pipelines.operations(),
        }

    def close(self) -> None:
        """Stop everything that runs."""
        self.runs.close()

    def fire(self, recurring_run_id: str) -> str:
        """Do what the scheduler does when a schedule is due; return the id of the new run."""
        with self.lock:
            found = self._recurring(recurring_run_id)
            created = self.runs.create(
                {
                    "display_name": f"{found['display_name']}-{len(self.runs.all()) + 1}",
                    "experiment_id": found["experiment_id"],
                    "runtime_config": found.get("runtime_config", {}),
                    "recurring_run_id": recurring_run_id,
                },
                self._spec(found),
            )
        return str(created["run_id"])

    def _healthz(self, _path: object, _query: object, _body: object) -> JSON:
        return {"multi_user": True} if self.behaviour.is_multi_user else {}

    def _create_experiment(self, _path: object, _query: object, body: JSON) -> JSON:
        self._ask_for_namespace(body)
        names = {
            (each["display_name"], each.get("namespace", "")) for each in self.experiments.values()
        }
        name = body["display_name"]
        if (name, body.get("namespace", "")) in names:
            raise RefusalError(
                Code.ALREADY_EXISTS,
                f"Already exist error: The name {name} already exist. Please specify a new name",
            )
        return self._add_experiment(body)

    def _add_experiment(self, body: Mapping[str, Any]) -> JSON:
        given = {name: value for name, value in body.items() if value not in (None, "")}
        created = {
            **given,
            "experiment_id": str(uuid.uuid4()),
            "created_at": timestamp(time.time()),
            "storage_state": "AVAILABLE",
        }
        self.experiments[created["experiment_id"]] = created
        return created

    def _get_experiment(self, path: Mapping[str, str], _query: object, _body: object) -> JSON:
        return self._experiment(path["experiment_id"])

    def _experiment(self, name: str) -> JSON:
        if name not in self.experiments:
            raise not_found("Experiment", name)
        return self.experiments[name]

    def _list_experiments(self, _path: object, query: Mapping[str, str], _body: object) -> JSON:
        self._ask_for_namespace(query)
        namespace = query.get("namespace", "")
        found = [
            each
            for each in self.experiments.values()
            if not namespace or each.get("namespace", "") == namespace
        ]
        return page(found, query, "experiments")

    def _delete_experiment(self, path: Mapping[str, str], _query: object, _body: object) -> JSON:
        self._experiment(path["experiment_id"])
        del self.experiments[path["experiment_id"]]
        return {}

    def _create_run(self, _path: object, query: Mapping[str, str], body: JSON) -> JSON:
        return self.runs.create(self._placed(body, query), self._spec(body))

    def _list_runs(self, _path: object, query: Mapping[str, str], _body: object) -> JSON:
        if "experiment_id" not in query:
            self._ask_for_namespace(query)
        chosen = self._in_place(query)
        return page([each for each in self.runs.all() if chosen(each)], query, "runs")

    def _create_recurring(self, _path: object, _query: object, body: JSON) -> JSON:
        concurrency = int(body["max_concurrency"])
        if not 1 <= concurrency <= _MOST_CONCURRENT:
            raise invalid(
                "Max concurrency of a recurring run must be at leas 1 and at most 10. "
                f"Received {concurrency}"
            )
        _check_trigger(body.get("trigger") or {})
        runs.parsed_spec(self._spec(body))
        is_enabled = body.get("mode") == "ENABLE"
        now = timestamp(time.time())
        created: JSON = {
            **self._placed(body, {}),
            "recurring_run_id": str(uuid.uuid4()),
            "max_concurrency": str(concurrency),
            "created_at": now,
            "updated_at": now,
            "status": "ENABLED" if is_enabled else "DISABLED",
        }
        self.recurring[created["recurring_run_id"]] = created
        return created

    def _recurring(self, name: str) -> JSON:
        if name not in self.recurring:
            raise not_found("RecurringRun", name)
        return self.recurring[name]

    def _get_recurring(self, path: Mapping[str, str], _query: object, _body: object) -> JSON:
        return self._recurring(path["recurring_run_id"])

    def _list_recurring(self, _path: object, query: Mapping[str, str], _body: object) -> JSON:
        chosen = self._in_place(query)
        found = [each for each in self.recurring.values() if chosen(each)]
        return page(found, query, "recurringRuns")

    def _switch(self, mode: str, status: str) -> Operation:
        def switched(path: Mapping[str, str], _query: object, _body: object) -> JSON:
            found = self._recurring(path["recurring_run_id"])
            found |= {"mode": mode, "status": status, "updated_at": timestamp(time.time())}
            return {}

        return switched

    def _delete_recurring(self, path: Mapping[str, str], _query: object, _body: object) -> JSON:
        self._recurring(path["recurring_run_id"])
        del self.recurring[path["recurring_run_id"]]
        return {}

    def _archive(self, kind: str, state: str) -> Operation:
        def archived(path: Mapping[str, str], _query: object, _body: object) -> JSON:
            if kind == "run":
                self.runs.stored(path["run_id"])["storage_state"] = state
            else:
                self._experiment(path["experiment_id"])["storage_state"] = state
            return {}

        return archived

    def _ask_for_namespace(self, given: Mapping[str, Any]) -> None:
        if self.behaviour.is_multi_user and not given.get("namespace"):
            raise invalid("In multi-user mode, namespace must not be empty")

    def _placed(self, body: JSON, query: Mapping[str, str]) -> JSON:
        """Return the body with an experiment, the default one unless it names another."""
        name = body.get("experiment_id") or query.get("experiment_id")
        chosen = self._experiment(name) if name else next(iter(self.experiments.values()))
        given = {key: value for key, value in body.items() if value is not None}
        namespace = chosen.get("namespace", "")
        return given | {"experiment_id": chosen["experiment_id"], "namespace": namespace}

    def _in_place(self, query: Mapping[str, str]) -> Callable[[JSON], bool]:
        experiment, namespace = query.get("experiment_id"), query.get("namespace")
        if experiment:
            return lambda each: bool(each["experiment_id"] == experiment)
        if namespace:
            experiments = self.experiments
            return lambda each: bool(
                experiments.get(each["experiment_id"], {}).get("namespace") == namespace
            )
        return lambda _each: True

    def _spec(self, body: JSON) -> JSON:
        """Return the pipeline spec that a body holds or refers to."""
        if body.get("pipeline_spec"):
            return dict(body["pipeline_spec"])
        reference = body.get("pipeline_version_reference")
        if not reference:
            raise invalid("Either pipeline_spec or pipeline_version_reference is required")
        return self.pipelines.spec(reference)


def _check_trigger(trigger: JSON) -> None:
    cron = trigger.get("cron_schedule")
    periodic = trigger.get("periodic_schedule")
    if bool(cron) == bool(periodic):
        raise invalid(
            "A trigger is either a cron schedule or a periodic schedule: " + json.dumps(trigger)
        )
    if cron:
        crons.parse(cron.get("cron", ""))
    elif int(periodic.get("interval_second", 0)) < 1:
        raise invalid("Found invalid period schedule interval. Set at interval to least 1 second")
