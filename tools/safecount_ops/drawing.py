"""Charts as SVG without scripts, in the page's own colours: shared by the desk's and the controller's reports."""

import io
from dataclasses import dataclass
from typing import Any

WIDTHS_PX = {"wide": 680, "narrow": 300}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing in two widths, as SVG text: shrinking the wide one for a phone would shrink its letters too."""

    wide: str
    narrow: str


def svg(chart: Any) -> str:  # noqa: ANN401 - altair's layers
    """Render without a browser; text and axes take the page's own colour, so that one drawing serves light and dark."""
    here = "currentColor"
    axis = {"labelColor": here, "titleColor": here, "domainColor": here, "tickColor": here, "gridColor": here}
    whole = (
        chart.configure(background="transparent", font=FONT, padding=10)
        .configure_axis(**axis, gridOpacity=0.15, labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
        .configure_view(stroke=here, strokeOpacity=0.4)
        .configure_legend(labelColor=here, titleColor=here, labelFontSize=12, orient="bottom", title=None)
    )
    out = io.StringIO()
    whole.save(out, format="svg")
    return out.getvalue()
