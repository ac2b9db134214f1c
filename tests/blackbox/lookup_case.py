"""A backend that answers with the whole target, and the limits that lookups meet."""

import json

from harness import http

MAX_LINE = 1 << 20
MAX_RESPONSE = 1 << 20


def mirror(request):
    """Answers with the whole request target."""
    return http(json.dumps(request.target.decode()))
