"""Figures in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "FigureKind", "ScrapedFigure", "exposition"]


class FigureKind(Enum):
    """Whether a figure may fall, or only grows."""

    GAUGE = GaugeMetricFamily
    COUNTER = CounterMetricFamily


class ScrapedFigure(NamedTuple):
    """A figure with its values: the labels of each → its value. `labels` are their names, and `name` ends with its
    unit; a counter's name is given without `_total`."""

    name: str
    kind: FigureKind
    help: str
    labels: Sequence[str]
    values: Mapping[tuple[str, ...], float]


class _Figures(Collector):
    def __init__(self, figures: Iterable[ScrapedFigure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for figure in self._figures:
            family = figure.kind.value(figure.name, figure.help, labels=list(figure.labels))
            for labels, value in figure.values.items():
                family.add_metric(list(labels), value)
            yield family


def exposition(figures: Iterable[ScrapedFigure]) -> bytes:
    """The text of figures, in Prometheus' format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return generate_latest(registry)
