"""Pages that need nothing but themselves, out of templates, and names from anywhere on them."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fcn4_dist.text import cleaned, shorten


def render_page(template: str, content: dict[str, Any], **filters: Any) -> bytes:
    """Make a page. Texts are escaped, whatever they hold.

    Args:
        template: Name of a file in ``templates``.
        content: What the template names.
        filters: What else it may apply to values.

    Returns:
        HTML in UTF-8.
    """
    environment = Environment(
        loader=PackageLoader("fcn4_dist.reports"),
        autoescape=True,
        finalize=lambda value: cleaned(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"shorten": shorten, **filters}
    return environment.get_template(template).render(content).encode()
