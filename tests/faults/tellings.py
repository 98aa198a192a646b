"""The calls that tell people, by each notifier that speaks HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from guardian.core.notices import Notice
from guardian.notifiers import email, eventbridge, pagerduty, slack, webhook
from guardian.ports import Notifier
from tests.faults.call import DONE, Asking, Call
from tests.faults.ground import HASTY_S, Ground
from tests.notifiers.samples import SECRET


def _sending(
    made: Callable[[Ground, bool], Notifier],
    arrived: Callable[[Ground, Notice], int],
    change: Mapping[str, Any] | None = None,
) -> Callable[[Ground, bool], Asking]:
    """A notice is told, and a success is that it arrived."""

    def begin(ground: Ground, hasty: bool) -> Asking:
        notifier = made(ground, hasty)
        notice = replace(ground.notice(), **(change or {}))
        before = arrived(ground, notice)

        def ask() -> str:
            notifier.send(notice, handle=None)
            assert arrived(ground, notice) > before
            return DONE

        return ask

    return begin


def _slack(ground: Ground, hasty: bool) -> Notifier:
    options = slack.Options(channel="#deployments", timeout_s=HASTY_S if hasty else 5.0)
    return slack.build(options, ground.context(hasty=hasty))


def _posted(ground: Ground, notice: Notice) -> int:
    del notice
    return len(ground.simulator.slack.messages)


def _followed(ground: Ground, hasty: bool) -> Asking:
    """The second notice of a rollout: the live message is changed, and a reply posted."""
    notifier, notice = _slack(ground, hasty), ground.notice()
    handle = _slack(ground, hasty=False).send(notice, handle=None)
    later = replace(notice, seq=notice.seq + 1)
    before = _posted(ground, notice)

    def ask() -> str:
        notifier.send(later, handle=handle)
        assert _posted(ground, notice) > before
        return DONE

    return ask


def _pager(ground: Ground, hasty: bool) -> Notifier:
    options = pagerduty.Options(timeout_s=HASTY_S if hasty else 5.0)
    return pagerduty.build(options, ground.context(hasty=hasty))


def _opened(ground: Ground, notice: Notice) -> int:
    return int(ground.opened(notice))


def _marked(ground: Ground, notice: Notice) -> int:
    del notice
    return ground.simulator.calls("pagerduty", "change")


def _resolved(ground: Ground, hasty: bool) -> Asking:
    """A page that is over: its incident is closed."""
    first = ground.notice()
    _pager(ground, hasty=False).send(first, handle=None)
    (key,) = (page.key for page in first.pages)
    over = replace(first, seq=first.seq + 1, pages=(), resolves=(key,))
    notifier = _pager(ground, hasty)

    def ask() -> str:
        notifier.send(over, handle=None)
        found = [i.status for i in ground.simulator.pagerduty.incidents if i.key == key]
        assert found == ["resolved"]
        return DONE

    return ask


def _webhook(ground: Ground, hasty: bool) -> Notifier:
    options = webhook.Options.model_validate(
        {
            "url": f"{ground.simulator.url}/hook",
            "secret": SECRET,
            "receipt": True,
            "allow_private": True,
            "allow_http": True,
            "timeout_s": HASTY_S if hasty else 5.0,
        }
    )
    return webhook.build(options, ground.context(hasty=hasty))


def _bus(ground: Ground, hasty: bool) -> Notifier:
    return eventbridge.build(eventbridge.Options(), ground.context(hasty=hasty))


def _ses(ground: Ground, hasty: bool) -> Notifier:
    options = email.Options(addresses=["oncall@example.com"], sender="guardian@example.com")
    return email.build(options, ground.context(hasty=hasty))


def _telling(name: str, service: str, operation: str, begin: Any) -> Call:
    return Call(name=name, service=service, operation=operation, begin=begin)


NOTIFIERS: Final = (
    _telling("Slack, a message", "slack", "chat.postMessage", _sending(_slack, _posted)),
    _telling("Slack, the change of a message", "slack", "chat.update", _followed),
    _telling("Slack, a reply", "slack", "chat.postMessage", _followed),
    _telling("PagerDuty, a page", "pagerduty", "enqueue", _sending(_pager, _opened)),
    _telling("PagerDuty, the end of a page", "pagerduty", "enqueue", _resolved),
    _telling("PagerDuty, a change beside a page", "pagerduty", "change", _sending(_pager, _opened)),
    _telling(
        "PagerDuty, a change", "pagerduty", "change", _sending(_pager, _marked, {"pages": ()})
    ),
    _telling("webhook", "webhook", "POST", _sending(_webhook, lambda g, _: len(g.hook.taken))),
    _telling("PutEvents", "events", "PutEvents", _sending(_bus, lambda g, _: len(g.bus.taken))),
    _telling("SendEmail", "ses", "SendEmail", _sending(_ses, lambda g, _: len(g.mail.taken))),
)
