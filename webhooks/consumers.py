"""What comes in at a test address, as it comes: over a WebSocket for its page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.template.loader import render_to_string

from executions import events, live
from executions.states import EXECUTION_ENDED
from tenants import consumers as door
from tenants import scope
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Permission
from webhooks import trial_receive, trials
from webhooks.models import TrialAddress
from webhooks.trials import Came

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MOST = trial_receive.KEPT * 2  # a page may still show what was forgotten meanwhile
_IDS = re.compile(rf"(?:{_UUID}(?:,{_UUID}){{0,{_MOST - 1}}})?")


@dataclass(frozen=True)
class News:
    """What one read found: all that is there now, and what of it the page does not show yet."""

    came: tuple[Came, ...]
    listening: bool
    html: str = ""

    @property
    def ended(self) -> bool:
        """Nothing more will follow."""
        return not self.listening and all(one.run in {None, *EXECUTION_ENDED} for one in self.came)

    def message(self) -> str:
        return json.dumps(
            {
                "requests": [str(one.id) for one in self.came],
                "listening": self.listening,
                "ended": self.ended,
                "html": self.html,
            }
        )


class TrialSocket(door.Socket):
    """`/ws/tests/<address>/?has=<request>,<request>`: for the page of a draft that listens.

    Each message is `{requests, listening, ended, html}`: the ids of all that is to be shown, the
    newest first, and as HTML the requests that are not in `has` and the headings of those whose
    run has moved. The first message comes at once, then one for each change; none is lost or
    doubled by connecting again, since what the page has is compared with what is in Postgres.
    Closes with 1000 once it listens no more and all runs have ended, and else as `door.Socket`
    does. Who may look is asked with every read.
    """

    permission = Permission.EDIT

    async def follow(self) -> None:
        address_id: UUID = self.scope["url_route"]["kwargs"]["address_id"]
        has = _shown(self.scope["query_string"].decode("latin-1"))
        find_tenant = partial(_tenant_of, address_id)
        user, needed = self.scope["user"], self.permission
        principal = await door.in_thread(door.member, user, find_tenant, needed)
        read = partial(_read, principal, self.scope["session"].session_key, address_id)
        told: News | None = None
        groups = trial_receive.group(address_id), events.access_group(principal.id)
        async with live.wakeups(*groups) as woken:
            while told is None or not told.ended:
                news = await door.in_tenant(principal.tenant_id, read, has, told)
                if told is None or (news.came, news.listening) != (told.came, told.listening):
                    await self.send(news.message())
                told, has = news, frozenset(one.id for one in news.came)
                runs = (events.group(one.run_id) for one in news.came if one.run_id)
                if not news.ended and not await woken.join(*runs):
                    await woken.wait()


def _shown(query: str) -> frozenset[UUID]:
    """The requests that the page shows already; raises Problem 400."""
    given = parse_qs(query).get("has", [""])[-1]
    if not _IDS.fullmatch(given):
        raise Problem(400, "shown", "Give the ids of the requests that you have, with commas.")
    return frozenset(UUID(one) for one in given.split(",") if one)


def _tenant_of(address_id: UUID) -> str | None:
    with scope.operator("a socket names a test address, not its tenant"):
        slugs = TrialAddress.objects.filter(id=address_id).values_list("tenant__slug", flat=True)
        return slugs.first()


def _read(
    principal: Principal,
    session_key: str | None,
    address_id: UUID,
    has: frozenset[UUID],
    told: News | None,
) -> News:
    principal = door.renewed_member(principal, session_key, TrialSocket.permission)
    address = TrialAddress.objects.filter(id=address_id).first()
    if address is None:
        raise Problem(404, "not-found", "Another test address has taken its place.")
    came = trials.came(address=address)
    before = () if told is None else told.came
    fresh = [one.id for one in came if one.id not in has]
    moved = [one.id for one in came if one.id in has and one not in before]
    context: dict[str, Any] = {
        "fresh": trials.requests(address=address).filter(id__in=fresh) if fresh else (),
        "moved": trials.headings(address=address).filter(id__in=moved) if moved else (),
        "tenant_slug": principal.tenant_slug,
    }
    html = render_to_string("webhooks/_came.html", context) if fresh or moved else ""
    return News(came, trials.is_listening(address), html)
