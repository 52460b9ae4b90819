"""Uploaded pipelines and their versions."""

import email.parser
import email.policy
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from kfp_server.listing import page
from kfp_server.nodes import timestamp
from kfp_server.refusals import Code, RefusalError, invalid, not_found

JSON = dict[str, Any]


class Pipelines:
    """Pipelines by id, with their versions."""

    def __init__(self) -> None:
        self._pipelines: dict[str, JSON] = {}
        self._versions: dict[str, JSON] = {}

    def operations(self) -> dict[str, Callable[[Mapping[str, str], Mapping[str, str], JSON], JSON]]:
        """Return operation name -> what carries it out."""
        return {
            "pipeline_service_create_pipeline": lambda _p, _q, body: self._create(body),
            "pipeline_service_get_pipeline": lambda path, _q, _b: self._pipeline(
                path["pipeline_id"]
            ),
            "pipeline_service_list_pipelines": self._list,
            "pipeline_service_delete_pipeline": self._delete,
            "pipeline_service_create_pipeline_version": self._create_version,
            "pipeline_service_get_pipeline_version": lambda path, _q, _b: self._version(path),
            "pipeline_service_list_pipeline_versions": self._list_versions,
            "pipeline_service_delete_pipeline_version": self._delete_version,
            "upload_pipeline": self._upload,
            "upload_pipeline_version": self._upload_version,
        }

    def spec(self, reference: Mapping[str, str]) -> JSON:
        """Return the spec of the version that a run refers to."""
        return dict(self._version(reference)["pipeline_spec"])

    def _create(self, body: JSON) -> JSON:
        if body["display_name"] in {each["display_name"] for each in self._pipelines.values()}:
            name = body["display_name"]
            raise RefusalError(
                Code.ALREADY_EXISTS, f"Already exist error: The name {name} already exist"
            )
        created = {
            **{name: value for name, value in body.items() if value},
            "pipeline_id": str(uuid.uuid4()),
            "created_at": timestamp(time.time()),
        }
        self._pipelines[created["pipeline_id"]] = created
        return created

    def _pipeline(self, name: str) -> JSON:
        if name not in self._pipelines:
            raise not_found("Pipeline", name)
        return self._pipelines[name]

    def _list(self, _path: object, query: Mapping[str, str], _body: object) -> JSON:
        return page(list(self._pipelines.values()), query, "pipelines")

    def _delete(self, path: Mapping[str, str], query: Mapping[str, str], _body: object) -> JSON:
        pipeline_id = self._pipeline(path["pipeline_id"])["pipeline_id"]
        own = [k for k, each in self._versions.items() if each["pipeline_id"] == pipeline_id]
        if own and query.get("cascade", "").lower() != "true":
            raise RefusalError(Code.FAILED_PRECONDITION, f"pipeline {pipeline_id} has versions")
        for version in own:
            del self._versions[version]
        del self._pipelines[pipeline_id]
        return {}

    def _create_version(self, path: Mapping[str, str], _query: object, body: JSON) -> JSON:
        return self._add_version(path["pipeline_id"], body)

    def _add_version(self, pipeline_id: str, body: Mapping[str, Any]) -> JSON:
        created = {
            **{name: value for name, value in body.items() if value},
            "pipeline_id": self._pipeline(pipeline_id)["pipeline_id"],
            "pipeline_version_id": str(uuid.uuid4()),
            "created_at": timestamp(time.time()),
        }
        self._versions[created["pipeline_version_id"]] = created
        return created

    def _version(self, path: Mapping[str, str]) -> JSON:
        self._pipeline(path["pipeline_id"])
        name = path["pipeline_version_id"]
        if name not in self._versions:
            raise not_found("PipelineVersion", name)
        return self._versions[name]

    def _list_versions(
        self, path: Mapping[str, str], query: Mapping[str, str], _body: object
    ) -> JSON:
        pipeline_id = self._pipeline(path["pipeline_id"])["pipeline_id"]
        own = [each for each in self._versions.values() if each["pipeline_id"] == pipeline_id]
        return page(own, query, "pipeline_versions")

    def _delete_version(self, path: Mapping[str, str], _query: object, _body: object) -> JSON:
        del self._versions[self._version(path)["pipeline_version_id"]]
        return {}

    def _upload(self, _path: object, query: Mapping[str, str], body: JSON) -> JSON:
        spec = _spec_of(body)
        name = query.get("name") or spec["pipelineInfo"]["name"]
        created = self._create({"display_name": name, "description": query.get("description")})
        self._add_version(created["pipeline_id"], {"display_name": name, "pipeline_spec": spec})
        return created

    def _upload_version(self, _path: object, query: Mapping[str, str], body: JSON) -> JSON:
        if "pipelineid" not in query:
            raise invalid("pipelineid is required")
        spec = _spec_of(body)
        name = query.get("name") or spec["pipelineInfo"]["name"]
        facts = {"display_name": name, "pipeline_spec": spec}
        return self._add_version(query["pipelineid"], facts)


def uploaded_file(content_type: str, content: bytes) -> JSON:
    """Return the body of an upload as {"uploadfile": its text}."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    for part in parser.parsebytes(head + content).iter_parts():  # type: ignore[attr-defined]
        if part.get_param("name", header="content-disposition") == "uploadfile":
            return {"uploadfile": part.get_payload(decode=True).decode()}
    raise invalid("the form has no file 'uploadfile'")


def _spec_of(body: JSON) -> JSON:
    try:
        documents = list(yaml.safe_load_all(body["uploadfile"]))
    except yaml.YAMLError as error:
        raise invalid(f"the file is not YAML: {error}") from error
    if not documents or not isinstance(documents[0], dict):
        raise invalid("the file holds no pipeline")
    return dict(documents[0])
