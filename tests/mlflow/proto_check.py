"""Reads what travels between a stock client and the server with the client's own protobuf classes.

Runs in the client's environment, never in noria's. What it notes goes to a file, one JSON line a message, so that a
process that is killed leaves its notes behind.
"""

import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests
from google.protobuf.json_format import ParseDict, ParseError
from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS
from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2, service_pb2

import mlflow

# What is new in a later generation: the older client passes over it, as protobuf means it to.
FUTURE = () if int(mlflow.__version__.split(".")[0]) >= 3 else ("outputs", "model_id")
SERVICES = (
    service_pb2.MlflowService,
    model_registry_pb2.ModelRegistryService,
    mlflow_artifacts_pb2.MlflowArtifactsService,
)
FILES = re.compile(r"/api/2\.0/mlflow-artifacts/artifacts/.")


def endpoints():
    """List (method, pattern of the path, class of the request, class of the answer) for every route of the client."""
    found = []
    for service in SERVICES:
        for method in service.DESCRIPTOR.methods:
            asked, answered = service().GetRequestClass(method), service().GetResponseClass(method)
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                # What a route is "since" says nothing of its prefix: the client asks most of them beneath 2.0.
                path = re.escape(re.sub(r"<[^>]+>|\{[^}]+\}", "\0", endpoint.path)).replace(re.escape("\0"), "[^/]+")
                pattern = rf"/api/[23]\.0{path}"
                found.append((endpoint.method, re.compile(pattern), asked, answered))
    # A pattern with names also fits the paths of others: those without come first.
    return sorted(found, key=lambda row: row[1].pattern.count("[^/]+"))


ENDPOINTS = endpoints()


def find(method, path):
    """Give the classes for a request, or None when the client has no message for it (a file, a trace)."""
    for verb, pattern, asked, answered in ENDPOINTS:
        if verb == method and pattern.fullmatch(path):
            return asked, answered
    return None


def as_message(pairs, kind):
    """Give query parameters in the form of a JSON request."""
    body = {}
    for name, value in pairs:
        field = kind.DESCRIPTOR.fields_by_name.get(name)
        # `is_repeated` is new and `label` is going: both clients must do.
        many = field is not None and (field.is_repeated if hasattr(field, "is_repeated") else field.label == 3)
        if field is not None and field.type == field.TYPE_BOOL:
            value = {"true": True, "false": False}.get(value.lower(), value)
        if many:
            body.setdefault(name, []).append(value)
        else:
            body[name] = value
    return body


def faults(prepared, answer):
    """Say what is wrong with an answer, or with how we understand the request."""
    parts = urlsplit(prepared.url)
    if FILES.match(parts.path) or ("/mlflow-artifacts/" not in parts.path and "/mlflow/" not in parts.path):
        return
    try:
        told = json.loads(answer.text)
    except ValueError:
        yield f"answered no JSON: {answer.text[:200]}"
        return
    if answer.status_code >= 500:
        yield f"answered {answer.status_code}: {answer.text[:500]}"
    if answer.status_code != 200:
        code = told.get("error_code")
        if ERROR_CODE_TO_HTTP_STATUS.get(code) != answer.status_code:
            yield f"{code} does not go with status {answer.status_code}"
        if not isinstance(told.get("message"), str) or not told["message"]:
            yield f"an error without a message: {told}"
        return
    kinds = find(prepared.method, parts.path)
    if kinds is None:
        if "server-info" not in parts.path:
            yield "the client has no message for this route"
        return
    asked, answered = kinds
    query = as_message(parse_qsl(parts.query, keep_blank_values=True), asked)
    body = json.loads(prepared.body) if prepared.body else {}
    told = without(told, FUTURE)
    for what, said, kind in (("request", {**query, **body}, asked), ("answer", told, answered)):
        try:
            ParseDict(said, kind(), ignore_unknown_fields=False)
        except ParseError as error:
            yield f"{what}: {error}: {json.dumps(said)[:500]}"
    yield from untrue_forms(told, answered.DESCRIPTOR)


def without(told, names):
    """Leave fields out, at any depth."""
    if isinstance(told, list):
        return [without(one, names) for one in told]
    if isinstance(told, dict):
        return {name: without(value, names) for name, value in told.items() if name not in names}
    return told


def untrue_forms(told, kind, where=""):
    """Name what protobuf would forgive: wide integers as text, names in camelCase, empty lists, nulls."""
    for name, value in told.items():
        field = kind.fields_by_name.get(name)
        if field is None:
            yield f"answer: no field is called {where}{name}"
        elif value is None or value == []:
            yield f"answer: {where}{name} is {value} and should have been left out"
        elif field.type in (field.TYPE_INT64, field.TYPE_INT32):
            if type(value) is not int:
                yield f"answer: {where}{name} is {value!r}, not a JSON number"
        elif field.message_type is not None:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from untrue_forms(one, field.message_type, f"{where}{name}.")


def watch(notes: Path) -> None:
    """Note every exchange of this process from now on."""
    send = requests.Session.send

    def noted(session, prepared, **options):
        answer = send(session, prepared, **options)
        line = {"method": prepared.method, "path": urlsplit(prepared.url).path, "status": answer.status_code}
        line["faults"] = list(faults(prepared, answer))
        text = json.dumps(line) + "\n"
        descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
        return answer

    requests.Session.send = noted
