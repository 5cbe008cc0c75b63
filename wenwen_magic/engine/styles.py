"""Puts a prompt into a named template: a style."""

from collections.abc import Mapping

from wenwen_magic.errors import ConfigError
from wenwen_magic.settings import PLACE
from wenwen_magic.text.i18n import columns, padded, say
from wenwen_magic.text.suggest import did_you_mean

_HOW = "%config WenwenMagics.styles = {'watercolour': '{prompt}, watercolour'}"


def styled(prompt: str, name: str, styles: Mapping[str, str]) -> str:
    """The prompt inside the template of a style; what stands in the prompt is not looked at.

    Raises:
        ConfigError: there is no such style; the text names the nearest.
    """
    if name not in styles:
        raise ConfigError(
            say(f"There is no style {name!r}.", f"没有名为 {name!r} 的风格。"),
            do=did_you_mean(name, styles) if styles else say("Define it: ", "请先定义：") + _HOW,
        )
    return styles[name].replace(PLACE, prompt)


def listing(styles: Mapping[str, str]) -> str:
    """All styles with their templates, a line each; how to define one where there are none."""
    if not styles:
        return say("There are no styles yet. Define one: ", "还没有风格。可这样定义：") + _HOW
    width = max(map(columns, styles)) + 2
    return "\n".join(f"{padded(name, width)}{' '.join(template.split())}" for name, template in styles.items())
