"""The desk's part about charge windows: list, add, import, except, remove.

A wish is checked, handed to the store, then told to the core; who wished it is on the audit log.
"""

from datetime import date

import msgspec

from edge.model.flow import StaysForgotten, WindowRemoved, WindowSet
from edge.model.site import Window
from edge.shell import words
from edge.shell.answers import DeskError, ForgottenStatus, UnknownError, WindowPreview, WindowStatus
from edge.shell.deskbase import DeskBase
from edge.shell.windows import WindowWish, charger_of, checked, note

EXCEPTIONS_MAX = 400


class WindowDesk(DeskBase):
    """What is asked and wished of charge windows."""

    def windows(self) -> list[WindowStatus]:
        """Return all charge windows: those of the site file, then the operator's."""
        return [self._window(w) for w in self._all_windows()]

    def windows_as_set(self) -> list[Window]:
        """Return all charge windows as the core has them."""
        return self._all_windows()

    def window_add(self, wish: WindowWish, who: str) -> WindowStatus:
        """Add a charge window, or replace the operator's window of that id.  Raises DeskError."""
        with self._audited(who, f"window for {wish.charger}"):
            window = checked(wish, self.site, self._all_windows())
            self._store.window_set(window)
            self._say(WindowSet(self._now_ms(), window))
        return self._window(window)

    def window_import(
        self, wishes: list[tuple[int, WindowWish]], who: str, apply: bool
    ) -> list[WindowPreview]:
        """Return what would become of windows of a file; with `apply`, and none refused, add them all."""
        known = {w.id: w for w in self._all_windows()}
        found: list[WindowPreview] = []
        new: list[Window] = []
        for line, wish in wishes:
            try:
                window = checked(wish, self.site, known.values())
            except DeskError as error:
                found.append(WindowPreview(line, "refused", wish.charger, error=str(error)))
                continue
            what = "replaced" if window.id in known else "added"
            known[window.id] = window
            new.append(window)
            found.append(WindowPreview(line, what, words.window(window)))
        notes = iter(note(window, self.site, known.values()) for window in new)
        found = [each if each.error else msgspec.structs.replace(each, note=next(notes)) for each in found]
        if apply and not any(each.error for each in found):
            with self._audited(who, f"{len(new)} windows imported"):
                for window in new:
                    self._store.window_set(window)
                    self._say(WindowSet(self._now_ms(), window))
        return found

    def window_remove(self, window_id: str, who: str) -> WindowStatus:
        """Remove a charge window of the operator and return it.  Raises DeskError."""
        with self._audited(who, f"window {window_id} removed"):
            window = self._operators(window_id)
            self._store.window_remove(window_id)
            self._say(WindowRemoved(self._now_ms(), window_id))
        return self._window(window)

    def window_except(self, window_id: str, dates: list[str], who: str, back: bool) -> WindowStatus:
        """Let a window not hold on some days (ISO dates), or hold again.  Raises DeskError."""
        days = {_day(each) for each in dates}
        with self._audited(who, f"window {window_id} {'again' if back else 'not'} on {', '.join(dates)}"):
            window = self._operators(window_id)
            kept = set(window.not_on) - days if back else set(window.not_on) | days
            if len(kept) > EXCEPTIONS_MAX:
                raise DeskError(f"dates: {len(kept)} exceptions: expected up to {EXCEPTIONS_MAX}")
            window = msgspec.structs.replace(window, not_on=tuple(sorted(kept)))
            self._store.window_set(window)
            self._say(WindowSet(self._now_ms(), window))
        return self._window(window)

    def window_forget(self, charger: str, who: str) -> ForgottenStatus:
        """Have the stays of a bay forgotten, so that nothing is learned from them.  Raises DeskError."""
        with self._audited(who, f"stays at {charger} forgotten"):
            charger_of(self.site, charger)
            self._say(StaysForgotten(self._now_ms(), self._wall_ms(), charger))
        return ForgottenStatus(charger, self._wall_ms())

    def _operators(self, window_id: str) -> Window:
        """Return a window that people may change here.  Raises DeskError."""
        known = {w.id: w for w in self._all_windows()}
        window = known.get(window_id)
        if window is None:
            ids = ", ".join(known) or "(there are none)"
            raise UnknownError(f"id: there is no window {window_id!r}; expected one of {ids}")
        if window.source == "site":
            raise DeskError(f"id: window {window_id} stands in the site file; change it there and restart")
        return window

    def _all_windows(self) -> list[Window]:
        return [*self.site.windows, *self._store.windows()]

    def _window(self, w: Window) -> WindowStatus:
        return WindowStatus(
            id=w.id,
            charger=w.charger or w.group or w.vehicle,
            days=list(w.days),
            from_time=words.minutes(w.from_min),
            ready_by=words.minutes(w.ready_by_min),
            need_wh=w.need_wh,
            priority=w.priority,
            vehicle=w.vehicle,
            source=w.source,
            note=note(w, self.site, self._all_windows()),
            words=words.window(w),
            dates=list(w.dates),
            not_on=list(w.not_on),
            holidays=w.holidays,
            soc_pm=w.soc_pm,
            arrive_wh=w.arrive_wh,
            must_leave=w.must_leave,
            discharge=w.discharge,
            keep_pm=w.keep_pm,
            follows=w.follows,
        )


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise DeskError(f"dates: {text[:20]!r}: expected days such as 2026-12-24") from None
