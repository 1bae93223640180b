"""The last line: the keys that do something now."""

from __future__ import annotations

from textual import events
from textual.app import ScreenStackError
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from ragopt_tui.ui.actions import ACTIONS

_ORDER = {action.name: place for place, action in enumerate(ACTIONS)}


class KeyBar(Widget):
    """Draws the bindings with a label in one go, in the order of the actions; a click presses one.

    Textual's footer makes a widget of each key anew at each change of focus, which took a third
    of the first frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[tuple[str, str, str]] = []

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
        for _, key, label in self._keys:
            after = f" {label}{self._gap}"
            parts += [Content.styled(key, "bold $footer-key-foreground"), Content(after)]
        return Content("").join(parts)

    @property
    def _gap(self) -> str:
        """Give what stands between keys: less where they would not fit."""
        drawn = [Content(f"{key} {label}").cell_length for _, key, label in self._keys]
        for gap in ("   ", "  "):
            if sum(drawn) + len(gap) * (len(drawn) - 1) <= self.size.width:
                return gap
        return " "

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        at = event.get_content_offset(self)
        x = 0
        for key, shown, label in self._keys:
            x += Content(f"{shown} {label}{self._gap}").cell_length
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
        seen: dict[str, tuple[str, str, str]] = {}
        for _, binding, enabled, _ in active:
            if enabled:
                shown = self.app.get_key_display(binding)
                named = binding.id or binding.action
                seen.setdefault(named, (binding.key, shown, binding.description))
        keys = [seen[name] for name in sorted(seen, key=lambda name: _ORDER.get(name, -1))]
        if keys != self._keys:
            self._keys = keys
            self.refresh()
