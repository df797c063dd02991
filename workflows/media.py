"""Definitions as YAML over HTTP (RFC 9512): the bare document, where JSON has an envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer

from workflows.documents import dumps_yaml

YAML = "application/yaml"


class YAMLParser(BaseParser):
    """Gives the text as it is; whoever asked for it reads it and reports where it is wrong."""

    media_type = YAML

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return str(stream.read(), "utf-8-sig")
        except UnicodeDecodeError:
            raise ParseError("The YAML is not UTF-8.") from None


class YAMLRenderer(BaseRenderer):
    """Writes the `definition` of an answer; a problem stays JSON."""

    media_type = YAML
    format = "yaml"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        context = renderer_context or {}
        if context["response"].exception:
            rendered: bytes = JSONRenderer().render(data)
            return rendered
        return dumps_yaml(data["definition"]).encode()
