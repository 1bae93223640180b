"""The last line: the keys that do something now."""

from __future__ import annotations

from textual import events
from textual.app import ScreenStackError
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from ragopt_tui.ui.actions import ACTIONS

_ORDER = {action.name: place for place, action in enumerate(ACTIONS)}
_ALWAYS = {action.name for action in ACTIONS if action.scope == "app" or action.keys == "escape"}
"""The actions whose keys never give way: with these all else can be found."""


class KeyBar(Widget):
    """Draws the bindings with a label in one go, in the order of the actions; a click presses one.

    Textual's footer makes a widget of each key anew at each change of focus, which took a third
    of the first frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[tuple[str, str, str, str]] = []

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)
        self._follow(self.screen)

    def on_unmount(self) -> None:
        """Follow no longer."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def render(self) -> Content:
        """Draw the keys."""
        parts = []
        keys, gap = self._fitting()
        for _, _, key, label in keys:
            after = f" {label}{gap}"
            parts += [Content.styled(key, "bold $footer-key-foreground"), Content(after)]
        return Content("").join(parts).rstrip()

    def _fitting(self) -> tuple[list[tuple[str, str, str, str]], str]:
        """Give the keys that have room and what stands between them.

        Where there is little, the last ones go first, but never those by which all are found.
        """
        keys = list(self._keys)
        room = self.content_size.width
        for gap in ("   ", "  "):
            if _width(keys, gap) <= room:
                return keys, gap
        while _width(keys, " ") > room:
            giving_way = [n for n, (name, *_) in enumerate(keys) if name not in _ALWAYS]
            if not giving_way:
                break
            del keys[giving_way[-1]]
        return keys, " "

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        at = event.get_content_offset(self)
        x = 0
        keys, gap = self._fitting()
        for _, key, shown, label in keys:
            x += Content(f"{shown} {label}{gap}").cell_length
            if at is not None and at.x < x:
                self.app.simulate_key(key)
                return

    def _follow(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        try:
            bindings = screen.active_bindings
        except ScreenStackError:
            # The program is closing.
            return
        active = [each for each in bindings.values() if each.binding.show]
        seen: dict[str, tuple[str, str, str, str]] = {}
        for _, binding, enabled, _ in active:
            if enabled:
                shown = self.app.get_key_display(binding)
                named = binding.id or binding.action
                seen.setdefault(named, (named, binding.key, shown, binding.description))
        keys = [seen[name] for name in sorted(seen, key=lambda name: _ORDER.get(name, -1))]
        if keys != self._keys:
            self._keys = keys
            self.refresh()


def _width(keys: list[tuple[str, str, str, str]], gap: str) -> int:
    drawn = sum(Content(f"{key} {label}").cell_length for _, _, key, label in keys)
    return drawn + len(gap) * max(0, len(keys) - 1)
